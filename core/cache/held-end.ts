/**
 * A body whose end waits for a word: whoever has it whole may ask again at once, and is then to find what it was the sign of. The
 * last piece is held back where the length is known, else the end itself.
 */
import type { BodyReader } from './body-reader.ts';

export interface HeldEnd {
  reader: BodyReader;
  /** Lets the end go. Idempotent. */
  release(): void;
}

/** Holds the end of `inner` back; `onHeld` is called once, when there is nothing else left to take. */
export function holdEnd(
  inner: BodyReader,
  lengthBytes: number | undefined,
  onHeld: () => void,
): HeldEnd {
  let isReleased = false;
  let isHolding = false;
  let takenBytes = 0;
  let held: Buffer | undefined;
  const takeHeld = () => {
    const piece = held;
    held = undefined;
    return piece;
  };
  const reader: BodyReader = {
    take() {
      if (isHolding) return isReleased ? takeHeld() : undefined;
      const piece = inner.take();
      takenBytes += piece?.length ?? 0;
      if (isReleased || (inner.state !== 'ended' && takenBytes !== lengthBytes)) return piece;
      held = piece;
      isHolding = true;
      onHeld();
      return isReleased ? takeHeld() : undefined;
    },
    get state() {
      return inner.state === 'ended' && (held || !isReleased) ? 'open' : inner.state;
    },
    get onReadable() {
      return inner.onReadable;
    },
    set onReadable(listener) {
      inner.onReadable = listener;
    },
    close() {
      held = undefined;
      inner.close();
    },
  };
  return {
    reader,
    release() {
      if (isReleased) return;
      isReleased = true;
      if (!isHolding) return;
      const call = inner.onReadable;
      inner.onReadable = null;
      call?.();
    },
  };
}
