/** Explaining what a worker would do: it is what the worker then does, and saying it changes nothing. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { explain } from '../../../core/cache/explain.ts';
import { outcomeOf } from '../../../core/cache/outcome.ts';
import { formatCacheStatus } from '../../../core/http/cache-status.ts';
import { createTestEngine, settle, type TestEngine } from '../../support/engine.ts';
import { createFakeDisk } from '../../support/fake-disk.ts';

/** What is said of a path, for a request with these fields. */
function ask(engine: TestEngine, headers: string[] = [], path = '/') {
  engine.journal.purges.sync();
  const { store, coalescer, clock, journal } = engine;
  return explain(
    {
      nodeId: 'par',
      memory: store.memory,
      disk: store.disk,
      index: journal.purges.index,
      coalescer,
      lease: engine.obtain.lease,
    },
    {
      key: `http://www.demo.test${path}`,
      headers,
      honoursDirectives: true,
      staleWhenUnreachableMs: engine.site.cache.staleWhenUnreachableMs,
      nowMs: clock.nowMs(),
    },
  );
}

/** An engine that has fetched one response. */
async function holding(
  responseHeaders: string[],
  { requestHeaders = [] as string[], disk = false, site = {} } = {},
): Promise<TestEngine> {
  const fakeDisk = createFakeDisk();
  fakeDisk.isEager = true;
  const engine = createTestEngine({ site, ...(disk ? { disk: fakeDisk } : {}) });
  engine.upstream.script = (call) => void call.respond({ headers: responseHeaders, body: 'body' });
  await engine.fetch('/', { headers: requestHeaders });
  await settle();
  return engine;
}

/** The node's member of Cache-Status for a real request, without what only the upstream's answer can add. */
async function done(engine: TestEngine, headers: string[]): Promise<string> {
  const { answer } = await engine.fetch('/', { headers });
  if (answer.kind !== 'stored' && answer.kind !== 'streaming') return answer.kind;
  const { hit, fwd, ttl, detail } = outcomeOf(answer, engine.clock.nowMs()).member;
  return formatCacheStatus({
    cache: 'par',
    ...(hit ? { hit } : {}),
    ...(fwd ? { fwd } : {}),
    ...(hit && ttl !== undefined ? { ttl } : {}),
    ...(detail && (hit || detail === 'purged') ? { detail } : {}),
  });
}

const purges = {
  none: () => {},
  soft: ({ journal }: TestEngine) =>
    void journal.purge([{ kind: 'tag', tag: 'a' }], { soft: true }),
  hard: ({ journal }: TestEngine) => void journal.purge([{ kind: 'tag', tag: 'a' }]),
  other: ({ journal }: TestEngine) => void journal.purge([{ kind: 'tag', tag: 'z' }]),
  reset: ({ journal }: TestEngine) => journal.reset('journal-b'),
};

describe('what it says is what is done (RFC 9211)', () => {
  const stored: Record<string, string[]> = {
    fresh: ['Cache-Control', 'max-age=60', 'ETag', '"x"'],
    'stale while revalidating': ['Cache-Control', 'max-age=1, stale-while-revalidate=60'],
    stale: ['Cache-Control', 'max-age=1', 'ETag', '"x"'],
    'no-cache': ['Cache-Control', 'no-cache', 'ETag', '"x"'],
    'no-store': ['Cache-Control', 'no-store'],
    varying: ['Cache-Control', 'max-age=60', 'Vary', 'Accept-Language'],
  };
  const asked: string[][] = [[], ['Accept-Language', 'de'], ['Cache-Control', 'no-store']];
  for (const [what, responseHeaders] of Object.entries(stored)) {
    for (const [purged, purge] of Object.entries(purges)) {
      test(`${what}, purge: ${purged}`, async () => {
        for (const requestHeaders of asked) {
          for (const disk of [false, true]) {
            const engine = await holding([...responseHeaders, 'Surrogate-Key', 'a'], { disk });
            await engine.clock.advance(5000);
            purge(engine);
            const { decision } = ask(engine, requestHeaders);
            const said = decision.cacheStatus
              .replace('; detail=hit-for-miss', '')
              .replace(/(fwd=\w+); ttl=-?\d+/, '$1');
            const did = await done(engine, requestHeaders);
            assert.equal(decision.kind === 'pass' ? 'pass' : said, did);
          }
        }
      });
    }
  }
});

describe('what a response’s freshness is made of', () => {
  test('age is what it came with and the time in store; the rest of the lifetime is left (RFC 9111 §4.2)', async () => {
    const engine = await holding([
      'Cache-Control',
      's-maxage=60, stale-while-revalidate=10',
      'Age',
      '7',
    ]);
    await engine.clock.advance(12_500);
    const [held] = ask(engine).held;
    assert.deepEqual(held?.facts.age, { seconds: 19.5, initialSeconds: 7, storedSeconds: 12.5 });
    assert.deepEqual([held?.facts.lifetimeSeconds, held?.facts.source], [60, 's-maxage']);
    assert.equal(held?.facts.staleWhileRevalidateSeconds, 10);
    assert.equal(held?.copy.ttlSeconds, 40.5);
  });

  test('the site’s default is named as such', async () => {
    const engine = await holding(['ETag', '"x"'], { site: { cache: { defaultTtl: '5s' } } });
    const [held] = ask(engine).held;
    assert.deepEqual([held?.facts.lifetimeSeconds, held?.facts.source], [5, 'default']);
  });

  test('status, size, tags, validators and flags', async () => {
    const engine = await holding([
      ...['Cache-Control', 'max-age=60, must-revalidate, immutable', 'Surrogate-Key', 'a b'],
      ...['ETag', '"x"', 'Last-Modified', 'Fri, 20 Nov 2026 10:00:00 GMT'],
    ]);
    const facts = ask(engine).held[0]?.facts;
    assert.deepEqual([facts?.status, facts?.bodyBytes, facts?.tags], [200, 4, ['a', 'b']]);
    assert.deepEqual(facts?.flags, { noCache: false, mustRevalidate: true, immutable: true });
    assert.deepEqual([facts?.etag, facts?.lastModified], ['"x"', 'Fri, 20 Nov 2026 10:00:00 GMT']);
  });
});

describe('whether it would be served if the upstream failed', () => {
  const cases: [string, string, Record<string, unknown>, [boolean, boolean]][] = [
    [
      'a window for errors: in either case (RFC 5861 §4)',
      'max-age=1, stale-if-error=60',
      {},
      [true, true],
    ],
    ['no window: while it cannot be reached (RFC 9111 §4.2.4)', 'max-age=1', {}, [false, true]],
    ['unless the site forbids it', 'max-age=1', { staleWhenUnreachable: '0s' }, [false, false]],
    [
      'or it must be validated (RFC 9111 §5.2.2.2)',
      'max-age=1, must-revalidate',
      {},
      [false, false],
    ],
  ];
  for (const [title, cacheControl, cache, expected] of cases) {
    test(title, async () => {
      const headers = ['Cache-Control', cacheControl, 'ETag', '"x"'];
      const engine = await holding(headers, { site: { cache } });
      await engine.clock.advance(5000);
      const { servesOnError, servesWhenUnreachable } = ask(engine).decision;
      assert.deepEqual([servesOnError, servesWhenUnreachable], expected);
    });
  }
});

describe('variants and tiers', () => {
  test('the Vary fields with their values, null for one that the request did not have (RFC 9111 §4.1)', async () => {
    const engine = await holding(
      ['Cache-Control', 'max-age=60', 'Vary', 'Accept-Language, X-Colour'],
      { requestHeaders: ['Accept-Language', 'de:x'] },
    );
    const [held] = ask(engine, ['Accept-Language', 'fr']).held;
    assert.deepEqual(held?.facts.vary, [
      { field: 'accept-language', value: 'de:x' },
      { field: 'x-colour', value: null },
    ]);
    assert.equal(held?.facts.isSelected, false);
    assert.equal(ask(engine, ['Accept-Language', 'de:x']).held[0]?.facts.isSelected, true);
  });

  test('a response in the language that the request likes best is selected', async () => {
    const engine = await holding(
      ['Cache-Control', 'max-age=60', 'Vary', 'Accept-Language', 'Content-Language', 'de'],
      { requestHeaders: ['Accept-Language', 'en;q=0.5, de'] },
    );
    const { decision, held } = ask(engine, ['Accept-Language', 'fr;q=0.5, de']);
    assert.equal(decision.kind, 'hit');
    assert.equal(held[0]?.facts.isSelected, true);
  });

  test('memory and disk are told apart, and hold the same', async () => {
    const engine = await holding(['Cache-Control', 'max-age=60'], { disk: true });
    const { held } = ask(engine);
    assert.deepEqual(
      held.map(({ copy }) => copy.tier),
      ['memory', 'disk'],
    );
    assert.deepEqual(held[0]?.facts, held[1]?.facts);
  });

  test('nothing stored: the key is a miss, and nothing else is said', async () => {
    const { decision, held, hitForMiss } = ask(createTestEngine());
    assert.deepEqual([decision.cacheStatus, held, hitForMiss], ['par; fwd=uri-miss', [], null]);
  });

  test('a response that was not for storing: why, and for how long that is remembered', async () => {
    const engine = await holding(['Cache-Control', 'private, max-age=60']);
    await engine.clock.advance(20_000);
    assert.deepEqual(ask(engine).hitForMiss, { why: 'private', leftSeconds: 100 });
    await engine.clock.advance(100_001);
    assert.equal(ask(engine).hitForMiss, null);
  });
});

describe('what purges say of a copy', () => {
  const tagged = ['Cache-Control', 'max-age=60', 'Surrogate-Key', 'a'];

  test('clean, also after purges of other things', async () => {
    const engine = await holding(tagged);
    purges.other(engine);
    assert.deepEqual(ask(engine).held[0]?.copy.purged, { kind: 'clean' });
  });

  test('soft: since when and by which entry; the freshness left counts from there', async () => {
    const engine = await holding(tagged);
    await engine.clock.advance(5000);
    purges.soft(engine);
    const sinceMs = engine.clock.nowMs();
    await engine.clock.advance(2000);
    const copy = ask(engine).held[0]?.copy;
    assert.deepEqual(copy?.purged, { kind: 'soft', seq: 1, sinceMs });
    assert.equal(copy?.ttlSeconds, -2);
  });

  test('hard: by which entry; of another journal: without a number', async () => {
    const engine = await holding(tagged);
    purges.hard(engine);
    assert.deepEqual(ask(engine).held[0]?.copy.purged, { kind: 'hard', seq: 1 });
    purges.reset(engine);
    assert.deepEqual(ask(engine).held[0]?.copy.purged, { kind: 'hard', seq: null });
  });
});

describe('parts', () => {
  test('are shown beside the whole, with the bytes that they hold; a GET needs more than them', async () => {
    const engine = createTestEngine();
    engine.upstream.script = (call) =>
      void call.respond({
        status: 206,
        headers: ['Cache-Control', 'max-age=60', 'Content-Range', 'bytes 2-4/10'],
        body: '234',
      });
    await engine.fetch('/', { headers: ['Range', 'bytes=2-4'] });
    const { decision, held } = ask(engine);
    assert.equal(decision.kind, 'miss');
    assert.deepEqual(
      held.map(({ facts }) => [facts.status, facts.bodyBytes, facts.part]),
      [[206, 3, '2-4/10']],
    );
  });

  test('slices too, wherever they lie', async () => {
    const engine = createTestEngine({ site: { cache: { slice: '64KiB' } } });
    engine.upstream.script = (call) =>
      void call.respond({
        status: 206,
        headers: [
          'Cache-Control',
          'max-age=60',
          'ETag',
          '"a"',
          'Content-Range',
          'bytes 0-65535/99999',
        ],
        body: 'x'.repeat(65_536),
      });
    await engine.ask('/', { headers: ['Range', 'bytes=2-4'] });
    await settle();
    assert.deepEqual(
      ask(engine).held.map(({ facts }) => facts.part),
      ['0-65535/99999'],
    );
  });
});

describe('nothing is touched', () => {
  test('labels stay, nothing is promoted or dropped, nobody is asked', async () => {
    const engine = await holding(['Cache-Control', 'max-age=60', 'Surrogate-Key', 'a'], {
      disk: true,
    });
    engine.store.memory.clear();
    purges.other(engine);
    const first = ask(engine);
    assert.equal(first.cursor.seq, 1);
    assert.equal(first.held[0]?.copy.labelSeq, 0);
    assert.deepEqual(ask(engine), first);
    assert.equal(engine.store.memory.count, 0, 'not promoted');
    purges.hard(engine);
    assert.equal(ask(engine).held.length, 1, 'what was purged is shown, and stays');
    assert.equal(ask(engine).held.length, 1);
    assert.equal(engine.upstream.calls.length, 1);
    assert.equal(await engine.counter('breakwater_cache_lookups_total'), 1, 'the fetch before');
  });

  test('the order in which responses leave memory is not changed', async () => {
    const engine = createTestEngine({ memoryBytes: 24_000 });
    const body = 'x'.repeat(6000);
    engine.upstream.script = (call) =>
      void call.respond({ headers: ['Cache-Control', 'max-age=60'], body });
    for (const path of ['/1', '/2', '/3']) await engine.fetch(path);
    assert.equal(ask(engine, [], '/1').held.length, 1);
    await engine.fetch('/4');
    assert.deepEqual(
      ['/1', '/2', '/4'].map((path) => ask(engine, [], path).held.length),
      [0, 1, 1],
    );
  });
});
