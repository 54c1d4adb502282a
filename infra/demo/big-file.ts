/**
 * A 20 MiB file that is nowhere on disk: its blocks are made as they are read, and are the same at every start. A reader
 * that lost, doubled or swapped a block would notice, because each block begins with its number.
 */
import { createHash } from 'node:crypto';

const blockBytes = 64 * 1024;
const blockCount = 320;

export const bigFileBytes = blockBytes * blockCount;

/** Strong, because the bytes never change. */
export const bigFileEtag = '"20mib-1"';

/** The bytes that all blocks share: SHA-256 of a counter, which no compression makes smaller. */
const filling = Buffer.concat(
  Array.from({ length: blockBytes / 32 }, (_, index) =>
    createHash('sha256').update(`breakwater ${index}`).digest(),
  ),
);

/** Block `index` of the file, 0 to 319. */
export function bigFileBlock(index: number): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(filling);
  new DataView(block.buffer).setBigUint64(0, BigInt(index));
  return block;
}

/** Bytes `[start, end)` of the file; a block is made when the reader has taken the one before. */
export function readBigFile(start = 0, end = bigFileBytes): ReadableStream<Uint8Array> {
  let at = start;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= end) return controller.close();
      const index = Math.floor(at / blockBytes);
      const from = at - index * blockBytes;
      const piece = bigFileBlock(index).subarray(from, Math.min(blockBytes, from + end - at));
      controller.enqueue(piece);
      at += piece.length;
    },
  });
}
