/** Forgets evidence in small steps: what the journal no longer keeps, and the oldest when there is too much. */
import type { IdentityRow } from './evidence-file.ts';
import type { EvidenceBook } from './evidence-rows.ts';

export interface PruneStep {
  /** Nothing is left to do. */
  isDone: boolean;
  /** Rows of entries that the journal still keeps. */
  dropped: number;
}

/** Numbers for which rows are removed in one step; each has two rows a node at most. */
const span = 100;

/** One step; `floorSeq` is the newest entry that the journal no longer keeps. */
export function pruneStep(book: EvidenceBook, floorSeq: number, maxRows: number): PruneStep {
  const { file } = book;
  let removed = 0;
  file.database
    .transaction(() => {
      for (const [index, row] of [...book.identities].entries()) {
        const isOver = isOverBy(book.identities[index + 1], floorSeq);
        const rows = removeUpTo(book, row, isOver ? Number.MAX_SAFE_INTEGER : floorSeq);
        removed += rows;
        if (isOver && rows === 0) file.dropIdentity.run(row.id);
      }
      if (removed === 0) file.pruneRosters.run();
    })
    .immediate();
  book.rows -= removed;
  book.identities.splice(0, Number.POSITIVE_INFINITY, ...file.identities.all());
  const dropped = removed === 0 && book.rows > maxRows ? dropOldest(book) : 0;
  return { isDone: removed === 0 && book.rows <= maxRows, dropped };
}

/** All entries of which an identity can tell are gone when the next one began at or below the floor. */
function isOverBy(next: IdentityRow | undefined, floorSeq: number): boolean {
  return next !== undefined && next.began_seq <= floorSeq;
}

function dropOldest(book: EvidenceBook): number {
  for (const row of book.identities) {
    const dropped = book.file.database
      .transaction(() => removeUpTo(book, row, Number.MAX_SAFE_INTEGER))
      .immediate();
    book.rows -= dropped;
    if (dropped > 0) return dropped;
  }
  return 0;
}

function removeUpTo({ file, signers }: EvidenceBook, { id }: IdentityRow, limit: number): number {
  const from = { identity: id, signer: 0, limit, span };
  const acks = signers.map((signer) => file.pruneAcks.run({ ...from, signer: signer.id }).changes);
  const others = [file.pruneMatched.run(from).changes, file.pruneDeclared.run(from).changes];
  return [...acks, ...others].reduce((sum, changes) => sum + changes, 0);
}
