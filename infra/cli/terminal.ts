/**
 * What a command says to whoever called it: results on standard output, problems and progress on standard error, so that
 * `--json | jq` and `> file` get results only. Colour and the moving progress line only where a person can see them.
 */
import { once } from 'node:events';
import { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];

export interface Terminal {
  /** A line of the result. */
  line(text: string): void;
  /** A piece of the result as it is, such as of a response's body. Resolves when the reader can take more. */
  bytes(part: Uint8Array): Promise<void>;
  /** What went wrong, on standard error. */
  problem(text: string): void;
  /** Replaces the progress line; the empty text removes it. Nothing happens where nobody watches. */
  progress(text: string): void;
  /** Whether a person sees the progress line. */
  readonly isWatched: boolean;
  /** Coloured where standard output is a terminal and NO_COLOR is not set. */
  style(style: Style, text: string): string;
}

const eraseLine = '\r\u001b[2K';

/** A terminal over two streams, normally those of the process. */
export function createTerminal(out: NodeJS.WriteStream, err: NodeJS.WriteStream): Terminal {
  const isWatched = err.isTTY === true;
  let hasProgress = false;
  const clear = () => {
    if (hasProgress) err.write(eraseLine);
    hasProgress = false;
  };
  return {
    isWatched,
    line(text) {
      clear();
      out.write(`${text}\n`);
    },
    async bytes(part) {
      clear();
      if (!out.write(part)) await once(out, 'drain');
    },
    problem(text) {
      clear();
      err.write(`${text}\n`);
    },
    progress(text) {
      if (!isWatched) return;
      clear();
      if (text === '') return;
      // A line that wraps could not be erased again.
      err.write(text.slice(0, (err.columns || 80) - 1));
      hasProgress = true;
    },
    style: (style, text) => styleText(style, text, { stream: out, validateStream: true }),
  };
}
