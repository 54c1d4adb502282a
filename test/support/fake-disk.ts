/** A disk tier without a disk: rows in a map, and commits that happen when the test says so (or at once). */
import { chunkBytes } from '../../core/cache/disk-messages.ts';
import type { DiskTier, DiskWrite } from '../../core/cache/disk-tier.ts';
import { initOf, StoredResponse, type StoredResponseInit } from '../../core/cache/entry.ts';
import { memberOf } from '../../core/cache/host-groups.ts';
import { baseKey } from '../../core/cache/part.ts';

export interface FakeWrite extends DiskWrite {
  readonly key: string;
  /** Makes what has been appended so far readable, and a finished write visible. */
  commit(): void;
  /** The writer gives it up. */
  drop(): void;
  readonly isFinished: boolean;
}

export interface FakeDisk extends DiskTier {
  readonly writes: FakeWrite[];
  /** Commits at once whatever is appended and finished. */
  isEager: boolean;
  /** Visible rows by id. */
  readonly rows: Map<number, { init: StoredResponseInit; body: Buffer }>;
  /** Rows whose chunks cannot be read. */
  readonly damaged: Set<number>;
  readonly removed: string[];
}

export function createFakeDisk(): FakeDisk {
  const rows: FakeDisk['rows'] = new Map();
  const bodies = new Map<number, () => Buffer>();
  const damaged = new Set<number>();
  const writes: FakeWrite[] = [];
  const removed: string[] = [];
  let nextRowId = 1;
  const bytesOf = (rowId: number) =>
    damaged.has(rowId) ? undefined : (rows.get(rowId)?.body ?? bodies.get(rowId)?.());
  const disk: FakeDisk = {
    writes,
    rows,
    damaged,
    removed,
    isEager: false,
    lookup: (key) =>
      [...rows]
        .filter(([, row]) => row.init.key === key)
        .map(([rowId, row]) => new StoredResponse({ ...row.init }, null, rowId)),
    partsOf: (key, limit) =>
      [...rows]
        .filter(([, row]) => row.init.key.startsWith(`${key} `))
        .slice(0, limit)
        .map(([rowId, row]) => new StoredResponse({ ...row.init }, null, rowId)),
    chunk: (rowId, n) => {
      const chunk = bytesOf(rowId)?.subarray(n * chunkBytes, (n + 1) * chunkBytes);
      return chunk && chunk.length > 0 ? chunk : undefined;
    },
    body: (rowId) => bytesOf(rowId),
    begin(key) {
      const rowId = nextRowId;
      nextRowId += 1;
      const write = createFakeWrite(key, rowId, disk);
      bodies.set(rowId, write.committed);
      writes.push(write);
      return write;
    },
    update(rowId, init) {
      const row = rows.get(rowId);
      if (row) rows.set(rowId, { ...row, init: plain(init) });
    },
    remove(keys, onRemoved, groups) {
      removed.push(...keys);
      const isMember = groups && memberOf(groups);
      for (const [rowId, { init }] of rows) {
        if (keys.includes(baseKey(init.key)) || isMember?.(init)) rows.delete(rowId);
      }
      onRemoved?.();
    },
    touch() {},
    receive() {},
    close() {},
  };
  return disk;
}

function plain(init: StoredResponseInit): StoredResponseInit {
  return init instanceof StoredResponse ? initOf(init) : init;
}

function createFakeWrite(
  key: string,
  rowId: number,
  disk: FakeDisk,
): FakeWrite & { committed(): Buffer } {
  let received = Buffer.alloc(0);
  let committedBytes = 0;
  let state: DiskWrite['state'] = 'open';
  let finished: StoredResponseInit | undefined;
  const write: FakeWrite & { committed(): Buffer } = {
    key,
    committed: () => received.subarray(0, committedBytes),
    append(piece) {
      if (state !== 'open') return;
      received = Buffer.concat([received, piece]);
      if (disk.isEager) write.commit();
    },
    finish(init) {
      finished = plain(init);
      if (state === 'dropped') write.onProgress?.();
      else if (disk.isEager) write.commit();
    },
    abort() {
      if (state === 'open') state = 'dropped';
    },
    commit() {
      if (state !== 'open') return;
      const whole = received.length - (received.length % chunkBytes);
      committedBytes = finished ? received.length : whole;
      if (finished) {
        state = 'stored';
        disk.rows.set(rowId, { init: finished, body: received });
      }
      write.onProgress?.();
    },
    drop() {
      state = 'dropped';
      write.onProgress?.();
    },
    get committedBytes() {
      return committedBytes;
    },
    get pendingBytes() {
      return received.length - committedBytes;
    },
    get rowId() {
      return committedBytes > 0 || state === 'stored' ? rowId : null;
    },
    get state() {
      return state;
    },
    get isFinished() {
      return finished !== undefined;
    },
    dropReason: null,
    onProgress: null,
  };
  return write;
}
