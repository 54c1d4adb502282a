/**
 * A worker's view of `cache.db`: its own read-only connection. A fault of any kind is a counted miss and never an error; every
 * head and every chunk is checked before it is used.
 *
 * Invariants: rows that are not visible are never found by `lookup`; a label is lifted by what the sweeper has done only in
 * the snapshot of the row itself; whether a response may be used after purges is for the caller to judge.
 */
import type { Clock } from '../runtime/deps.ts';
import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { isDamage, openDatabase, type SqliteDatabase } from '../runtime/sqlite.ts';
import { chunkBytes } from './disk-messages.ts';
import { createDiskReaderMetrics } from './disk-metrics.ts';
import {
  chunkCrc,
  chunkEnd,
  chunkId,
  decodeRow,
  decodeState,
  type HeadRow,
  headCrc,
  liftOf,
  type StateRow,
  type SweptState,
} from './disk-schema.ts';
import { StoredResponse } from './entry.ts';

export interface DiskReaderDeps {
  clock: Clock;
  log: Log;
  metrics: Metrics;
}

export interface DiskReaderOptions {
  file: string;
  /** Page cache. Default 8 MiB: the operating system caches the file as well. */
  cacheBytes?: number;
  /** How much of the file is mapped instead of read; a file that is cut short under it kills the process. Default 0. */
  mmapBytes?: number;
}

export interface DiskReader {
  /** The visible variants under a key, bodies left on disk. Empty: none, or a fault. */
  lookup(key: string): StoredResponse[];
  /** The visible parts of a URL, loose ones and slices, at most so many; for whoever explains, not for requests. */
  partsOf(key: string, limit: number): StoredResponse[];
  /** Chunk `n` of a body, also of one that is still being written or is doomed. Undefined: gone, or a fault. */
  chunk(rowId: number, n: number): Buffer | undefined;
  /** A body as a whole. The caller has made sure that it is small enough for memory. */
  body(rowId: number, bodyBytes: number): Buffer | undefined;
  /** The writer has put a new file in place of a damaged one. */
  reopen(generation: number): void;
  /** Hears of rows whose checksum was wrong. */
  onDamagedRow: ((rowId: number) => void) | null;
  /** Hears, once a file, that SQLite finds it damaged. */
  onDamagedFile: ((generation: number) => void) | null;
  close(): void;
}

/** A file that could not be opened is not tried again before. */
const reopenMs = 1000;
/** Faults are counted each, and logged no more often. */
const quietMs = 10_000;

/** Opens the file when it is first needed: it may not exist yet. */
export function createDiskReader(deps: DiskReaderDeps, options: DiskReaderOptions): DiskReader {
  const counts = createDiskReaderMetrics(deps.metrics);
  const connection = createConnection(deps, options);
  let generation = 1;
  let hasToldOfDamage = false;
  let quietUntilMs = Number.NEGATIVE_INFINITY;
  let swept: { text: string; state: SweptState | null } = { text: '', state: null };

  /** Damage that stays after opening anew is the file's, not the connection's. */
  const attempt = <R>(operation: string, read: (sql: Statements) => R): R | undefined => {
    for (let isFirst = true; ; isFirst = false) {
      try {
        const sql = connection.statements();
        return sql && read(sql);
      } catch (error) {
        counts.errors({ operation });
        const damaged = isDamage(error);
        if (damaged) connection.close();
        if (damaged && isFirst) continue;
        complain(error, operation);
        if (damaged && !hasToldOfDamage) {
          hasToldOfDamage = true;
          reader.onDamagedFile?.(generation);
        }
        return undefined;
      }
    }
  };
  const complain = (error: unknown, operation: string) => {
    const now = deps.clock.monotonicMs();
    if (now < quietUntilMs) return;
    quietUntilMs = now + quietMs;
    deps.log.warn({ err: error, operation }, 'the disk cache could not be read');
  };
  const damagedRow = (part: 'head' | 'chunk', rowId: number) => {
    counts.damagedRows({ part });
    reader.onDamagedRow?.(rowId);
  };
  /** The state rarely changes: its text is compared before it is parsed. */
  const sweptOf = ({ swept_value: value, swept_crc: crc }: FoundRow): SweptState | null => {
    if (value === null || crc === null) return null;
    if (value !== swept.text) {
      const state = decodeState({ name: 'swept', value, crc } satisfies StateRow);
      swept = { text: value, state: state as SweptState };
    }
    return swept.state;
  };
  const responseOf = (row: FoundRow, key: string): StoredResponse | undefined => {
    if (headCrc(row, key) !== row.crc) {
      damagedRow('head', row.id);
      return undefined;
    }
    const init = decodeRow(row, key, liftOf(sweptOf(row), row.identity));
    return new StoredResponse(init, null, row.id);
  };
  const bytesOf = (row: ChunkRow | undefined, rowId: number, id: number): Buffer | undefined => {
    if (!row) return undefined;
    if (row.id === id && chunkCrc(id, row.bytes) === row.crc) {
      counts.readBytes({}, row.bytes.length);
      return row.bytes;
    }
    damagedRow('chunk', rowId);
    return undefined;
  };

  const reader: DiskReader = {
    onDamagedRow: null,
    onDamagedFile: null,
    lookup(key) {
      const found = attempt('lookup', (sql) =>
        sql.lookup.all(key).flatMap((row) => responseOf(row, key) ?? []),
      );
      counts.lookups({ result: found === undefined ? 'fault' : found.length > 0 ? 'hit' : 'miss' });
      return found ?? [];
    },
    partsOf: (key, limit) =>
      attempt('lookup', (sql) =>
        // What lies below a key: see `rowsBelow` of the writer.
        sql.parts.all(`${key} `, `${key}!`, limit).flatMap((row) => responseOf(row, row.key) ?? []),
      ) ?? [],
    chunk: (rowId, n) =>
      attempt('chunk', (sql) => {
        const id = chunkId(rowId, n);
        return bytesOf(sql.chunk.get(id), rowId, id);
      }),
    body(rowId, bodyBytes) {
      if (bodyBytes === 0) return Buffer.alloc(0);
      if (bodyBytes <= chunkBytes) {
        const only = reader.chunk(rowId, 0);
        return only?.length === bodyBytes ? only : undefined;
      }
      return attempt('body', (sql) => {
        const pieces: Buffer[] = [];
        for (const row of sql.chunks.iterate(chunkId(rowId, 0), chunkEnd(rowId))) {
          const piece = bytesOf(row, rowId, chunkId(rowId, pieces.length));
          if (!piece) return undefined;
          pieces.push(piece);
        }
        const body = Buffer.concat(pieces);
        return body.length === bodyBytes ? body : undefined;
      });
    },
    reopen(newGeneration) {
      generation = newGeneration;
      hasToldOfDamage = false;
      connection.close();
    },
    close: () => connection.close(),
  };
  return reader;
}

type FoundRow = HeadRow & { crc: number; swept_value: string | null; swept_crc: number | null };

interface ChunkRow {
  id: number;
  crc: number;
  bytes: Buffer;
}

type Statements = ReturnType<typeof prepare>;

function prepare(database: SqliteDatabase) {
  // One statement, so that the row and the state that lifts its label are of one snapshot.
  const columns = `id, label_seq, stale_since_ms, body_bytes, crc, identity, host, variant, head,
    (select value from state where name = 'swept') as swept_value,
    (select crc from state where name = 'swept') as swept_crc`;
  return {
    lookup: database.prepare<[string], FoundRow>(`select ${columns} from responses where key = ?`),
    parts: database.prepare<[string, string, number], FoundRow & { key: string }>(
      `select key, ${columns} from responses where key >= ? and key < ? order by id limit ?`,
    ),
    chunk: database.prepare<[number], ChunkRow>('select id, crc, bytes from chunks where id = ?'),
    chunks: database.prepare<[number, number], ChunkRow>(
      'select id, crc, bytes from chunks where id >= ? and id < ? order by id',
    ),
  };
}

/** A connection that opens itself when it is needed. */
function createConnection({ clock }: DiskReaderDeps, options: DiskReaderOptions) {
  let open: { database: SqliteDatabase; sql: Statements } | undefined;
  let notBeforeMs = Number.NEGATIVE_INFINITY;
  return {
    /** Undefined: there is no file yet, or it could not be opened a moment ago. Throws when opening fails now. */
    statements(): Statements | undefined {
      if (open) return open.sql;
      if (clock.monotonicMs() < notBeforeMs) return undefined;
      notBeforeMs = clock.monotonicMs() + reopenMs;
      const { cacheBytes = 8 * 2 ** 20, mmapBytes = 0 } = options;
      let database: SqliteDatabase;
      try {
        database = openDatabase(options.file, { readonly: true, cacheBytes, busyTimeoutMs: 100 });
      } catch (error) {
        if (isAbsent(error)) return undefined;
        throw error;
      }
      try {
        if (mmapBytes > 0) database.pragma(`mmap_size = ${mmapBytes}`);
        open = { database, sql: prepare(database) };
      } catch (error) {
        database.close();
        throw error;
      }
      return open.sql;
    },
    /** Closes what is open; the next use opens anew at once. */
    close() {
      open?.database.close();
      open = undefined;
      notBeforeMs = Number.NEGATIVE_INFINITY;
    },
  };
}

function isAbsent(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'SQLITE_CANTOPEN';
}
