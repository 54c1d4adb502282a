/** Rules of core/cache/obtain.ts, with everything real behind it but the upstream: from a request to an answer. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Answer, obtain } from '../../../core/cache/obtain.ts';
import { outcomeOf } from '../../../core/cache/outcome.ts';
import { formatCacheStatus } from '../../../core/http/cache-status.ts';
import { createTestEngine, settle, type TestEngine } from '../../support/engine.ts';
import type { FakeResponse } from '../../support/fake-upstream.ts';

const fresh = ['Cache-Control', 'max-age=60'];

/** An engine whose origin answers everything with the given responses in turn, the last one for ever. */
function engineWith(
  responses: FakeResponse[],
  options: Parameters<typeof createTestEngine>[0] = {},
): TestEngine {
  const engine = createTestEngine(options);
  let next = 0;
  engine.upstream.script = (call) => {
    call.respond(responses[Math.min(next, responses.length - 1)]);
    next += 1;
  };
  return engine;
}

/** X-Cache and this tier's word on it. */
function words(engine: TestEngine, answer: Answer): string {
  if (answer.kind !== 'stored' && answer.kind !== 'streaming') return answer.kind;
  const { xCache, member } = outcomeOf(answer, engine.clock.nowMs());
  return [
    xCache,
    ...(member.fwd ? [`fwd=${member.fwd}`] : []),
    ...(member.detail ? [member.detail] : []),
  ].join(' ');
}

/** Fetches and says what was done and what came. */
async function get(engine: TestEngine, ...args: Parameters<TestEngine['fetch']>): Promise<string> {
  const { answer, body } = await engine.fetch(...args);
  return `${words(engine, answer)}: ${body}`;
}

describe('a page that may be stored', () => {
  it('is fetched once and then a hit, until it is stale (RFC 9111 §4)', async () => {
    const engine = engineWith([
      { headers: fresh, body: 'one' },
      { headers: fresh, body: 'two' },
    ]);
    assert.equal(await get(engine), 'MISS fwd=uri-miss: one');
    await engine.clock.advance(59_999);
    assert.equal(await get(engine), 'HIT: one');
    await engine.clock.advance(1);
    assert.equal(await get(engine), 'MISS fwd=stale: two');
    assert.equal(engine.upstream.calls.length, 2);
  });

  it('is answered in the same turn of the event loop once it is in memory', async () => {
    const engine = engineWith([{ headers: fresh, body: 'one' }]);
    await engine.fetch();
    const answer = obtain(engine.obtain, engine.request(), { mayAskPeers: true });
    assert.ok(!(answer instanceof Promise) && answer.kind === 'stored');
  });

  it('is revalidated by a 304, which brings new fields and a new lifetime (RFC 9111 §4.3.4)', async () => {
    const engine = engineWith([
      { headers: [...fresh, 'ETag', '"1"', 'X-Kept', 'a'], body: 'one' },
      { status: 304, headers: ['Cache-Control', 'max-age=10', 'ETag', '"1"', 'X-New', 'b'] },
    ]);
    await engine.fetch();
    await engine.clock.advance(60_000);
    assert.equal(await get(engine), 'REVALIDATED fwd=stale: one');
    assert.equal(engine.upstream.call(1).field('if-none-match'), '"1"');
    await engine.clock.advance(9999);
    const { answer } = await engine.fetch();
    assert.equal(words(engine, answer), 'HIT');
    assert.ok(answer.kind === 'stored');
    assert.deepEqual(answer.entry.headers.slice(0, 2), ['X-Kept', 'a']);
    assert.ok(answer.entry.headers.includes('X-New'));
    await engine.clock.advance(1);
    assert.equal(await get(engine), 'REVALIDATED fwd=stale: one');
  });

  it('answers HEAD from the stored GET (RFC 9110 §9.3.2), and a HEAD that misses stores nothing', async () => {
    const engine = engineWith([
      { headers: fresh, lengthBytes: 0, body: '' },
      { headers: fresh, body: 'one' },
    ]);
    assert.equal(await get(engine, '/', { method: 'HEAD' }), 'MISS fwd=uri-miss: ');
    assert.equal(await get(engine), 'MISS fwd=uri-miss: one');
    assert.equal(await get(engine, '/', { method: 'HEAD' }), 'HIT: one');
    assert.deepEqual(
      engine.upstream.calls.map((call) => call.request.method),
      ['HEAD', 'GET'],
    );
  });

  it('has a variant for each request that Vary tells apart (RFC 9111 §4.1)', async () => {
    const engine = createTestEngine();
    engine.upstream.script = (call) =>
      call.respond({
        headers: [...fresh, 'Vary', 'Accept-Language'],
        body: call.field('accept-language') ?? '-',
      });
    const german = { headers: ['Accept-Language', 'de'] };
    assert.equal(await get(engine), 'MISS fwd=uri-miss: -');
    assert.equal(await get(engine, '/', german), 'MISS fwd=vary-miss: de');
    assert.equal(await get(engine, '/', german), 'HIT: de');
    assert.equal(await get(engine), 'HIT: -');
  });
});

describe('the upstream request', () => {
  const conditions = ['If-None-Match', '"x"', 'If-Modified-Since', 'y'];
  const conditionsIn = (engine: TestEngine, call: number) =>
    ['if-none-match', 'if-modified-since'].map(engine.upstream.call(call).field);

  it('asks for the whole of what is stale, without the client’s own conditions', async () => {
    const engine = engineWith([
      { headers: ['Cache-Control', 'max-age=1', 'ETag', '"a"'], body: 'one' },
      { headers: fresh, body: 'two' },
    ]);
    await engine.fetch();
    await engine.clock.advance(2000);
    await engine.fetch('/', { headers: conditions });
    assert.deepEqual(conditionsIn(engine, 1), ['"a"', undefined]);
  });

  it('hands the client’s conditions on where nothing is stored, and its 304 back (RFC 9111 §4.3.2)', async () => {
    const engine = engineWith([{ status: 304, headers: ['ETag', '"x"'], body: '' }]);
    const { answer } = await engine.fetch('/', { headers: conditions });
    assert.deepEqual(conditionsIn(engine, 0), ['"x"', 'y']);
    assert.equal(answer.kind === 'streaming' && answer.entry.status, 304);
    assert.equal(engine.store.memory.count, 0);
  });

  it('does so once in a while: the next one asks for the whole, which is stored', async () => {
    const engine = engineWith([
      { status: 304, headers: ['ETag', '"x"'], body: '' },
      { headers: [...fresh, 'ETag', '"x"'], body: 'one' },
    ]);
    await engine.fetch('/', { headers: conditions });
    await engine.fetch('/', { headers: conditions });
    assert.deepEqual(conditionsIn(engine, 1), [undefined, undefined]);
    assert.equal(await get(engine), 'HIT: one');
  });

  it('nobody who asks without a condition is given the 304: those who wait share one new fetch', async () => {
    const engine = createTestEngine();
    const first = engine.fetch('/', { headers: conditions });
    const others = [engine.fetch(), engine.fetch(), engine.fetch('/', { headers: conditions })];
    await settle();
    engine.upstream.call(0).respond({ status: 304, headers: [], body: '' });
    await settle();
    engine.upstream.call(1).respond({ headers: fresh, body: 'one' });
    const bodies = (await Promise.all(others)).map(({ body }) => body);
    assert.deepEqual([(await first).body, ...bodies], ['', 'one', 'one', 'one']);
    assert.equal(engine.upstream.calls.length, 2);
  });

  it('a 304 that nobody has asked for is no answer, whatever the client’s own conditions are (RFC 9110 §15.4.5)', async () => {
    const engine = engineWith([{ headers: [...fresh, 'ETag', '"1"'], body: 'one' }]);
    engine.upstream.script = (call) =>
      call.respond({ status: 304, headers: ['ETag', '"9"'], body: '' });
    assert.equal((await engine.fetch()).answer.kind, 'failed');
    assert.equal((await engine.fetch('/', { method: 'HEAD' })).answer.kind, 'failed');
    await engine.fetch('/', { headers: conditions });
    const { answer } = await engine.fetch('/', { headers: conditions });
    assert.ok(answer.kind === 'failed' && answer.failure.kind === 'framing');
  });

  it('an answer to a client’s condition is for it alone, if it fails as well: 412 is not stored', async () => {
    const engine = engineWith([
      { status: 412, headers: fresh, body: 'no' },
      { headers: fresh, body: 'one' },
    ]);
    await engine.fetch('/', { headers: ['If-None-Match', '*'] });
    assert.equal(await get(engine), 'MISS fwd=uri-miss: one');
  });

  it('carries the position that was read before, for a tier', async () => {
    const engine = engineWith([{ headers: fresh, body: 'one' }]);
    engine.journal.purge([{ kind: 'everything' }]);
    await engine.fetch();
    const [name, value] = engine.upstream.call(0).request.tierHeaders;
    assert.deepEqual(
      [name, value?.split(' ').slice(0, 2)],
      ['breakwater-position', ['journal-a', '1']],
    );
  });
});

describe('what is not stored', () => {
  const cases: [string, string[], string][] = [
    ['no-store', ['Cache-Control', 'no-store'], 'BYPASS fwd=uri-miss no-store'],
    ['private', ['Cache-Control', 'private'], 'BYPASS fwd=uri-miss private'],
    ['Set-Cookie', [...fresh, 'Set-Cookie', 'a=b'], 'BYPASS fwd=uri-miss set-cookie'],
    ['neither freshness nor validator', [], 'MISS fwd=uri-miss no-freshness-nor-validator'],
    [
      'more tags than are kept: a purge could miss it',
      [...fresh, 'Surrogate-Key', Array.from({ length: 1001 }, (_, i) => `t${i}`).join(' ')],
      'MISS fwd=uri-miss too-many-tags',
    ],
  ];
  for (const [title, headers, said] of cases) {
    it(title, async () => {
      const engine = engineWith([{ headers, body: 'one' }]);
      assert.equal(await get(engine), `${said}: one`);
      assert.equal(engine.store.memory.count, 0);
      assert.equal(await engine.counter('breakwater_cache_unstored_responses_total'), 1);
      assert.match(await get(engine), /fwd=uri-miss/);
    });
  }

  it('no-store of the request passes by the cache (RFC 9111 §5.2.1.5)', async () => {
    const engine = engineWith([{ headers: fresh, body: 'one' }]);
    await engine.fetch();
    const answer = await engine.ask('/', { headers: ['Cache-Control', 'no-store'] });
    assert.deepEqual(answer, {
      kind: 'pass',
      disposition: { kind: 'pass', fwd: 'request', detail: 'no-store' },
    });
  });

  it('larger than an object may be', async () => {
    const engine = engineWith([{ headers: fresh, body: 'four' }], { maxObjectBytes: 3 });
    assert.equal(await get(engine), 'MISS fwd=uri-miss too-large: four');
    assert.equal(engine.store.memory.count, 0);
  });

  it('cut short', async () => {
    const engine = createTestEngine();
    engine.upstream.script = (call) => {
      const body = call.respond({ headers: fresh, lengthBytes: 4 });
      body.push('fo');
      body.fail();
    };
    const { body, isCut } = await engine.fetch();
    assert.deepEqual([body, isCut], ['', true]);
    assert.equal(engine.store.memory.count, 0);
  });

  it('only-if-cached asks nobody (RFC 9111 §5.2.1.7)', async () => {
    const engine = engineWith([{ headers: fresh, body: 'one' }]);
    const onlyIfCached = { headers: ['Cache-Control', 'only-if-cached'] };
    assert.deepEqual(await engine.ask('/', onlyIfCached), { kind: 'only-if-cached' });
    assert.equal(engine.upstream.calls.length, 0);
    await engine.fetch();
    assert.equal(await get(engine, '/', onlyIfCached), 'HIT: one');
  });
});

describe('stale-while-revalidate (RFC 5861 §3)', () => {
  const swr = ['Cache-Control', 'max-age=60, stale-while-revalidate=30'];

  it('serves what is stale at once, and refreshes it once however many ask', async () => {
    const engine = engineWith([{ headers: swr, body: 'one' }]);
    await engine.fetch();
    await engine.clock.advance(60_000);
    engine.upstream.script = undefined;
    const stale = await Promise.all(Array.from({ length: 20 }, () => get(engine)));
    assert.deepEqual(new Set(stale), new Set(['STALE revalidating: one']));
    assert.equal(engine.upstream.calls.length, 2);
    engine.upstream.call(1).respond({ headers: swr, body: 'two' });
    await settle();
    assert.equal(await get(engine), 'HIT: two');
  });

  it('tells a tier behind that stale is not good enough for a refresh', async () => {
    const engine = engineWith([{ headers: swr, body: 'one' }]);
    await engine.fetch('/', { headers: ['Cache-Control', 'max-stale'] });
    await engine.clock.advance(60_000);
    await engine.fetch('/', { headers: ['Cache-Control', 'max-stale'] });
    await settle();
    assert.ok(engine.upstream.call(1).request.tierHeaders.includes('breakwater-refresh'));
    assert.equal(await get(engine), 'HIT: one');
  });

  it('does not try again at once when the refresh has failed, but after a moment', async () => {
    const engine = engineWith([{ headers: swr, body: 'one' }]);
    await engine.fetch();
    await engine.clock.advance(60_000);
    engine.upstream.script = (call) => call.fail();
    for (let i = 0; i < 3; i += 1) {
      assert.equal(await get(engine), 'STALE revalidating: one');
      await settle();
    }
    assert.equal(engine.upstream.calls.length, 2);
    assert.equal(await engine.counter('breakwater_cache_refreshes_total{outcome="failed"}'), 1);
    await engine.clock.advance(1001);
    await get(engine);
    assert.equal(engine.upstream.calls.length, 3);
  });

  it('refreshes also for a client that asked for only-if-cached', async () => {
    const engine = engineWith([{ headers: swr, body: 'one' }]);
    await engine.fetch();
    await engine.clock.advance(60_000);
    const answer = await get(engine, '/', { headers: ['Cache-Control', 'only-if-cached'] });
    assert.equal(answer, 'STALE revalidating: one');
    assert.equal(engine.upstream.calls.length, 2);
  });

  it('ends with a response that may not be kept: what it replaces goes too', async () => {
    const engine = engineWith([
      { headers: swr, body: 'public' },
      { headers: ['Cache-Control', 'private'], body: 'private' },
    ]);
    await engine.fetch();
    await engine.clock.advance(60_000);
    assert.equal(await get(engine), 'STALE revalidating: public');
    await settle();
    assert.equal(await get(engine), 'BYPASS fwd=uri-miss private: private');
  });
});

describe('what Cache-Status says of those who wait for each other (RFC 9211 §2.6)', () => {
  const member = (engine: TestEngine, answer: Answer) => {
    if (answer.kind !== 'stored' && answer.kind !== 'streaming') return answer.kind;
    return formatCacheStatus({ cache: 'par', ...outcomeOf(answer, engine.clock.nowMs()).member });
  };

  it('collapsed, or that it was tried and a new request had to be made', async () => {
    const engine = createTestEngine();
    const [first, shared] = [engine.fetch('/a'), engine.fetch('/a')];
    engine.upstream.call(0).respond({ headers: fresh, body: 'one' });
    assert.equal(member(engine, (await first).answer), 'par; fwd=uri-miss; fwd-status=200; stored');
    assert.equal(
      member(engine, (await shared).answer),
      'par; fwd=uri-miss; fwd-status=200; stored; collapsed',
    );
    const headers = ['Cache-Control', 'private'];
    const [own, other] = [engine.fetch('/b'), engine.fetch('/b')];
    engine.upstream.script = (call) => call.respond({ headers, body: 'two' });
    engine.upstream.call(1).respond({ headers, body: 'two' });
    const detail = 'fwd=uri-miss; fwd-status=200';
    assert.equal(member(engine, (await own).answer), `par; ${detail}; detail=private`);
    assert.equal(
      member(engine, (await other).answer),
      `par; ${detail}; collapsed=?0; detail=private`,
    );
  });

  it('not stored, when what was asked for is purged or invalidated meanwhile', async () => {
    const engine = createTestEngine();
    const purged = engine.fetch('/a');
    engine.journal.purge([{ kind: 'everything' }]);
    engine.obtain.purges.sync();
    engine.upstream.call(0).respond({ headers: fresh, body: 'one' });
    const invalidated = engine.fetch('/b');
    engine.coalescer.invalidate(['http://www.demo.test/b']);
    engine.upstream.call(1).respond({ headers: fresh, body: 'one' });
    for (const { answer } of [await purged, await invalidated]) {
      assert.equal(member(engine, answer), 'par; fwd=uri-miss; fwd-status=200');
    }
    assert.equal(engine.store.memory.count, 0);
  });
});

describe('what a client that forces a validation waits for (RFC 9111 §5.2.1.4)', () => {
  it('nothing that was asked for before it came, stale or not', async () => {
    for (const ageMs of [0, 60_000]) {
      const engine = engineWith([{ headers: [...fresh, 'ETag', '"1"'], body: 'one' }]);
      await engine.fetch();
      await engine.clock.advance(ageMs);
      engine.upstream.script = undefined;
      const noCache = { headers: ['Cache-Control', 'no-cache'] };
      const first = engine.fetch('/', noCache);
      await engine.clock.advance(1);
      const second = engine.fetch('/', noCache);
      await settle();
      assert.equal(engine.upstream.calls.length, 3);
      for (const index of [1, 2]) engine.upstream.call(index).respond({ status: 304 });
      const fwd = ageMs === 0 ? 'request' : 'stale';
      for (const { answer } of await Promise.all([first, second])) {
        assert.equal(words(engine, answer), `REVALIDATED fwd=${fwd}`);
      }
    }
  });
});

describe('fields for one client only (RFC 9111 §5.2.2.4, §5.2.2.7)', () => {
  const personal = ['Cache-Control', 'max-age=60, private="X-User"', 'ETag', '"1"', 'X-User', 'me'];
  const personalOf = (answer: Answer) =>
    answer.kind === 'stored' || answer.kind === 'streaming' ? answer.personal : answer.kind;
  const keeps = (answer: Answer) =>
    (answer.kind === 'stored' || answer.kind === 'streaming') &&
    answer.entry.headers.includes('X-User');

  it('go to the client whose request fetched the response, and to nobody who joined or comes later', async () => {
    const engine = createTestEngine();
    const together = [engine.fetch(), engine.fetch(), engine.fetch()];
    engine.upstream.call(0).respond({ headers: personal, body: 'one' });
    const answers = [...(await Promise.all(together)), await engine.fetch()];
    assert.equal(engine.upstream.calls.length, 1);
    assert.deepEqual(
      answers.map(({ answer }) => [personalOf(answer), keeps(answer)]),
      [
        [['X-User', 'me'], false],
        [undefined, false],
        [undefined, false],
        [undefined, false],
      ],
    );
  });

  it('of a 304 go to the client whose request was validated', async () => {
    const engine = engineWith([{ headers: personal, body: 'one' }]);
    await engine.fetch();
    await engine.clock.advance(60_000);
    engine.upstream.script = undefined;
    const together = [engine.fetch(), engine.fetch()];
    engine.upstream.call(1).respond({ status: 304, headers: ['ETag', '"1"', 'X-User', 'you'] });
    const answers = await Promise.all(together);
    assert.deepEqual(
      answers.map(({ answer }) => [words(engine, answer), personalOf(answer), keeps(answer)]),
      [
        ['REVALIDATED fwd=stale', ['X-User', 'you'], false],
        ['REVALIDATED fwd=stale', undefined, false],
      ],
    );
  });

  it('of a response that is not stored go to each client that fetches it', async () => {
    const headers = ['Cache-Control', 'no-store, private="X-User"', 'X-User', 'me'];
    const engine = engineWith([{ headers, body: 'one' }]);
    for (let i = 0; i < 2; i += 1) {
      assert.deepEqual(personalOf((await engine.fetch()).answer), ['X-User', 'me']);
    }
  });
});

describe('when the upstream fails', () => {
  const sie = ['Cache-Control', 'max-age=60, stale-if-error=30'];
  const failing: [string, (call: ReturnType<TestEngine['upstream']['call']>) => void][] = [
    ['gives no answer', (call) => call.fail()],
    ['answers 503', (call) => void call.respond({ status: 503, body: 'no' })],
  ];
  for (const [title, script] of failing) {
    it(`serves stale within stale-if-error when it ${title} (RFC 5861 §4)`, async () => {
      const site = { cache: { staleWhenUnreachable: '0s' } };
      const engine = engineWith([{ headers: sie, body: 'one' }], { site });
      await engine.fetch();
      await engine.clock.advance(89_999);
      engine.upstream.script = script;
      assert.equal(await get(engine), 'STALE fwd=stale upstream-error: one');
      await engine.clock.advance(1);
      assert.notEqual(await get(engine), 'STALE fwd=stale upstream-error: one');
    });
  }

  it('what forbids to keep the error does not drop what stands in for it (RFC 5861 §4)', async () => {
    const engine = engineWith([{ headers: sie, body: 'one' }]);
    await engine.fetch();
    await engine.clock.advance(60_000);
    const headers = ['Cache-Control', 'no-store'];
    engine.upstream.script = (call) => call.respond({ status: 503, headers, body: 'no' });
    for (let i = 0; i < 2; i += 1) {
      assert.equal(await get(engine), 'STALE fwd=stale upstream-error: one');
    }
  });

  it('an answer of 404 is no failure', async () => {
    const engine = engineWith([
      { headers: sie, body: 'one' },
      { status: 404, body: 'gone' },
    ]);
    await engine.fetch();
    await engine.clock.advance(60_000);
    assert.match(await get(engine), /^MISS fwd=stale.*: gone$/);
  });

  it('says what the failure was when nothing may be served instead', async () => {
    const engine = createTestEngine();
    engine.upstream.script = (call) => call.fail({ kind: 'timeout' });
    const answer = await engine.ask();
    assert.ok(answer.kind === 'failed' && answer.failure.kind === 'timeout');
  });

  it('an error page is shared by those who wait, and remembered for nobody', async () => {
    const engine = createTestEngine();
    const answers = [engine.fetch(), engine.fetch()];
    engine.upstream.call(0).respond({ status: 500, body: 'oops' });
    assert.deepEqual(
      (await Promise.all(answers)).map(({ body }) => body),
      ['oops', 'oops'],
    );
    const later = [engine.ask(), engine.ask()];
    assert.equal(engine.upstream.calls.length, 2, 'they wait for each other again');
    engine.upstream.call(1).respond({ status: 500, body: 'oops' });
    for (const { kind } of await Promise.all(later)) assert.equal(kind, 'streaming');
  });
});

describe('when the upstream cannot be reached (RFC 9111 §4.2.4)', () => {
  const stale = 'STALE fwd=stale upstream-error: one';
  /** An engine that has stored `one` and whose upstream is away from the moment on when that is stale. */
  async function cutOff(
    cacheControl: string,
    options: Parameters<typeof createTestEngine>[0] = {},
  ) {
    const engine = engineWith([{ headers: ['Cache-Control', cacheControl], body: 'one' }], options);
    await engine.fetch();
    await engine.clock.advance(60_000);
    engine.upstream.script = (call) => call.fail({ kind: 'connect' });
    return engine;
  }
  const day = 86_400_000;

  it('serves what is stale without a window, and without end', async () => {
    const engine = await cutOff('max-age=60');
    assert.equal(await get(engine), stale);
    await engine.clock.advance(day);
    assert.equal(await get(engine), stale);
  });

  it('to HEAD too', async () => {
    const engine = await cutOff('max-age=60');
    assert.equal(await get(engine, '/', { method: 'HEAD' }), stale);
  });

  it('an answer of 503 is no absence: without a window it is passed on', async () => {
    const engine = await cutOff('max-age=60');
    engine.upstream.script = (call) => call.respond({ status: 503, body: 'no' });
    assert.match(await get(engine), /: no$/);
  });

  it('for as long as the site says, from when it became stale', async () => {
    const site = { cache: { staleWhenUnreachable: '10s' } };
    const engine = await cutOff('max-age=60', { site });
    await engine.clock.advance(9999);
    assert.equal(await get(engine), stale);
    await engine.clock.advance(1);
    const answer = await engine.ask();
    assert.ok(answer.kind === 'failed' && answer.failure.kind === 'connect');
    assert.equal(answer.failure.unvalidated, undefined);
  });

  it('not at all where the site says 0s, but for a window beside it', async () => {
    const site = { cache: { staleWhenUnreachable: '0s' } };
    const never = await cutOff('max-age=60', { site });
    assert.equal((await never.ask()).kind, 'failed');
    const window = await cutOff('max-age=60, stale-if-error=30', { site });
    assert.equal(await get(window), stale);
  });

  for (const cacheControl of [
    'max-age=60, must-revalidate',
    'max-age=60, proxy-revalidate',
    's-maxage=60',
    'no-cache, max-age=60',
  ]) {
    it(`${cacheControl}: a failure that says why, for HEAD too (§5.2.2.2)`, async () => {
      const headers = ['Cache-Control', cacheControl, 'ETag', '"1"'];
      const engine = engineWith([{ headers, body: 'one' }]);
      await engine.fetch();
      await engine.clock.advance(60_000);
      engine.upstream.script = (call) => call.fail({ kind: 'connect' });
      for (const method of ['GET', 'HEAD']) {
        const answer = await engine.ask('/', { method });
        assert.ok(answer.kind === 'failed' && answer.failure.unvalidated);
      }
    });
  }

  it('nothing that was purged hard is served, nor does it count as stored', async () => {
    const engine = await cutOff('max-age=60, must-revalidate');
    engine.journal.purge([{ kind: 'everything' }]);
    const answer = await engine.ask();
    assert.ok(answer.kind === 'failed' && answer.failure.unvalidated === undefined);
  });

  it('a body that is cut before its first byte is as good as none', async () => {
    const engine = await cutOff('max-age=60');
    engine.upstream.script = (call) => call.respond({ headers: fresh, lengthBytes: 3 }).fail();
    assert.equal(await get(engine), stale);
    engine.upstream.script = undefined;
    const answer = engine.ask();
    await settle();
    const body = engine.upstream.calls.at(-1)?.respond({ headers: fresh, lengthBytes: 3 });
    await settle();
    body?.push('t');
    assert.equal((await answer).kind, 'streaming', 'but with one byte it is the answer');
    body?.fail();
  });

  it('those who wait together get it together', async () => {
    const engine = await cutOff('max-age=60');
    engine.upstream.script = undefined;
    const all = Array.from({ length: 5 }, () => get(engine));
    engine.upstream.call(1).fail({ kind: 'timeout' });
    assert.deepEqual(await Promise.all(all), Array(5).fill(stale));
    assert.equal(engine.upstream.calls.length, 2);
  });

  it('a background refresh is told of the failure: it has what is stale already', async () => {
    const engine = await cutOff('max-age=60, stale-if-error=30');
    assert.equal((await engine.ask('/', { isRefresh: true })).kind, 'failed');
  });

  it('what is fresh answers a client that wants it validated', async () => {
    const engine = engineWith([{ headers: fresh, body: 'one' }]);
    await engine.fetch();
    engine.upstream.script = (call) => call.fail({ kind: 'connect' });
    const noCache = { headers: ['Cache-Control', 'no-cache'] };
    assert.equal(await get(engine, '/', noCache), 'HIT fwd=request upstream-error: one');
  });

  it('too many who wait are no absence', async () => {
    const engine = await cutOff('max-age=60', { maxWaiters: 1 });
    engine.upstream.script = undefined;
    const waiting = engine.ask();
    const answer = await engine.ask();
    assert.ok(answer.kind === 'failed' && answer.failure.kind === 'overload');
    engine.upstream.call(1).fail();
    await waiting;
  });
});

describe('a 304 that does not confirm what is stored', () => {
  const stored = { headers: [...fresh, 'ETag', '"1"'], body: 'one' };
  const cases: [string, string[]][] = [
    ['is about another representation (RFC 9111 §4.3.4)', ['ETag', '"2"']],
    ['forbids to keep it', ['ETag', '"1"', 'Cache-Control', 'no-store']],
  ];
  for (const [title, headers] of cases) {
    it(`${title}: the whole is asked for`, async () => {
      const engine = engineWith([
        stored,
        { status: 304, headers },
        { headers: fresh, body: 'two' },
      ]);
      await engine.fetch();
      await engine.clock.advance(60_000);
      assert.equal(await get(engine), 'MISS fwd=stale: two');
      assert.equal(engine.upstream.call(2).field('if-none-match'), undefined);
    });
  }

  it('was for a request with Authorization, so it is not asked for (RFC 9111 §3.5)', async () => {
    const engine = engineWith([stored, { headers: fresh, body: 'own' }]);
    await engine.fetch();
    await engine.clock.advance(60_000);
    const own = await get(engine, '/', { headers: ['Authorization', 'Basic eA=='] });
    assert.equal(own, 'BYPASS fwd=stale authorization: own');
    assert.equal(engine.upstream.call(1).field('if-none-match'), undefined);
    assert.match(await get(engine), /fwd=stale/);
  });

  it('says to one with Authorization what is for all no more: its fields are for nobody else (RFC 9111 §3.5)', async () => {
    const engine = engineWith([
      { headers: ['Cache-Control', 'public, max-age=60', 'ETag', '"1"'], body: 'one' },
      { status: 304, headers: [...fresh, 'ETag', '"1"', 'X-User', 'me'] },
      { headers: [...fresh, 'X-User', 'me'], body: 'own' },
      { status: 304, headers: ['ETag', '"1"'] },
    ]);
    await engine.fetch();
    await engine.clock.advance(60_000);
    const own = await get(engine, '/', { headers: ['Authorization', 'Basic eA=='] });
    assert.equal(own, 'BYPASS fwd=stale authorization: own');
    const { answer, body } = await engine.fetch();
    assert.ok(answer.kind === 'stored');
    assert.deepEqual([body, answer.entry.headers.includes('X-User')], ['one', false]);
  });
});
