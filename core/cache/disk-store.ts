/**
 * The rows of `cache.db` as operations, and the one way to a transaction. It knows the layout and keeps the totals; what to
 * store, evict or sweep is decided elsewhere.
 *
 * Invariants: everything that writes runs inside `transaction`; totals are committed with the rows that they count and roll
 * back with them; what memory must learn of a change (`afterCommit`) is told only once it is committed.
 */
import type { SqliteDatabase } from '../runtime/sqlite.ts';
import {
  chunkCrc,
  chunkEnd,
  chunkId,
  decodeState,
  encodeHead,
  encodeState,
  headCrc,
  type StateRow,
  sizeOf,
} from './disk-schema.ts';
import type { StoredResponseInit } from './entry.ts';
import { variantWithPart } from './part.ts';

export interface ResponseRow {
  id: number;
  label_seq: number;
  stale_since_ms: number | null;
  body_bytes: number;
  size: number;
  crc: number;
  identity: string;
  host: string;
  variant: string;
  key: string;
  head: string;
}

/** A body that has no visible response any more and waits for its removal. */
export interface DoomedBody {
  rowId: number;
  bytes: number;
}

export interface DiskStore {
  /** Runs `change` and commits, or throws the SqliteError and leaves everything as it was. Not nested. */
  transaction(change: () => void): void;
  /** Inside a transaction: runs once it is committed, never if it is not. */
  afterCommit(run: () => void): void;
  /** Bytes of all chunks and heads, and the number of visible responses. */
  readonly totals: Readonly<Totals>;
  /** Ids are used once, also when the transaction fails. */
  newRowId(): number;
  putChunk(rowId: number, n: number, bytes: Uint8Array): void;
  /** Removes up to `limit` chunks of a body; returns their bytes, or undefined once none is left. */
  removeChunks(rowId: number, limit: number): number | undefined;
  addOrphan(rowId: number): void;
  removeOrphan(rowId: number): void;
  orphans(): number[];
  insertResponse(rowId: number, init: StoredResponseInit): void;
  /** New head, label and mark for a row over the same body. */
  replaceHead(row: ResponseRow, init: StoredResponseInit): void;
  /** Marks a row stale and labels it. */
  markStale(row: ResponseRow, labelSeq: number, staleSinceMs: number): void;
  /** Makes a response invisible; its body becomes an orphan. False: there is no such response. */
  doom(rowId: number): boolean;
  response(rowId: number): ResponseRow | undefined;
  /** The variants of a key, oldest first. */
  variantsOf(key: string): { id: number; variant: string }[];
  /** Up to `limit` rows of a URL's key and of the keys of its parts below it. */
  rowsBelow(key: string, limit: number): number[];
  /** Up to `limit` responses of a host that have the tag. */
  tagged(tag: string, host: string, limit: number): number[];
  touch(rowId: number): void;
  /** The least recently used responses. */
  oldest(limit: number): number[];
  responsesAfter(rowId: number, limit: number): ResponseRow[];
  state(name: string): unknown;
  /** Null deletes. */
  setState(name: string, value: unknown): void;
  readonly database: SqliteDatabase;
}

interface Totals {
  bytes: number;
  responses: number;
  nextRowId: number;
}

export interface DiskStoreOptions {
  /** Ids below it were used by a file before this one. */
  firstRowId: number;
  /** A response became invisible: its body is to be removed by and by. */
  onDoomed(body: DoomedBody): void;
}

/** Creates the store of an open file. */
export function createDiskStore(database: SqliteDatabase, options: DiskStoreOptions): DiskStore {
  const sql = prepare(database);
  const saved = readState(sql, 'totals') as Totals | undefined;
  let totals: Totals = {
    bytes: saved?.bytes ?? 0,
    responses: saved?.responses ?? 0,
    nextRowId: Math.max(saved?.nextRowId ?? 1, options.firstRowId),
  };
  let isChanged = false;
  let tick = (sql.newestUse.get()?.used_at ?? 0) + 1;
  let afterCommit: (() => void)[] = [];
  const add = (bytes: number, responses = 0) => {
    totals.bytes += bytes;
    totals.responses += responses;
    isChanged = true;
  };
  const setState = (name: string, value: unknown) => {
    if (value === null) sql.deleteState.run(name);
    else sql.putState.run(encodeState(name, value));
  };
  const inTransaction = database.transaction((change: () => void) => {
    change();
    if (isChanged) setState('totals', totals);
  });
  const removeTags = (row: ResponseRow) => {
    for (const tag of tagsOf(row)) sql.deleteTag.run(tag, row.host, row.id);
  };
  const addTags = (rowId: number, { host, tags }: StoredResponseInit) => {
    for (const tag of new Set(tags)) sql.insertTag.run(tag, host, rowId);
  };

  return {
    database,
    transaction(change) {
      const before = { ...totals };
      afterCommit = [];
      isChanged = false;
      try {
        inTransaction.immediate(change);
      } catch (error) {
        totals = { ...before, nextRowId: totals.nextRowId };
        throw error;
      }
      for (const run of afterCommit) run();
    },
    afterCommit: (run) => void afterCommit.push(run),
    get totals() {
      return totals;
    },
    newRowId() {
      isChanged = true;
      totals.nextRowId += 1;
      return totals.nextRowId - 1;
    },
    putChunk(rowId, n, bytes) {
      const id = chunkId(rowId, n);
      sql.insertChunk.run(id, chunkCrc(id, bytes), bytes);
      add(bytes.length);
    },
    removeChunks(rowId, limit) {
      const range = sql.firstChunks.get(chunkId(rowId, 0), chunkEnd(rowId), limit);
      if (!range || range.last === null) return undefined;
      sql.deleteChunks.run(range.first, range.last);
      add(-range.bytes);
      return range.bytes;
    },
    addOrphan: (rowId) => void sql.insertOrphan.run(rowId),
    removeOrphan: (rowId) => void sql.deleteOrphan.run(rowId),
    orphans: () => sql.orphans.all().map((row) => row.id),
    insertResponse(rowId, init) {
      const row = rowOf(rowId, init);
      tick += 1;
      sql.insertResponse.run({ ...row, used_at: tick });
      addTags(rowId, init);
      add(row.size, 1);
    },
    replaceHead(old, init) {
      const row = rowOf(old.id, init);
      sql.updateResponse.run(row);
      removeTags(old);
      addTags(old.id, init);
      add(row.size - old.size);
    },
    markStale(row, labelSeq, staleSinceMs) {
      const marked = { ...row, label_seq: labelSeq, stale_since_ms: staleSinceMs };
      sql.updateResponse.run({ ...marked, crc: headCrc(marked, row.key) });
    },
    doom(rowId) {
      const row = sql.response.get(rowId);
      if (!row) return false;
      removeTags(row);
      sql.deleteResponse.run(rowId);
      add(-row.size, -1);
      if (row.body_bytes === 0) return true;
      sql.insertOrphan.run(rowId);
      afterCommit.push(() => options.onDoomed({ rowId, bytes: row.body_bytes }));
      return true;
    },
    response: (rowId) => sql.response.get(rowId),
    variantsOf: (key) => sql.variants.all(key),
    // A key has no space but before the name of a part, and "!" is the character after it.
    rowsBelow: (key, limit) =>
      sql.rowsBelow.all(key, `${key} `, `${key}!`, limit).map((row) => row.id),
    tagged: (tag, host, limit) => sql.tagged.all(tag, host, limit).map((row) => row.id),
    touch(rowId) {
      tick += 1;
      sql.touch.run(tick, rowId);
    },
    oldest: (limit) => sql.oldest.all(limit).map((row) => row.id),
    responsesAfter: (rowId, limit) => sql.responsesAfter.all(rowId, limit),
    state: (name) => readState(sql, name),
    setState,
  };
}

type Statements = ReturnType<typeof prepare>;

function prepare(database: SqliteDatabase) {
  const columns =
    'id, label_seq, stale_since_ms, body_bytes, size, crc, identity, host, variant, key, head';
  return {
    insertChunk: database.prepare<[number, number, Uint8Array]>(
      'insert into chunks (id, crc, bytes) values (?, ?, ?)',
    ),
    // `length` of a blob reads its row's header only, never its overflow pages.
    firstChunks: database.prepare<
      [number, number, number],
      { first: number; last: number | null; bytes: number }
    >(
      `select min(id) as first, max(id) as last, sum(size) as bytes from
        (select id, length(bytes) as size from chunks where id >= ? and id < ? order by id limit ?)`,
    ),
    deleteChunks: database.prepare<[number, number]>('delete from chunks where id between ? and ?'),
    insertOrphan: database.prepare<[number]>('insert or ignore into orphans (id) values (?)'),
    deleteOrphan: database.prepare<[number]>('delete from orphans where id = ?'),
    orphans: database.prepare<[], { id: number }>('select id from orphans order by id'),
    insertResponse: database.prepare<[ResponseRow & { used_at: number }]>(
      `insert into responses (${columns}, used_at) values (@id, @label_seq, @stale_since_ms, @body_bytes,
        @size, @crc, @identity, @host, @variant, @key, @head, @used_at)`,
    ),
    updateResponse: database.prepare<[ResponseRow]>(
      `update responses set label_seq = @label_seq, stale_since_ms = @stale_since_ms, size = @size,
        crc = @crc, identity = @identity, variant = @variant, head = @head where id = @id`,
    ),
    deleteResponse: database.prepare<[number]>('delete from responses where id = ?'),
    response: database.prepare<[number], ResponseRow>(
      `select ${columns} from responses where id = ?`,
    ),
    responsesAfter: database.prepare<[number, number], ResponseRow>(
      `select ${columns} from responses where id > ? order by id limit ?`,
    ),
    variants: database.prepare<[string], { id: number; variant: string }>(
      'select id, variant from responses where key = ? order by id',
    ),
    rowsBelow: database.prepare<[string, string, string, number], { id: number }>(
      'select id from responses where key = ? or (key >= ? and key < ?) limit ?',
    ),
    oldest: database.prepare<[number], { id: number }>(
      'select id from responses order by used_at limit ?',
    ),
    newestUse: database.prepare<[], { used_at: number }>(
      'select used_at from responses order by used_at desc limit 1',
    ),
    touch: database.prepare<[number, number]>('update responses set used_at = ? where id = ?'),
    insertTag: database.prepare<[string, string, number]>(
      'insert or ignore into tags (tag, host, response_id) values (?, ?, ?)',
    ),
    deleteTag: database.prepare<[string, string, number]>(
      'delete from tags where tag = ? and host = ? and response_id = ?',
    ),
    // Joined, because a row whose head was damaged leaves its listings behind.
    tagged: database.prepare<[string, string, number], { id: number }>(
      `select r.id as id from tags t join responses r on r.id = t.response_id
        where t.tag = ? and t.host = ? order by t.response_id limit ?`,
    ),
    state: database.prepare<[string], StateRow>(
      'select name, value, crc from state where name = ?',
    ),
    putState: database.prepare<[StateRow]>(
      `insert into state (name, value, crc) values (@name, @value, @crc)
        on conflict (name) do update set value = excluded.value, crc = excluded.crc`,
    ),
    deleteState: database.prepare<[string]>('delete from state where name = ?'),
  };
}

function readState(sql: Statements, name: string): unknown {
  const row = sql.state.get(name);
  return row && decodeState(row);
}

function rowOf(id: number, init: StoredResponseInit): ResponseRow {
  const head = encodeHead(init);
  const row = {
    id,
    label_seq: init.labelSeq,
    stale_since_ms: init.staleSinceMs,
    body_bytes: init.bodyBytes,
    size: sizeOf(init, head),
    crc: 0,
    identity: init.identity,
    host: init.host,
    variant: variantWithPart(init),
    key: init.key,
    head,
  };
  row.crc = headCrc(row, init.key);
  return row;
}

/** The tags under which a row is listed. A damaged head names none: its listings stay, and join nothing. */
function tagsOf(row: ResponseRow): readonly string[] {
  if (headCrc(row, row.key) !== row.crc) return [];
  return (JSON.parse(row.head) as { tags: readonly string[] }).tags;
}
