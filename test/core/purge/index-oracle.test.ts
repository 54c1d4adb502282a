/** The index against a list that is searched from end to end: random entries, random responses, random labels. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { cleanThrough } from '../../../core/cache/clean-through.ts';
import type { JournalEntry, Selector } from '../../../core/purge/command.ts';
import { createPurgeIndex, type Purgeable } from '../../../core/purge/index.ts';
import { chain, plainNormaliser } from './builders.ts';

const hostName = fc.constantFrom('a.test', 'b.test', 'c.test');
const path = fc
  .array(fc.constantFrom('a', 'b', 'ab', ''), { maxLength: 3 })
  .map((parts) => `/${parts.join('/')}`);
const tagName = fc.constantFrom('x', 'y', 'z', 'xy');
const address = fc.tuple(hostName, path).map(([host, rest]) => `https://${host}${rest}`);
const selector: fc.Arbitrary<Selector> = fc.oneof(
  address.map((url): Selector => ({ kind: 'url', url })),
  address.map((prefix): Selector => ({ kind: 'prefix', prefix })),
  tagName.map((tag): Selector => ({ kind: 'tag', tag })),
  hostName.map((host): Selector => ({ kind: 'host', host })),
  { weight: 1, arbitrary: fc.constant<Selector>({ kind: 'everything' }) },
);
const scope: fc.Arbitrary<string[]> = fc.oneof(
  fc.constant<string[]>(['*']),
  fc.uniqueArray<string, string>(hostName, { minLength: 1, maxLength: 2 }),
);
const plainEntry = fc.record({
  selectors: fc.array(selector, { minLength: 1, maxLength: 3 }),
  soft: fc.boolean(),
  scope,
});
const response = fc
  .record({ host: hostName, path, tags: fc.uniqueArray(tagName, { maxLength: 3 }) })
  .map(({ host, path: rest, tags }): Purgeable => ({ host, url: host + rest, tags }));

/** What DESIGN section 2 says an entry matches, in the plainest words. */
function matches(entry: JournalEntry, { host, url, tags }: Purgeable): boolean {
  if (!entry.scope.includes('*') && !entry.scope.includes(host)) return false;
  return entry.selectors.some((one) => {
    if (one.kind === 'everything') return true;
    if (one.kind === 'host') return one.host === host;
    if (one.kind === 'tag') return tags.includes(one.tag);
    if (one.kind === 'url') return plainNormaliser.url(one.url) === url;
    return url.startsWith(plainNormaliser.prefix(one.prefix) ?? '?');
  });
}

function indexOf(entries: readonly JournalEntry[], maxEntries: number) {
  const index = createPurgeIndex({ identity: 'journal-a', maxEntries }, plainNormaliser);
  for (const entry of entries) index.apply(entry);
  return index;
}

const history = fc.array(plainEntry, { maxLength: 12 });
const label = fc.nat(13);

describe('index and clean-through against a list searched from end to end', () => {
  test('with room for all they agree on every response and label', () => {
    fc.assert(
      fc.property(history, response, label, (plain, stored, labelSeq) => {
        const entries = chain(plain);
        const index = indexOf(entries, 1000);
        const judged = cleanThrough({ ...stored, identity: 'journal-a', labelSeq }, index);
        const hits = entries.filter((entry) => entry.seq > labelSeq && matches(entry, stored));
        const hard = hits.findLast((entry) => !entry.soft);
        const soft = hits.filter((entry) => entry.soft);
        if (hard) assert.deepEqual(judged, { kind: 'hard', seq: hard.seq });
        else if (soft[0]) {
          const newest = soft.at(-1)?.seq;
          assert.deepEqual(judged, { kind: 'soft', seq: newest, sinceMs: soft[0].atMs });
        } else assert.deepEqual(judged, { kind: 'clean' });
      }),
      { numRuns: 2000 },
    );
  });

  test('with little room they never call clean, or stale, what is purged harder', () => {
    const order = { clean: 0, soft: 1, hard: 2 };
    fc.assert(
      fc.property(history, response, label, fc.nat(6), (plain, stored, labelSeq, room) => {
        const entries = chain(plain);
        const labelled = { ...stored, identity: 'journal-a', labelSeq };
        const exact = cleanThrough(labelled, indexOf(entries, 1000));
        const bounded = indexOf(entries, room);
        assert.ok(order[cleanThrough(labelled, bounded).kind] >= order[exact.kind]);
        assert.ok(bounded.size <= room);
      }),
      { numRuns: 1000 },
    );
  });

  test('forgetting what is below the oldest label changes no judgement of what is above it', () => {
    fc.assert(
      fc.property(history, response, label, label, (plain, stored, oldest, labelSeq) => {
        fc.pre(labelSeq >= oldest);
        const entries = chain(plain);
        const labelled = { ...stored, identity: 'journal-a', labelSeq };
        const index = indexOf(entries, 1000);
        const before = cleanThrough(labelled, index);
        index.forgetThrough(oldest);
        assert.deepEqual(cleanThrough(labelled, index), before);
      }),
      { numRuns: 1000 },
    );
  });

  test('a clean response that is relabelled with the cursor stays clean until the next match', () => {
    fc.assert(
      fc.property(history, history, response, label, (first, second, stored, labelSeq) => {
        const entries = chain([...first, ...second]);
        const original = { ...stored, identity: 'journal-a', labelSeq };
        const early = indexOf(entries.slice(0, first.length), 1000);
        fc.pre(cleanThrough(original, early).kind === 'clean');
        const relabelled = { ...original, labelSeq: Math.max(labelSeq, early.cursor.seq) };
        const late = indexOf(entries, 1000);
        assert.deepEqual(cleanThrough(relabelled, late), cleanThrough(original, late));
      }),
      { numRuns: 1000 },
    );
  });
});
