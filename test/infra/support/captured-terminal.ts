/** A terminal that remembers what was said. */
import type { Terminal } from '../../../infra/cli/terminal.ts';

export interface CapturedTerminal extends Terminal {
  out: string[];
  problems: string[];
  progressed: string[];
}

export function createCapturedTerminal(isWatched = false): CapturedTerminal {
  const out: string[] = [];
  const problems: string[] = [];
  const progressed: string[] = [];
  return {
    out,
    problems,
    progressed,
    isWatched,
    line: (text) => void out.push(text),
    bytes: async (part) => void out.push(Buffer.from(part).toString('utf8')),
    problem: (text) => void problems.push(text),
    progress: (text) => void progressed.push(text),
    style: (_, text) => text,
  };
}
