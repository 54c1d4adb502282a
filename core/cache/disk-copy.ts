/**
 * Writes a stored body to disk once more, for a variant that was found to have the same one: each variant has a row of its own,
 * so that all of them are hits afterwards, and what becomes of one row is none of the other's business.
 *
 * Invariant: no more than `windowBytes` are on their way to the writer; the body is read from disk as the writer takes it.
 */
import { chunkBytes } from './disk-messages.ts';
import type { DiskTier, DiskWrite } from './disk-tier.ts';
import type { StoredResponse } from './entry.ts';
import { type HostGroups, memberOf } from './host-groups.ts';

const windowBytes = 4 * chunkBytes;

export interface DiskCopies {
  /**
   * Gives `entry` a row, with its body from memory or from the row `sourceRowId`. One at a time for a variant: what is asked for
   * meanwhile finds the same again.
   */
  start(entry: StoredResponse, sourceRowId: number | null, maxVariants: number): void;
  /** Gives up what was invalidated. */
  forbid(keys: readonly string[], groups?: HostGroups): void;
}

/** Creates the copies of one worker. */
export function createDiskCopies(disk: DiskTier): DiskCopies {
  const underWay = new Map<string, { write: DiskWrite; entry: StoredResponse }>();
  return {
    start(entry, sourceRowId, maxVariants) {
      const name = `${entry.key}\n${entry.variant}`;
      if (underWay.has(name)) return;
      const write = disk.begin(entry.key);
      underWay.set(name, { write, entry });
      const over = () => {
        underWay.delete(name);
        if (write.state === 'stored' && entry.body !== null) entry.rowId = write.rowId;
      };
      const goOn = pumpOf(write, entry, piecesOf(disk, entry, sourceRowId), maxVariants);
      write.onProgress = () => {
        if (write.state === 'open') goOn();
        if (write.state !== 'open') over();
      };
      write.onProgress();
    },
    forbid(keys, groups) {
      const isMember = groups && memberOf(groups);
      for (const [name, { write, entry }] of [...underWay]) {
        if (!keys.includes(entry.key) && !isMember?.(entry)) continue;
        underWay.delete(name);
        write.abort();
      }
    },
  };
}

/** Chunk `n` of the body; undefined when it is gone. */
function piecesOf(disk: DiskTier, { body }: StoredResponse, sourceRowId: number | null) {
  return (n: number): Buffer | undefined => {
    if (body) return body.subarray(n * chunkBytes, (n + 1) * chunkBytes);
    return sourceRowId === null ? undefined : disk.chunk(sourceRowId, n);
  };
}

/** Returns the call that sends as much as may be on its way, and the end when everything has been sent. */
function pumpOf(
  write: DiskWrite,
  entry: StoredResponse,
  pieceOf: (n: number) => Buffer | undefined,
  maxVariants: number,
): () => void {
  let sent = 0;
  let isFinished = false;
  return () => {
    while (!isFinished && write.state === 'open' && write.pendingBytes < windowBytes) {
      isFinished = sent * chunkBytes >= entry.bodyBytes;
      if (isFinished) return write.finish(entry, maxVariants);
      const piece = pieceOf(sent);
      sent += 1;
      if (piece) write.append(piece);
      else write.abort();
    }
    return undefined;
  };
}
