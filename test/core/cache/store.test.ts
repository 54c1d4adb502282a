/** Rules of core/cache/store.ts: memory over disk, and the check of every insertion (DESIGN sections 3 and 4). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { initOf } from '../../../core/cache/entry.ts';
import { createMemoryTier } from '../../../core/cache/memory-tier.ts';
import { createStore } from '../../../core/cache/store.ts';
import { variantKey } from '../../../core/http/vary.ts';
import { createMetrics } from '../../../core/runtime/metrics.ts';
import { counterOf } from '../../support/engine.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createFakeDisk } from '../../support/fake-disk.ts';
import { createFakeJournal } from '../../support/fake-journal.ts';
import { type ResponseOverrides, responseWith } from '../../support/responses.ts';

const key = 'http://www.demo.test/';
const news = [{ kind: 'tag' as const, tag: 'news' }];

function open(options: { withDisk?: boolean } = {}) {
  const metrics = createMetrics();
  const { purge, purges } = createFakeJournal(createFakeClock(), {
    url: () => undefined,
    prefix: () => undefined,
  });
  const disk = createFakeDisk();
  const memory = createMemoryTier({ budgetBytes: 100_000 });
  const store = createStore(
    { metrics, purges, memory, disk: options.withDisk === false ? undefined : disk },
    { memoryObjectBytes: 10 },
  );
  const purgeNow = (options?: { soft?: boolean }) => {
    purge(news, options);
    purges.sync();
  };
  /** A visible row of the disk tier. */
  const putOnDisk = (rowId: number, body: string, overrides: ResponseOverrides = {}) => {
    const init = initOf(responseWith({ tags: ['news'], ...overrides }, body));
    disk.rows.set(rowId, { init, body: Buffer.from(body) });
  };
  const find = (headers: string[] = []) => store.find(key, headers);
  const lookups = (tier: string) =>
    counterOf(metrics, `breakwater_cache_lookups_total{tier="${tier}"}`);
  return { store, memory, disk, metrics, purgeNow, putOnDisk, find, lookups };
}

function bodyOf(
  { store }: ReturnType<typeof open>,
  lookup: ReturnType<ReturnType<typeof open>['find']>,
): string {
  const { stored } = lookup;
  const reader = stored && store.read(stored, 0, stored.bodyBytes);
  let text = '';
  for (let piece = reader?.take(); piece; piece = reader?.take()) text += piece.toString();
  return text;
}

describe('a lookup', () => {
  it('asks memory before the disk', async () => {
    const opened = open();
    opened.putOnDisk(1, 'disk');
    opened.memory.put(responseWith({}, 'memory'), 10);
    assert.equal(bodyOf(opened, opened.find()), 'memory');
    assert.equal(await opened.lookups('memory'), 1);
  });

  it('brings a small body from disk into memory', async () => {
    const opened = open();
    opened.putOnDisk(1, 'small');
    assert.equal(bodyOf(opened, opened.find()), 'small');
    opened.disk.rows.clear();
    assert.equal(bodyOf(opened, opened.find()), 'small');
    assert.deepEqual([await opened.lookups('disk'), await opened.lookups('memory')], [1, 1]);
  });

  it('takes from disk what is in the language that the request likes best (RFC 9111 §4.1)', () => {
    const opened = open();
    const asked = ['Accept-Language', 'en;q=0.5, de'];
    opened.putOnDisk(1, 'Guten Tag', {
      varyFields: ['accept-language'],
      variant: variantKey(['accept-language'], asked),
      headers: ['Vary', 'Accept-Language', 'Content-Language', 'de'],
    });
    assert.equal(bodyOf(opened, opened.find(['Accept-Language', 'fr;q=0.5, de'])), 'Guten Tag');
    const { stored, missReason } = opened.find(['Accept-Language', 'fr']);
    assert.deepEqual([stored, missReason], [undefined, 'vary-miss']);
  });

  it('leaves a large one on disk', () => {
    const opened = open();
    opened.putOnDisk(1, 'more than ten bytes');
    assert.equal(bodyOf(opened, opened.find()), 'more than ten bytes');
    assert.equal(opened.memory.count, 0);
  });

  it('of a small body that cannot be read is a miss', async () => {
    const opened = open();
    opened.putOnDisk(1, 'small');
    opened.disk.damaged.add(1);
    assert.equal(opened.find().stored, undefined);
    assert.equal(await opened.lookups('none'), 1);
  });

  it('says whether the URL or only the variant is unknown (RFC 9111 §4.1)', () => {
    const opened = open();
    assert.equal(opened.find().missReason, 'uri-miss');
    opened.putOnDisk(1, 'de', { varyFields: ['accept-language'], variant: 'accept-language:de\n' });
    assert.equal(opened.find(['Accept-Language', 'en']).missReason, 'vary-miss');
    assert.equal(bodyOf(opened, opened.find(['Accept-Language', 'de'])), 'de');
  });

  it('without a disk is one in memory', () => {
    const { find } = open({ withDisk: false });
    assert.equal(find().stored, undefined);
  });
});

describe('what a hard purge has matched', () => {
  it('is dropped from memory, and said to be purged', async () => {
    const { find, memory, metrics, purgeNow } = open({ withDisk: false });
    memory.put(responseWith({ tags: ['news'] }, 'old'), 10);
    purgeNow();
    const { stored, cleanliness } = find();
    assert.deepEqual([stored?.bodyBytes, cleanliness.kind], [3, 'hard']);
    assert.equal(memory.count, 0);
    assert.equal(await counterOf(metrics, 'breakwater_cache_purged_on_use_total'), 1);
    assert.equal(find().stored, undefined);
  });

  it('is not brought from disk into memory', () => {
    const { find, memory, purgeNow, putOnDisk } = open();
    putOnDisk(1, 'old');
    purgeNow();
    assert.equal(find().cleanliness.kind, 'hard');
    assert.equal(memory.count, 0);
  });

  it('does not hide a row that was stored since', () => {
    const opened = open();
    opened.putOnDisk(1, 'old', { responseTimeMs: 2 });
    opened.purgeNow();
    opened.putOnDisk(2, 'new', { labelSeq: 1, responseTimeMs: 1 });
    assert.equal(bodyOf(opened, opened.find()), 'new');
  });

  it('is not inserted, nor updated by a 304', () => {
    const { disk, memory, purgeNow, putOnDisk, store } = open();
    putOnDisk(1, 'old');
    const late = Object.assign(responseWith({ tags: ['news'], etag: '"late"' }, 'late'), {
      rowId: 1,
    });
    purgeNow();
    assert.equal(store.putInMemory(late, 10), false);
    store.update(late, 10);
    assert.equal(memory.count, 0);
    assert.equal(disk.rows.get(1)?.init.etag, undefined);
  });
});

describe('what a soft purge has matched', () => {
  it('is inserted as stale', () => {
    const { find, purgeNow, store } = open();
    purgeNow({ soft: true });
    assert.equal(store.putInMemory(responseWith({ tags: ['news'] }, 'old'), 10), true);
    const { stored, cleanliness } = find();
    assert.equal(cleanliness.kind, 'soft');
    assert.notEqual(stored?.staleSinceMs, null);
  });
});

describe('what a 304 has confirmed', () => {
  it('changes memory and disk', () => {
    const { disk, find, putOnDisk, store } = open();
    putOnDisk(1, 'body');
    const entry = Object.assign(responseWith({ etag: '"2"' }, 'body'), { rowId: 1 });
    store.update(entry, 10);
    assert.equal(find().stored, entry);
    assert.equal(disk.rows.get(1)?.init.etag, '"2"');
  });
});

describe('a removal', () => {
  it('empties memory, and the disk only when it is told to', () => {
    const { disk, memory, putOnDisk, store } = open();
    putOnDisk(1, 'body');
    memory.put(responseWith(), 10);
    store.remove([key], false);
    assert.deepEqual([memory.count, disk.rows.size], [0, 1]);
    store.remove([key], true);
    assert.equal(disk.rows.size, 0);
  });
});

it('a response without body in memory or row on disk has no body', () => {
  const { store } = open();
  assert.equal(store.read(responseWith({ bodyBytes: 3 }, null), 0, 3), undefined);
});

describe('a copy for another variant', () => {
  it('is dropped when a purge has matched it meanwhile', () => {
    const opened = open();
    opened.purgeNow();
    opened.store.copy(responseWith({ tags: ['news'] }, 'body'), 10);
    assert.deepEqual([opened.memory.count, opened.disk.writes.length], [0, 0]);
  });
});

describe('what another worker has replaced', () => {
  it('leaves memory, and its row is not used before it is replaced as well', () => {
    const opened = open();
    const varied = { varyFields: ['x-a'], variant: 'x-a\n' };
    opened.memory.put(responseWith({ ...varied, responseTimeMs: 1 }, 'old'), 10);
    opened.memory.put(responseWith({ ...varied, responseTimeMs: 1, variant: 'x-a:1\n' }, 'b'), 10);
    opened.putOnDisk(1, 'old row', { ...varied, responseTimeMs: 1 });
    opened.store.outdate({ key, ...varied, responseTimeMs: 2 });
    assert.deepEqual(
      opened.memory.peek(key).map(({ variant }) => variant),
      ['x-a:1\n'],
    );
    opened.memory.clear();
    assert.equal(opened.find().stored, undefined);
    opened.putOnDisk(1, 'new row', { ...varied, responseTimeMs: 2 });
    assert.equal(bodyOf(opened, opened.find()), 'new row');
  });

  it('is nothing that is as new', () => {
    const opened = open();
    opened.memory.put(responseWith({ responseTimeMs: 2 }, 'new'), 10);
    opened.store.outdate({ key, variant: '', varyFields: [], responseTimeMs: 2 });
    assert.equal(bodyOf(opened, opened.find()), 'new');
  });
});
