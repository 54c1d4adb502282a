/**
 * The in-memory invalidation index (DESIGN section 4): which journal entry was the last to match a response, hard and soft.
 * Applying an entry costs O(its selectors); judging a response costs O(length of its URL + its tags). Nothing is scanned.
 *
 * Invariants: entries are applied in order and without a gap; a response labelled below `floorSeq` counts as hard-purged,
 * because marks that it would need may have been forgotten; an entry that this node cannot read purges more, never less.
 */
import assert from 'node:assert/strict';
import { assertNever } from '../runtime/deps.ts';
import { type JournalEntry, type Position, type Selector, startOf } from './command.ts';
import { createMark, enter, gather, type Mark, type Match, newestOf } from './marks.ts';
import { createPrefixTrie } from './prefix-trie.ts';

export type { Match } from './marks.ts';

/** What the index needs to know of a response. */
export interface Purgeable {
  /** The site host; lower case, no port. */
  host: string;
  /** Normal form: host, path and query, without a scheme. */
  url: string;
  tags: readonly string[];
}

/** The node's own `key` function, as far as purges need it. Undefined: not a URL of any site of this node. */
export interface Normaliser {
  /** Normal form of an absolute URL: lower-case host without port, then path and query. */
  url(text: string): string | undefined;
  /** Normal form of an absolute prefix: the host, then a path that begins with a slash. */
  prefix(text: string): string | undefined;
}

export interface PurgeIndexOptions {
  identity: string;
  /** The position before the first entry that will be applied; what is labelled below it counts as purged. Default: 0. */
  start?: Position;
  /** Marks (distinct URLs, tags, prefixes and hosts) kept; beyond it the floor rises. */
  maxEntries: number;
  /** The floor rose because the index was full: the place for a counter. */
  onFloor?(floorSeq: number): void;
  /** A selector could not be read here, and its whole host or scope was purged instead: the place for a counter. */
  onUnreadable?(selector: Selector, entry: JournalEntry): void;
}

export interface PurgeIndex {
  readonly identity: string;
  /** The last entry applied. */
  readonly cursor: Position;
  /** A response labelled below it counts as hard-purged. */
  readonly floorSeq: number;
  /** Marks held. */
  readonly size: number;
  /** Enters the next entry. Throws when it is not the one after `cursor`. */
  apply(entry: JournalEntry): void;
  /**
   * The newest hard and soft match of a response; `softAtMs` is that of the first soft match above `aboveSeq` (default 0),
   * and soft matches at or below `aboveSeq` are left out. Says nothing of the floor: that is `cleanThrough`'s.
   */
  lastMatch(response: Purgeable, aboveSeq?: number): Match;
  /** Forgets what only responses labelled below `seq` could need; the caller holds none of those. */
  forgetThrough(seq: number): void;
}

/** Creates an index at `options.start`. */
export function createPurgeIndex(options: PurgeIndexOptions, normalise: Normaliser): PurgeIndex {
  const start = options.start ?? startOf(options.identity);
  assert.equal(start.identity, options.identity, 'the start is a position of another journal');
  let cursor = start;
  let floorSeq = start.seq;
  // In the order of each mark's newest purge: the front is what is forgotten first.
  const marks = new Map<string, Mark>();
  const prefixes = createPrefixTrie<Mark>();

  const touch = (key: string, entry: JournalEntry) => {
    const mark = marks.get(key) ?? createMark(key);
    if (isPrefixKey(key) && !marks.has(key)) prefixes.set(key.slice(1), mark);
    marks.delete(key);
    marks.set(key, mark);
    enter(mark, entry.seq, entry.soft, entry.atMs);
  };
  const forget = (mark: Mark) => {
    marks.delete(mark.key);
    if (isPrefixKey(mark.key)) prefixes.delete(mark.key.slice(1));
    floorSeq = Math.max(floorSeq, newestOf(mark));
  };
  const shrink = () => {
    if (marks.size <= options.maxEntries) return;
    for (const mark of marks.values()) {
      if (marks.size <= options.maxEntries) break;
      forget(mark);
    }
    options.onFloor?.(floorSeq);
  };

  return {
    identity: options.identity,
    get cursor() {
      return cursor;
    },
    get floorSeq() {
      return floorSeq;
    },
    get size() {
      return marks.size;
    },
    apply(entry) {
      assert.equal(entry.seq, cursor.seq + 1, 'entries are applied in order');
      for (const selector of entry.selectors) {
        const keys = keysOf(selector, entry.scope, normalise);
        if (keys === undefined) options.onUnreadable?.(selector, entry);
        for (const key of keys ?? keysOfUnreadable(selector, entry.scope)) touch(key, entry);
      }
      cursor = { identity: cursor.identity, seq: entry.seq, hash: entry.hash };
      shrink();
    },
    lastMatch({ host, url, tags }, aboveSeq = 0) {
      const match: Match = { hardSeq: 0, softSeq: 0, softAtMs: 0 };
      gather(match, marks.get(everythingKey), aboveSeq);
      gather(match, marks.get(hostKey(host)), aboveSeq);
      gather(match, marks.get(urlKey(url)), aboveSeq);
      for (const tag of tags) {
        gather(match, marks.get(tagKey(tag)), aboveSeq);
        gather(match, marks.get(hostTagKey(host, tag)), aboveSeq);
      }
      prefixes.forEachPrefixOf(url, (mark) => gather(match, mark, aboveSeq));
      return match;
    },
    forgetThrough(seq) {
      for (const mark of marks.values()) {
        if (newestOf(mark) > seq) break;
        forget(mark);
      }
      floorSeq = Math.max(floorSeq, Math.min(seq, cursor.seq));
    },
  };
}

// The first character says the kind, so that all marks share one map and one order of forgetting.
const everythingKey = '*';
const hostKey = (host: string) => `h${host}`;
const urlKey = (url: string) => `u${url}`;
const prefixKey = (prefix: string) => `p${prefix}`;
const isPrefixKey = (key: string) => key.startsWith('p');
const tagKey = (tag: string) => `t${tag}`;
/** A tag of an entry whose token is limited to hosts; a host name has no NUL. */
const hostTagKey = (host: string, tag: string) => `s${host}\0${tag}`;

const isForAll = (scope: readonly string[]) => scope.includes('*');
const isWithin = (host: string, scope: readonly string[]) =>
  isForAll(scope) || scope.includes(host);

/** The keys of the marks that a selector touches; undefined when this node cannot read it. */
function keysOf(
  selector: Selector,
  scope: readonly string[],
  normalise: Normaliser,
): string[] | undefined {
  switch (selector.kind) {
    case 'everything':
      return keysOfScope(scope);
    case 'host':
      return keysOfHost(selector.host.toLowerCase(), scope);
    case 'tag':
      return isForAll(scope)
        ? [tagKey(selector.tag)]
        : scope.map((host) => hostTagKey(host, selector.tag));
    case 'url': {
      const url = normalise.url(selector.url);
      if (url === undefined || !url.includes('/')) return undefined;
      return isWithin(hostOf(url), scope) ? [urlKey(url)] : [];
    }
    case 'prefix': {
      const prefix = normalise.prefix(selector.prefix);
      // Without a slash it would be a prefix of host names.
      if (prefix === undefined || !prefix.includes('/')) return undefined;
      return isWithin(hostOf(prefix), scope) ? [prefixKey(prefix)] : [];
    }
    default:
      return assertNever(selector);
  }
}

function keysOfScope(scope: readonly string[]): string[] {
  return isForAll(scope) ? [everythingKey] : scope.map(hostKey);
}

/** A URL or prefix that this node cannot read purges its whole host or, where even that is unclear, the whole scope. */
function keysOfUnreadable(selector: Selector, scope: readonly string[]): string[] {
  const text =
    selector.kind === 'url' ? selector.url : selector.kind === 'prefix' ? selector.prefix : '';
  const host = URL.canParse(text) ? new URL(text).hostname.replace(/\.$/, '') : '';
  if (host === '') return keysOfScope(scope);
  return keysOfHost(host, scope);
}

function keysOfHost(host: string, scope: readonly string[]): string[] {
  return isWithin(host, scope) ? [hostKey(host)] : [];
}

function hostOf(normalForm: string): string {
  return normalForm.slice(0, normalForm.indexOf('/'));
}
