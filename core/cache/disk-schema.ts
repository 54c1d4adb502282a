/**
 * The layout of a node's `cache.db`: tables, row identifiers, checksums and the text form of a response's head.
 *
 * `responses` holds visible responses only. A body's chunks exist before its response (a write in progress) and for a while
 * after it (a reader may be in the middle); such bodies are listed in `orphans`, and every orphan of an earlier process is
 * rubbish. So a crash at any point leaves nothing visible that is not whole.
 *
 * Invariants: `journal` and `state.position` change in one transaction; every head and every chunk carries a checksum that
 * covers where it belongs, so that right bytes in a wrong place count as damage too; row ids are never used twice.
 */
import { crc32 } from 'node:zlib';
import { chunkBytes } from './disk-messages.ts';
import type { StoredResponseInit } from './entry.ts';
import { splitVariant } from './part.ts';

/** Kept in `user_version`; a file of another version is discarded. */
export const schemaVersion = 1;

/** Measured: chunks of 256 KiB are read three times faster from pages of 16 KiB than of 4 KiB; small rows lose nothing. */
export const pageBytes = 16 * 1024;

export const schema = `
  create table responses (
    id integer primary key,
    -- Eviction order: small is old. First, so that a touch rewrites one page of the row.
    used_at integer not null,
    label_seq integer not null,
    stale_since_ms integer,
    body_bytes integer not null,
    -- What the row costs of the budget besides its chunks.
    size integer not null,
    crc integer not null,
    identity text not null,
    host text not null,
    -- With the part that the body is of, if it is not the whole (part.ts).
    variant text not null,
    key text not null,
    head text not null
  );
  create index responses_by_key on responses(key);
  create index responses_by_use on responses(used_at);
  create table chunks (id integer primary key, crc integer not null, bytes blob not null);
  create table tags (
    tag text not null, host text not null, response_id integer not null,
    primary key (tag, host, response_id)
  ) without rowid;
  create table orphans (id integer primary key);
  create table journal (seq integer primary key, entry text not null);
  create table state (name text primary key, value text not null, crc integer not null) without rowid;
`;

const chunksPerBody = 2 ** 16;

/** What row and chunk ids leave room for: 16 GiB. */
export const maxBodyBytes = chunksPerBody * chunkBytes;

/** Chunk `n` of a response: one body is one range of the table, and a new one goes to its end. */
export function chunkId(rowId: number, n: number): number {
  return rowId * chunksPerBody + n;
}

/** The first id after the chunks of a response. */
export function chunkEnd(rowId: number): number {
  return (rowId + 1) * chunksPerBody;
}

/** The chunk's checksum, begun with its id. */
export function chunkCrc(id: number, bytes: Uint8Array): number {
  return crc32(bytes, id % 2 ** 32);
}

/** The columns that a head's checksum covers. */
export interface HeadRow {
  id: number;
  label_seq: number;
  stale_since_ms: number | null;
  body_bytes: number;
  identity: string;
  host: string;
  variant: string;
  head: string;
}

export function headCrc(row: HeadRow, key: string): number {
  const columns = [row.id, row.label_seq, row.stale_since_ms, row.body_bytes];
  const texts = `${row.identity}\n${row.host}\n${key}\n${row.variant}\n${row.head}`;
  return crc32(`${columns.join(' ')}\n${texts}`);
}

/** The part of a response that has no column of its own. */
type HeadFields = Omit<
  StoredResponseInit,
  'key' | 'host' | 'variant' | 'part' | 'bodyBytes' | 'identity' | 'labelSeq' | 'staleSinceMs'
>;

export function encodeHead(init: StoredResponseInit): string {
  const { key, host, variant, part, bodyBytes, identity, labelSeq, staleSinceMs, ...fields } = init;
  return JSON.stringify(fields satisfies HeadFields);
}

/** The response of a row whose checksum is right. `sweptSeq` lifts the label: see disk-sweeper. */
export function decodeRow(row: HeadRow, key: string, sweptSeq: number): StoredResponseInit {
  const fields = JSON.parse(row.head) as HeadFields;
  return {
    ...fields,
    // JSON leaves out what is undefined.
    etag: fields.etag,
    lastModified: fields.lastModified,
    key,
    host: row.host,
    ...splitVariant(row.variant),
    bodyBytes: row.body_bytes,
    identity: row.identity,
    labelSeq: Math.max(row.label_seq, sweptSeq),
    staleSinceMs: row.stale_since_ms,
  };
}

/** Bytes that a response costs besides its chunks: its row, two index entries, and its tags. */
export function sizeOf(init: StoredResponseInit, head: string): number {
  const tags = init.tags.reduce((sum, tag) => sum + tag.length + init.host.length + 24, 0);
  return 300 + Buffer.byteLength(head) + 2 * init.key.length + init.variant.length + tags;
}

/** How far a whole pass of the sweeper came, and in which journal. */
export interface SweptState {
  identity: string;
  seq: number;
}

/** The label that a row of `identity` has at least. */
export function liftOf(swept: SweptState | null, identity: string): number {
  return swept?.identity === identity ? swept.seq : 0;
}

/** A value of `state` whose checksum is wrong: treated like any other damage of the file. */
export class DamagedStateError extends Error {
  readonly code = 'SQLITE_CORRUPT_STATE';
  constructor(name: string) {
    super(`the checksum of state "${name}" is wrong`);
  }
}

export interface StateRow {
  name: string;
  value: string;
  crc: number;
}

/** Throws DamagedStateError when the checksum is wrong. */
export function decodeState(row: StateRow): unknown {
  if (crc32(`${row.name}\n${row.value}`) !== row.crc) throw new DamagedStateError(row.name);
  return JSON.parse(row.value);
}

export function encodeState(name: string, value: unknown): StateRow {
  const text = JSON.stringify(value);
  return { name, value: text, crc: crc32(`${name}\n${text}`) };
}
