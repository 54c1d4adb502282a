/**
 * What is true in a simulated network, known to no node of it: which bytes each entry of the journal has purged, and which purges
 * were declared converged when. Positions are told apart by their hash, so journals that share numbers are not mixed up.
 */
import {
  type JournalEntry,
  type Position,
  type Selector,
  startOf,
} from '../../core/purge/command.ts';
import type { JournalDisk } from './simulated-journal.ts';
import { type Page, pages, tagsOf, urlOf } from './simulated-origin.ts';

/** Versions below these are purged. */
export interface Floor {
  /** Not to be given at all. */
  hard: number;
  /** Not to be given as fresh. */
  soft: number;
}

export type Floors = Record<Page, Floor>;
export type Versions = Record<Page, number>;

export interface Ledger {
  /** A purge is handed in: what the origin shows at that moment is not purged by it. */
  submitted(by: string, versions: Versions): void;
  /** Takes note of what is in the journal. */
  take(disk: JournalDisk): void;
  /** The journal has a new identity: whatever was held before counts as purged. */
  renewed(identity: string, versions: Versions): void;
  /** What a node at a position must not give any more. */
  floorsAt(position: Position): Floors;
  converged(entry: JournalEntry, atMs: number): void;
  /** What no node under lease may give to a read begun at that moment. */
  convergedFloor(page: Page, atMs: number): Floor;
  /** Which of two positions is the later one: identities in the order in which they were given. */
  isBehind(position: Position, other: Position): boolean;
}

const nothing: Floors = floorsOf(() => ({ hard: 0, soft: 0 }));

/** Creates a ledger in which nothing has happened. */
export function createLedger(): Ledger {
  const versionsBy = new Map<string, Versions>();
  const byHash = new Map<string, Floors>([[startOf('').hash, nothing]]);
  const byIdentity = new Map<string, Floors>();
  const identities: string[] = [];
  const declared: { atMs: number; floors: Floors }[] = [];
  const meet = (identity: string) => {
    if (!identities.includes(identity)) identities.push(identity);
  };
  return {
    submitted: (by, versions) => void versionsBy.set(by, versions),
    take({ identity, floor, entries }) {
      meet(identity);
      let before = byHash.get(floor.hash) ?? nothing;
      for (const { entry, by } of entries) {
        const known = byHash.get(entry.hash);
        before = known ?? raised(before, entry, versionsBy.get(by));
        if (!known) byHash.set(entry.hash, before);
      }
    },
    renewed(identity, versions) {
      meet(identity);
      byIdentity.set(
        identity,
        floorsOf((page) => ({ hard: versions[page], soft: versions[page] })),
      );
    },
    floorsAt({ identity, hash }) {
      return highest(byHash.get(hash) ?? nothing, byIdentity.get(identity) ?? nothing);
    },
    converged(entry, atMs) {
      const own = byHash.get(entry.hash) ?? nothing;
      declared.push({ atMs, floors: highest(declared.at(-1)?.floors ?? nothing, own) });
    },
    convergedFloor(page, atMs) {
      const last = declared.findLast((one) => one.atMs < atMs);
      return (last?.floors ?? nothing)[page];
    },
    isBehind(position, other) {
      if (position.identity === other.identity) return position.seq < other.seq;
      return identities.indexOf(position.identity) < identities.indexOf(other.identity);
    },
  };
}

function raised(before: Floors, entry: JournalEntry, versions: Versions | undefined): Floors {
  return floorsOf((page) => {
    const floor = before[page];
    if (!versions || !entry.selectors.some((selector) => matches(selector, page))) return floor;
    const soft = Math.max(floor.soft, versions[page]);
    return { soft, hard: entry.soft ? floor.hard : Math.max(floor.hard, versions[page]) };
  });
}

/** Said in the plainest way, and not by the index. */
export function matches(selector: Selector, page: Page): boolean {
  switch (selector.kind) {
    case 'tag':
      return tagsOf[page].includes(selector.tag);
    case 'url':
      return selector.url === urlOf(page);
    case 'prefix':
      return urlOf(page).startsWith(selector.prefix);
    default:
      return true;
  }
}

function highest(one: Floors, other: Floors): Floors {
  return floorsOf((page) => ({
    hard: Math.max(one[page].hard, other[page].hard),
    soft: Math.max(one[page].soft, other[page].soft),
  }));
}

function floorsOf(floor: (page: Page) => Floor): Floors {
  return Object.fromEntries(pages.map((page) => [page, floor(page)])) as Floors;
}
