/**
 * The evidence's SQLite file: tables, statements, and what becomes of a damaged file. It lies beside the journal and is none of
 * it: what is lost here costs evidence of the past, never a purge.
 *
 * Layout: numbers are kept below the identity of their journal; `began_seq` is the journal's newest entry when it took that
 * identity. A row of `acks` covers all entries up to its `seq`, a row of `declared` all up to its `through_seq` that no earlier
 * row covers. `rosters` holds who was needed for that, which seldom changes.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { isDamage, openDatabase, type SqliteDatabase } from '../core/runtime/sqlite.ts';
import { moveAside } from './journal-file.ts';

const layoutVersion = 1;

export interface IdentityRow {
  id: number;
  identity: string;
  began_seq: number;
}

export interface SignerRow {
  id: number;
  node: string;
  /** Empty: it signs nothing. */
  public_key: string;
}

export interface AckRow {
  seq: number;
  hash: string;
  applied_ms: number;
  received_ms: number;
  /** Empty: not signed. */
  signature: string;
}

export interface DeclaredRow {
  through_seq: number;
  at_ms: number;
  /** 0: it had converged before; at_ms is when we came to know. */
  exact: number;
  roster: string;
}

const layout = `
  create table if not exists identities (
    id integer primary key, identity text not null unique, began_seq integer not null
  ) strict;
  create table if not exists signers (
    id integer primary key, node text not null, public_key text not null, unique (node, public_key)
  ) strict;
  create table if not exists acks (
    identity integer not null, signer integer not null, seq integer not null, hash text not null,
    applied_ms real not null, received_ms real not null, signature text not null,
    primary key (identity, signer, seq)
  ) strict, without rowid;
  create table if not exists matched (
    identity integer not null, seq integer not null, node text not null, responses integer not null,
    primary key (identity, seq, node)
  ) strict, without rowid;
  create table if not exists rosters (id integer primary key, roster text not null unique) strict;
  create table if not exists declared (
    identity integer not null, through_seq integer not null, at_ms real not null,
    exact integer not null, roster integer not null, primary key (identity, through_seq)
  ) strict, without rowid;
`;

export type EvidenceFile = ReturnType<typeof prepare> & { database: SqliteDatabase };

/** Opens the file, making it if needed. A damaged one is moved aside first; `movedTo` then says where. Throws what else fails. */
export function openEvidenceFile(
  file: string,
  nowMs: number,
): { opened: EvidenceFile; movedTo?: string } {
  mkdirSync(path.dirname(file), { recursive: true });
  try {
    return { opened: openOnce(file) };
  } catch (error) {
    if (!isDamage(error)) throw error;
    const movedTo = moveAside(file, nowMs);
    return { opened: openOnce(file), movedTo };
  }
}

function openOnce(file: string): EvidenceFile {
  // A power cut may take the last moments: the nodes acknowledge anew when they reconnect.
  const database = openDatabase(file, { synchronous: 'normal', busyTimeoutMs: 0 });
  try {
    const version = database.pragma('user_version', { simple: true }) as number;
    if (version > layoutVersion) throw new Error(`${file} was written by a newer Breakwater`);
    database.exec(layout);
    database.pragma(`user_version = ${layoutVersion}`);
    return { database, ...prepare(database) };
  } catch (error) {
    database.close();
    throw error;
  }
}

function prepare(database: SqliteDatabase) {
  const sql = <P extends unknown[], R = void>(text: string) => database.prepare<P, R>(text);
  return {
    identities: sql<[], IdentityRow>('select * from identities order by id'),
    addIdentity: sql<[string, number]>(
      'insert or ignore into identities (identity, began_seq) values (?, ?)',
    ),
    dropIdentity: sql<[number]>('delete from identities where id = ?'),
    signers: sql<[], SignerRow>('select * from signers order by id'),
    addSigner: sql<[string, string]>(
      'insert or ignore into signers (node, public_key) values (?, ?)',
    ),
    lastAck: sql<[number, number], { seq: number | null }>(
      'select max(seq) as seq from acks where identity = ? and signer = ?',
    ),
    addAck: sql<[number, number, number, string, number, number, string]>(
      'insert or ignore into acks values (?, ?, ?, ?, ?, ?, ?)',
    ),
    ackCovering: sql<[number, number, number], AckRow>(
      'select * from acks where identity = ? and signer = ? and seq >= ? order by seq limit 1',
    ),
    setMatched: sql<[number, number, string, number]>(
      'insert or replace into matched values (?, ?, ?, ?)',
    ),
    matchedOf: sql<[number, number], { node: string; responses: number }>(
      'select node, responses from matched where identity = ? and seq = ?',
    ),
    addRoster: sql<[string]>('insert or ignore into rosters (roster) values (?)'),
    addDeclared: sql<[number, number, number, number, string]>(
      'insert or ignore into declared values (?, ?, ?, ?, (select id from rosters where roster = ?))',
    ),
    dropAcks: sql<[number, number]>('delete from acks where identity = ? and seq > ?'),
    dropMatched: sql<[number, number]>('delete from matched where identity = ? and seq > ?'),
    dropDeclared: sql<[number, number]>(
      'delete from declared where identity = ? and through_seq > ?',
    ),
    lastDeclared: sql<[number], { seq: number | null }>(
      'select max(through_seq) as seq from declared where identity = ?',
    ),
    declaredCovering: sql<[number, number], DeclaredRow>(
      `select through_seq, at_ms, exact, rosters.roster as roster from declared
       join rosters on rosters.id = declared.roster
       where identity = ? and through_seq >= ? order by through_seq limit 1`,
    ),
    rows: sql<[], { rows: number }>(
      `select (select count(*) from acks) + (select count(*) from matched)
       + (select count(*) from declared) as rows`,
    ),
    ...pruning(database),
  };
}

/** Each removes what is at or below a number, of at most so many numbers from the oldest on: no step takes long. */
function pruning(database: SqliteDatabase) {
  const step = (table: string, column: string, where: string) =>
    database.prepare<{ identity: number; signer: number; limit: number; span: number }>(
      `delete from ${table} where ${where} and ${column} <= @limit and ${column} <
       (select min(${column}) from ${table} where ${where}) + @span`,
    );
  return {
    pruneAcks: step('acks', 'seq', 'identity = @identity and signer = @signer'),
    pruneMatched: step('matched', 'seq', 'identity = @identity'),
    pruneDeclared: step('declared', 'through_seq', 'identity = @identity'),
    pruneRosters: database.prepare<[], void>(
      'delete from rosters where id not in (select roster from declared)',
    ),
  };
}
