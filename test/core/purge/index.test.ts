import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Selector } from '../../../core/purge/command.ts';
import { createPurgeIndex, type Purgeable } from '../../../core/purge/index.ts';
import { maxSoftPerMark } from '../../../core/purge/marks.ts';
import {
  chain,
  everything,
  host,
  type PlainEntry,
  plainNormaliser,
  prefix,
  tag,
  url,
} from './builders.ts';

const page: Purgeable = { host: 'a.test', url: 'a.test/news/1?x=1', tags: ['news', 'front'] };

function indexOf(plain: readonly PlainEntry[], maxEntries = 1000) {
  const counts = { floors: [] as number[], unreadable: 0 };
  const index = createPurgeIndex(
    {
      identity: 'journal-a',
      maxEntries,
      onFloor: (seq) => counts.floors.push(seq),
      onUnreadable: () => {
        counts.unreadable += 1;
      },
    },
    plainNormaliser,
  );
  for (const entry of chain(plain)) index.apply(entry);
  return { index, counts };
}

function isHit(selector: Selector, scope = ['*'], response = page): boolean {
  return indexOf([{ selectors: [selector], scope }]).index.lastMatch(response).hardSeq === 1;
}

describe('what an entry matches', () => {
  test('a URL matches in both schemes and on any port, with its query, and no other URL', () => {
    assert.ok(isHit(url('http://a.test/news/1?x=1')));
    assert.ok(isHit(url('https://A.test:8443/news/1?x=1')));
    assert.ok(!isHit(url('http://a.test/news/1')));
    assert.ok(!isHit(url('http://b.test/news/1?x=1')));
  });

  test('a prefix is a byte prefix of the normal form, and need not end at a slash', () => {
    for (const text of ['http://a.test/', 'http://a.test/news', 'http://a.test/news/1?x=1']) {
      assert.ok(isHit(prefix(text)), text);
    }
    for (const text of ['http://a.test/news/1?x=11', 'http://a.test/new/', 'http://a.tes/']) {
      assert.ok(!isHit(prefix(text)), text);
    }
  });

  test('a tag matches each response that has it, byte for byte', () => {
    assert.ok(isHit(tag('front')));
    assert.ok(!isHit(tag('Front')));
    assert.ok(!isHit(tag('fron')));
  });

  test('a host matches in any case; everything matches', () => {
    assert.ok(isHit(host('A.test')));
    assert.ok(!isHit(host('b.test')));
    assert.ok(isHit(everything));
  });

  test('an entry with several selectors matches what any of them does', () => {
    const { index } = indexOf([{ selectors: [tag('sport'), url('http://a.test/news/1?x=1')] }]);
    assert.equal(index.lastMatch(page).hardSeq, 1);
  });
});

describe('the scope of an entry', () => {
  const all = [
    url('http://a.test/news/1?x=1'),
    prefix('http://a.test/'),
    tag('news'),
    host('a.test'),
    everything,
  ];

  for (const selector of all) {
    test(`${selector.kind}: matches only responses of the scope's hosts`, () => {
      assert.ok(isHit(selector, ['b.test', 'a.test']));
      assert.ok(!isHit(selector, ['b.test']));
    });
  }

  test('two scopes with the same tag do not mix', () => {
    const { index } = indexOf([
      { selectors: [tag('news')], scope: ['b.test'] },
      { selectors: [tag('news')], scope: ['a.test'], soft: true },
    ]);
    assert.deepEqual(index.lastMatch(page), { hardSeq: 0, softSeq: 2, softAtMs: 2000 });
  });
});

describe('hard and soft', () => {
  test('the newest of each kind is told, whichever came first', () => {
    const soft = { selectors: [tag('news')], soft: true };
    const hard = { selectors: [tag('front')] };
    assert.deepEqual(indexOf([soft, hard]).index.lastMatch(page), {
      hardSeq: 2,
      softSeq: 1,
      softAtMs: 1000,
    });
    assert.deepEqual(indexOf([hard, soft]).index.lastMatch(page), {
      hardSeq: 1,
      softSeq: 2,
      softAtMs: 2000,
    });
  });

  test('stale since the first soft purge above the label, over all that match', () => {
    const { index } = indexOf([
      { selectors: [tag('news')], soft: true },
      { selectors: [host('a.test')], soft: true },
      { selectors: [tag('news')], soft: true },
    ]);
    assert.equal(index.lastMatch(page, 0).softAtMs, 1000);
    assert.equal(index.lastMatch(page, 1).softAtMs, 2000);
    assert.deepEqual(index.lastMatch(page, 2), { hardSeq: 0, softSeq: 3, softAtMs: 3000 });
    assert.deepEqual(index.lastMatch(page, 3), { hardSeq: 0, softSeq: 0, softAtMs: 0 });
  });

  test('with more soft purges than are remembered, a response is stale for longer, never for shorter', () => {
    const count = maxSoftPerMark + 5;
    const { index } = indexOf(
      Array.from({ length: count }, () => ({ selectors: [tag('news')], soft: true })),
    );
    for (let label = 0; label < count; label += 1) {
      const { softSeq, softAtMs } = index.lastMatch(page, label);
      assert.equal(softSeq, count);
      assert.ok(softAtMs > 0 && softAtMs <= 1000 * (label + 1), `label ${label}: ${softAtMs}`);
    }
  });
});

describe('what a node cannot read', () => {
  test('a URL without a normal form here purges its whole host, and is counted', () => {
    const { index, counts } = indexOf([{ selectors: [url('http://a.test?no-slash')] }]);
    assert.equal(index.lastMatch(page).hardSeq, 1);
    assert.equal(index.lastMatch({ ...page, host: 'b.test', url: 'b.test/' }).hardSeq, 0);
    assert.equal(counts.unreadable, 1);
  });

  test('text that names no host purges the whole scope, and nothing outside it', () => {
    const { index } = indexOf([{ selectors: [prefix('%%%')], scope: ['a.test'] }]);
    assert.equal(index.lastMatch(page).hardSeq, 1);
    assert.equal(index.lastMatch({ ...page, host: 'b.test', url: 'b.test/' }).hardSeq, 0);
  });

  test('an unreadable URL of a host outside the scope purges nothing', () => {
    const { index } = indexOf([{ selectors: [url('http://a.test?x')], scope: ['b.test'] }]);
    assert.equal(index.lastMatch(page).hardSeq, 0);
  });
});

describe('order and bounds', () => {
  test('the cursor is the position of the last entry; an entry out of order is refused', () => {
    const { index } = indexOf([{}, {}]);
    const [, second, third] = chain([{}, {}, {}]);
    assert.deepEqual(index.cursor, { identity: 'journal-a', seq: 2, hash: second?.hash });
    assert.throws(() => second && index.apply(second), /in order/);
    if (third) index.apply(third);
    assert.equal(index.cursor.seq, 3);
  });

  test('over maxEntries the oldest are forgotten, the floor rises, and that is counted', () => {
    const tags = ['a', 'b', 'c', 'd'].map((name) => ({ selectors: [tag(name)] }));
    const { index, counts } = indexOf(tags, 2);
    assert.equal(index.size, 2);
    assert.equal(index.floorSeq, 2);
    assert.deepEqual(counts.floors, [1, 2]);
    assert.equal(index.lastMatch({ ...page, tags: ['d'] }).hardSeq, 4);
  });

  test('a mark that is purged again is not the oldest any more', () => {
    const { index } = indexOf(
      ['a', 'b', 'a', 'c'].map((name) => ({ selectors: [tag(name)] })),
      2,
    );
    assert.equal(index.floorSeq, 2);
    assert.equal(index.lastMatch({ ...page, tags: ['a'] }).hardSeq, 3);
  });

  test('forgetThrough removes what only older labels could need, and no more', () => {
    const { index, counts } = indexOf([
      { selectors: [prefix('http://a.test/news')] },
      { selectors: [tag('news')] },
    ]);
    index.forgetThrough(1);
    assert.deepEqual([index.size, index.floorSeq, counts.floors.length], [1, 1, 0]);
    assert.equal(index.lastMatch(page).hardSeq, 2);
    index.forgetThrough(9);
    assert.deepEqual([index.size, index.floorSeq], [0, 2]);
  });

  test('an index that starts at a position knows nothing below it', () => {
    const start = { identity: 'journal-a', seq: 7, hash: 'h' };
    const options = { identity: 'journal-a', start, maxEntries: 10 };
    const index = createPurgeIndex(options, plainNormaliser);
    assert.deepEqual([index.cursor, index.floorSeq], [start, 7]);
    for (const entry of chain([{ selectors: [everything] }], start)) index.apply(entry);
    assert.equal(index.lastMatch(page).hardSeq, 8);
  });
});
