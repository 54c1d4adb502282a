/**
 * The part of a body that is held in memory: pieces in order without a gap, added at the end, dropped at the front.
 *
 * Invariant: every byte from `startOffset` to `endOffset` can be had, and none besides.
 */
export interface PieceWindow {
  /** Adds bytes at the end; they are kept, not copied. */
  push(bytes: Buffer): void;
  /** Drops pieces that end at or before `offset`, oldest first, while more than `keepBytes` are held. */
  drop(offset: number, keepBytes: number): void;
  /** What follows `offset` in its piece; undefined outside of the window. Never empty. */
  from(offset: number): Buffer | undefined;
  /** All that is held, in one buffer. */
  joined(): Buffer;
  /** Offset in the body of the first byte held. */
  readonly startOffset: number;
  /** Offset in the body behind the last byte held. */
  readonly endOffset: number;
  /** Bytes held. */
  readonly bytes: number;
}

interface Piece {
  start: number;
  bytes: Buffer;
}

/** Dropped pieces at the front of the list before it is made anew. */
const slack = 64;

/** Creates an empty window at offset 0. */
export function createPieceWindow(): PieceWindow {
  let pieces: Piece[] = [];
  // Pieces before this index are dropped; the list is made anew from time to time, and not at each drop.
  let firstIndex = 0;
  let endOffset = 0;
  let heldBytes = 0;

  const startOffset = () => pieces[firstIndex]?.start ?? endOffset;

  return {
    push(bytes) {
      pieces.push({ start: endOffset, bytes });
      endOffset += bytes.length;
      heldBytes += bytes.length;
    },
    drop(offset, keepBytes) {
      while (heldBytes > keepBytes) {
        const piece = pieces[firstIndex];
        if (!piece || piece.start + piece.bytes.length > offset) break;
        heldBytes -= piece.bytes.length;
        pieces[firstIndex] = dropped;
        firstIndex += 1;
      }
      if (firstIndex < slack || firstIndex * 2 < pieces.length) return;
      pieces = pieces.slice(firstIndex);
      firstIndex = 0;
    },
    from(offset) {
      let low = firstIndex;
      let high = pieces.length - 1;
      while (low <= high) {
        const middle = (low + high) >> 1;
        const piece = pieces[middle] ?? dropped;
        if (offset < piece.start) high = middle - 1;
        else if (offset >= piece.start + piece.bytes.length) low = middle + 1;
        else return piece.bytes.subarray(offset - piece.start);
      }
      return undefined;
    },
    joined() {
      const held = pieces.slice(firstIndex).map((piece) => piece.bytes);
      const [only] = held;
      return only && held.length === 1 ? only : Buffer.concat(held, heldBytes);
    },
    get startOffset() {
      return startOffset();
    },
    get endOffset() {
      return endOffset;
    },
    get bytes() {
      return heldBytes;
    },
  };
}

/** Stands in the place of a dropped piece, so that its bytes can go. */
const dropped: Piece = { start: 0, bytes: Buffer.alloc(0) };
