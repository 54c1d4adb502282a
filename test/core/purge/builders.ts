/** Journals for tests: entries that are chained as the journal chains them. */
import {
  chainHash,
  type JournalEntry,
  type Position,
  type Selector,
  startOf,
} from '../../../core/purge/command.ts';

export interface PlainEntry {
  selectors?: Selector[];
  soft?: boolean;
  scope?: string[];
  atMs?: number;
}

/** Entries 1…n after `start`, in order; entry n is appended at 1000 · n unless it says otherwise. */
export function chain(
  plain: readonly PlainEntry[],
  start: Position = startOf('journal-a'),
): JournalEntry[] {
  let { seq, hash } = start;
  return plain.map((entry) => {
    seq += 1;
    const unchained = {
      seq,
      id: `p${seq}`,
      atMs: entry.atMs ?? 1000 * seq,
      soft: entry.soft ?? false,
      scope: entry.scope ?? ['*'],
      selectors: entry.selectors ?? [tag(`t${seq}`)],
    };
    hash = chainHash(hash, unchained);
    return { ...unchained, hash };
  });
}

/** `count` entries, each with a tag of its own. */
export function entries(count: number, start?: Position): JournalEntry[] {
  return chain(
    Array.from({ length: count }, () => ({})),
    start,
  );
}

export function positionAfter(entry: JournalEntry, identity = 'journal-a'): Position {
  return { identity, seq: entry.seq, hash: entry.hash };
}

export const url = (text: string): Selector => ({ kind: 'url', url: text });
export const tag = (text: string): Selector => ({ kind: 'tag', tag: text });
export const prefix = (text: string): Selector => ({ kind: 'prefix', prefix: text });
export const host = (text: string): Selector => ({ kind: 'host', host: text });
export const everything: Selector = { kind: 'everything' };

/** Normal forms as the nodes' own key function makes them, without its rules: the scheme and the port go. */
export const plainNormaliser = {
  url: strip,
  prefix: strip,
};

function strip(text: string): string | undefined {
  const match = /^https?:\/\/([^/:]+)(?::\d+)?(\/.*)$/.exec(text);
  return match ? `${match[1]?.toLowerCase()}${match[2]}` : undefined;
}
