/** What is written into the file of the evidence, and what is known of the file without reading it. */
import type { Position } from '../core/purge/command.ts';
import type { EvidenceFile, IdentityRow, SignerRow } from './evidence-file.ts';

/** A node of which an acknowledgement was needed when a purge was declared, or that was quarantined then. */
export interface RosterNode {
  node: string;
  role: 'edge' | 'shield';
  quarantined: boolean;
  unreachableSinceMs: number | null;
  reason: string | null;
}

export type EvidenceItem =
  | {
      kind: 'ack';
      node: string;
      publicKey: string | undefined;
      position: Position;
      appliedAtMs: number;
      receivedAtMs: number;
      signature: string | undefined;
    }
  | { kind: 'matched'; identity: string; seq: number; node: string; responses: number }
  /** All up to the position have converged. */
  | {
      kind: 'declared';
      position: Position;
      atMs: number;
      /** False: it had converged before we came to know. */
      isExact: boolean;
      roster: readonly RosterNode[];
    };

type Item<Kind extends EvidenceItem['kind']> = Extract<EvidenceItem, { kind: Kind }>;

/** An open file. After a failed write what it knows may be wrong: it must be opened again. */
export interface EvidenceBook {
  readonly file: EvidenceFile;
  /** In the order of their beginning. */
  readonly identities: IdentityRow[];
  readonly signers: SignerRow[];
  /** The newest acknowledgement, by `identity signer`. */
  readonly lastAcks: Map<string, number>;
  rows: number;
}

/** Reads what is to be known of a file. */
export function openBook(file: EvidenceFile): EvidenceBook {
  return {
    file,
    identities: file.identities.all(),
    signers: file.signers.all(),
    lastAcks: new Map(),
    rows: file.rows.get()?.rows ?? 0,
  };
}

/** The journal has had the identity of `head` since then, unless it is known already. */
export function beginIdentity({ file, identities }: EvidenceBook, head: Position): void {
  file.addIdentity.run(head.identity, head.seq);
  identities.splice(0, Number.POSITIVE_INFINITY, ...file.identities.all());
}

/** What is kept beyond `head` of its identity is of entries that the journal has lost; others will get their numbers. */
export function dropBeyond(book: EvidenceBook, head: Position): void {
  const { file } = book;
  const id = findId(book, head.identity) ?? 0;
  for (const statement of [file.dropAcks, file.dropMatched, file.dropDeclared]) {
    book.rows -= statement.run(id, head.seq).changes;
  }
}

export function lastDeclared(book: EvidenceBook, identity: string): number {
  return book.file.lastDeclared.get(findId(book, identity) ?? 0)?.seq ?? 0;
}

/** Writes all items or none; returns how many rows. */
export function writeItems(book: EvidenceBook, items: readonly EvidenceItem[]): number {
  const rows = book.file.database
    .transaction(() => items.reduce((sum, item) => sum + writeItem(book, item), 0))
    .immediate();
  book.rows += rows;
  return rows;
}

function writeItem(book: EvidenceBook, item: EvidenceItem): number {
  const identity = item.kind === 'matched' ? item.identity : item.position.identity;
  const id = findId(book, identity);
  // It was said of a journal that a damaged file took with it.
  if (id === undefined) return 0;
  if (item.kind === 'ack') return writeAck(book, id, item);
  if (item.kind === 'matched') {
    const { seq, node, responses } = item;
    return book.file.setMatched.run(id, seq, node, responses).changes;
  }
  const { position, atMs, isExact } = item;
  const roster = JSON.stringify(item.roster);
  book.file.addRoster.run(roster);
  return book.file.addDeclared.run(id, position.seq, atMs, isExact ? 1 : 0, roster).changes;
}

/** What is at or below the newest one kept adds nothing: that one, or one before it, covered it first. */
function writeAck(book: EvidenceBook, identity: number, item: Item<'ack'>): number {
  const { file, lastAcks } = book;
  const { position, appliedAtMs, receivedAtMs, signature } = item;
  const signer = signerOf(book, item.node, item.publicKey ?? '');
  const key = `${identity} ${signer}`;
  const last = lastAcks.get(key) ?? file.lastAck.get(identity, signer)?.seq ?? -1;
  lastAcks.set(key, Math.max(last, position.seq));
  if (position.seq <= last) return 0;
  const { seq, hash } = position;
  return file.addAck.run(identity, signer, seq, hash, appliedAtMs, receivedAtMs, signature ?? '')
    .changes;
}

function findId({ identities }: EvidenceBook, identity: string): number | undefined {
  return identities.find((row) => row.identity === identity)?.id;
}

function signerOf({ file, signers }: EvidenceBook, node: string, publicKey: string): number {
  const known = signers.find((row) => row.node === node && row.public_key === publicKey);
  if (known) return known.id;
  const id = Number(file.addSigner.run(node, publicKey).lastInsertRowid);
  signers.push({ id, node, public_key: publicKey });
  return id;
}
