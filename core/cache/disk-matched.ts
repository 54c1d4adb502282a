/**
 * Counts how many stored responses each purge matched, for its evidence. The index that judges responses finds nothing by
 * itself, so counting walks the rows of the selectors' keys and tags, in the background, a bounded step at a time.
 *
 * Invariants: a response counts once for an entry, however many of its selectors match; only responses labelled below the
 * entry count. Two purges of the same response before the sweeper has removed it count it twice.
 */

import type { JournalEntry, Selector } from '../purge/command.ts';
import type { Normaliser } from '../purge/index.ts';
import { assertNever } from '../runtime/deps.ts';
import type { StepResult } from './disk-maintenance.ts';
import type { DiskStore } from './disk-store.ts';

export interface DiskMatched {
  /** Adds an entry to be counted; without a report when too many wait. */
  add(entry: JournalEntry): void;
  /** `idle` only when nothing waits to be counted. */
  step(): StepResult;
}

export interface DiskMatchedOptions {
  normalise: Normaliser;
  /** The journal of the rows that count. */
  identity(): string | undefined;
  onMatched(seq: number, responses: number): void;
  /** Too many entries waited. */
  onUncounted(): void;
  /** Rows looked at in one step. Default 2000. */
  rowsPerStep?: number;
  /** Whether a row that fits counts. Default: every row. */
  isLive?(rowId: number): boolean;
  /** A row counted. */
  onRow?(key: string, rowId: number): void;
}

const maxWaiting = 10_000;
const defaultRowsPerStep = 2000;

/** One walk: the keys of `[low, high)`, or the responses with a tag. */
type Walk =
  | { kind: 'keys'; low: string; high: string }
  | { kind: 'tag'; tag: string; earlier: readonly string[] };

interface Count {
  entry: JournalEntry;
  ranges: readonly KeyRange[];
  walks: Walk[];
  /** Where the first walk goes on. */
  after: { text: string; id: number } | undefined;
  responses: number;
}

export function createDiskMatched(store: DiskStore, options: DiskMatchedOptions): DiskMatched {
  const sql = prepare(store);
  const { rowsPerStep = defaultRowsPerStep, isLive = () => true } = options;
  const waiting: JournalEntry[] = [];
  let count: Count | undefined;

  const walkKeys = (current: Count, walk: Walk & { kind: 'keys' }): boolean => {
    const after = current.after ?? { text: walk.low, id: 0 };
    const rows = sql.keys.all(after.text, after.text, after.id, walk.high, rowsPerStep);
    for (const row of rows) if (counts(current, row)) take(current, row);
    const last = rows.at(-1);
    current.after = last && { text: last.key, id: last.id };
    return rows.length < rowsPerStep;
  };
  const walkTag = (current: Count, walk: Walk & { kind: 'tag' }): boolean => {
    const { text: host, id } = current.after ?? { text: '', id: 0 };
    const limit = Math.max(1, Math.floor(rowsPerStep / (1 + walk.earlier.length)));
    const rows = sql.tagged.all(walk.tag, host, host, id, limit);
    for (const row of rows) {
      const isNew =
        isInScope(current.entry.scope, row.host) &&
        counts(current, row) &&
        !current.ranges.some(({ low, high }) => row.key >= low && row.key < high) &&
        !walk.earlier.some((tag) => sql.hasTag.get(tag, row.host, row.id));
      if (isNew) take(current, row);
    }
    const last = rows.at(-1);
    current.after = last && { text: last.host, id: last.id };
    return rows.length < limit;
  };
  const counts = (current: Count, row: LabelledRow) =>
    row.label_seq < current.entry.seq && row.identity === options.identity() && isLive(row.id);
  const take = (current: Count, { key, id }: { key: string; id: number }) => {
    current.responses += 1;
    options.onRow?.(key, id);
  };

  return {
    add(entry) {
      if (waiting.length < maxWaiting) waiting.push(entry);
      else options.onUncounted();
    },
    step() {
      count ??= begin(waiting.shift(), options.normalise);
      if (!count) return 'idle';
      const [walk] = count.walks;
      if (!walk) {
        options.onMatched(count.entry.seq, count.responses);
        count = undefined;
        return waiting.length > 0 ? 'more' : 'idle';
      }
      if (walk.kind === 'keys' ? walkKeys(count, walk) : walkTag(count, walk)) {
        count.walks.shift();
        count.after = undefined;
      }
      return 'more';
    },
  };
}

interface LabelledRow {
  id: number;
  label_seq: number;
  identity: string;
}

interface KeyRange {
  low: string;
  high: string;
}

function begin(entry: JournalEntry | undefined, normalise: Normaliser): Count | undefined {
  if (!entry) return undefined;
  const ranges = merged(
    entry.selectors.flatMap((selector) => rangesOf(selector, entry.scope, normalise)),
  );
  const tags = [...new Set(entry.selectors.flatMap((s) => (s.kind === 'tag' ? [s.tag] : [])))];
  const walks: Walk[] = [
    ...ranges.map((range) => ({ kind: 'keys' as const, ...range })),
    ...tags.map((tag, at) => ({ kind: 'tag' as const, tag, earlier: tags.slice(0, at) })),
  ];
  return { entry, ranges, walks, after: undefined, responses: 0 };
}

/** The keys that a selector matches, for both schemes; the same reading of selectors as the purge index has. */
function rangesOf(selector: Selector, scope: readonly string[], normalise: Normaliser): KeyRange[] {
  switch (selector.kind) {
    case 'everything':
      return everythingIn(scope);
    case 'host':
      return hostRanges(selector.host.toLowerCase(), scope);
    case 'tag':
      return [];
    case 'url': {
      const url = normalise.url(selector.url);
      if (url === undefined) return unreadable(selector.url, scope);
      return isInScope(scope, hostOf(url)) ? bothSchemes(url, afterParts) : [];
    }
    case 'prefix': {
      const prefix = normalise.prefix(selector.prefix);
      if (prefix === undefined) return unreadable(selector.prefix, scope);
      return isInScope(scope, hostOf(prefix)) ? bothSchemes(prefix, afterAll) : [];
    }
    default:
      return assertNever(selector);
  }
}

/** The largest code point: above every continuation of a key. */
const afterAll = '\u{10FFFF}';

/** Above the keys of a URL's parts, which go on with a space (part.ts), and below every other continuation of a key. */
const afterParts = '!';

const bothSchemes = (text: string, end: string): KeyRange[] =>
  ['http://', 'https://'].map((scheme) => ({
    low: scheme + text,
    high: scheme + text + end,
  }));

function everythingIn(scope: readonly string[]): KeyRange[] {
  if (scope.includes('*')) return [{ low: '', high: afterAll }];
  return scope.flatMap((host) => hostRanges(host, scope));
}

function hostRanges(host: string, scope: readonly string[]): KeyRange[] {
  return isInScope(scope, host) ? bothSchemes(`${host}/`, afterAll) : [];
}

/** What this node cannot read has purged its whole host or, where even that is unclear, the whole scope. */
function unreadable(text: string, scope: readonly string[]): KeyRange[] {
  const host = URL.canParse(text) ? new URL(text).hostname.replace(/\.$/, '') : '';
  return host === '' ? everythingIn(scope) : hostRanges(host, scope);
}

const isInScope = (scope: readonly string[], host: string) =>
  scope.includes('*') || scope.includes(host);

const hostOf = (normalForm: string) => normalForm.slice(0, normalForm.indexOf('/'));

/** Sorted, and overlapping ones made one, so that no key is walked twice. Keys are ASCII: both orders agree. */
function merged(ranges: readonly KeyRange[]): KeyRange[] {
  const result: KeyRange[] = [];
  const sorted = [...ranges].sort((a, b) => (a.low < b.low ? -1 : a.low > b.low ? 1 : 0));
  for (const range of sorted) {
    const last = result.at(-1);
    if (!last || range.low >= last.high) result.push({ ...range });
    else if (range.high > last.high) last.high = range.high;
  }
  return result;
}

function prepare({ database }: DiskStore) {
  return {
    keys: database.prepare<[string, string, number, string, number], LabelledRow & { key: string }>(
      // The first condition bounds the scan of the index; the second skips what was counted before.
      `select id, key, label_seq, identity from responses
        where key >= ? and (key > ? or id > ?) and key < ? order by key, id limit ?`,
    ),
    tagged: database.prepare<
      [string, string, string, number, number],
      LabelledRow & { key: string; host: string }
    >(
      `select t.host as host, t.response_id as id, r.key as key, r.label_seq as label_seq, r.identity as identity
        from tags t join responses r on r.id = t.response_id
        where t.tag = ? and t.host >= ? and (t.host > ? or t.response_id > ?)
        order by t.host, t.response_id limit ?`,
    ),
    hasTag: database.prepare<[string, string, number]>(
      'select 1 from tags where tag = ? and host = ? and response_id = ?',
    ),
  };
}
