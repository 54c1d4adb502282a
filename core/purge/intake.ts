/**
 * What a node makes of entries that arrive: pure. Duplicates change nothing, a gap is never skipped, and each entry's hash
 * must follow from all before it; so two journals that share numbers cannot be mistaken for one another.
 */
import { assertNever } from '../runtime/deps.ts';
import { chainHash, type JournalEntry, type Position } from './command.ts';

/** Why entries were not taken; the node then asks again from its position. */
export type IntakeProblem = 'identity' | 'gap' | 'chain';

export interface Intake {
  /** The entries that are new, in order. */
  accepted: JournalEntry[];
  /** Where the next entry must follow. */
  received: Position;
  /** Set when a part of the entries (those after `accepted`) was refused. */
  problem?: IntakeProblem;
}

/** Takes from `entries` of the journal `identity` what follows `received`. */
export function takeIn(
  received: Position,
  identity: string,
  entries: readonly JournalEntry[],
): Intake {
  if (identity !== received.identity) return { accepted: [], received, problem: 'identity' };
  const accepted: JournalEntry[] = [];
  let { seq, hash } = received;
  const result = (problem?: IntakeProblem): Intake => ({
    accepted,
    received: { identity, seq, hash },
    ...(problem && { problem }),
  });
  for (const entry of entries) {
    if (entry.seq <= seq) continue;
    if (entry.seq !== seq + 1) return result('gap');
    if (entry.hash !== chainHash(hash, entry)) return result('chain');
    accepted.push(entry);
    ({ seq, hash } = entry);
  }
  return result();
}

/** Whether `position` is at or after `other`. Positions of different journals are never. */
export function hasReached(position: Position | null, other: Position): boolean {
  return position !== null && position.identity === other.identity && position.seq >= other.seq;
}

/** About the memory that an entry takes; for queues that are bounded in bytes. */
export function entryBytes(entry: JournalEntry): number {
  let bytes = 200;
  for (const host of entry.scope) bytes += host.length;
  for (const selector of entry.selectors) bytes += 40 + selectorText(selector).length;
  return bytes;
}

function selectorText(selector: JournalEntry['selectors'][number]): string {
  switch (selector.kind) {
    case 'url':
      return selector.url;
    case 'prefix':
      return selector.prefix;
    case 'tag':
      return selector.tag;
    case 'host':
      return selector.host;
    case 'everything':
      return '';
    default:
      return assertNever(selector);
  }
}
