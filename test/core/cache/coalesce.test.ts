/** Rules of core/cache/coalesce.ts: one flight per key, and who has to leave it (DESIGN sections 4 and 5). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { obtain } from '../../../core/cache/obtain.ts';
import {
  createTestEngine,
  type Fetched,
  type RequestOptions,
  settle,
  type TestEngine,
  takeBody,
} from '../../support/engine.ts';
import type { FakeResponse } from '../../support/fake-upstream.ts';

const fresh = ['Cache-Control', 'max-age=60'];
const isPrivate = ['Cache-Control', 'private'];

/** Sends `count` requests; `settle` afterwards lets them all arrive. */
function crowd(
  engine: TestEngine,
  count: number,
  options: RequestOptions = {},
): Promise<Fetched[]> {
  return Promise.all(Array.from({ length: count }, () => engine.fetch('/', options)));
}

const bodies = (all: Fetched[]) => new Set(all.map(({ body }) => body));
const collapsed = (all: Fetched[]) =>
  all.filter(({ answer }) => 'collapsed' in answer && answer.collapsed).length;

/** Answers every call that has come since `from` with its own number. */
function respondToAll({ upstream }: TestEngine, from: number, response: FakeResponse): void {
  for (const [index, call] of upstream.calls.entries()) {
    if (index >= from) call.respond({ body: `answer ${index + 1}`, ...response });
  }
}

describe('many requests for the same', () => {
  it('are one fetch: 300 at once', async () => {
    const engine = createTestEngine();
    const all = crowd(engine, 300);
    await settle();
    assert.equal(engine.upstream.calls.length, 1);
    respondToAll(engine, 0, { headers: fresh });
    const got = await all;
    assert.deepEqual(bodies(got), new Set(['answer 1']));
    assert.equal(collapsed(got), 299);
    assert.equal(engine.coalescer.flights, 0);
  });

  it('join while the body arrives, and get it from its first byte', async () => {
    const engine = createTestEngine();
    const early = engine.fetch();
    const body = engine.upstream.call(0).respond({ headers: fresh });
    await settle();
    body.push('first ');
    const late = engine.fetch();
    await settle();
    body.push('second');
    body.end();
    for (const { body: text } of [await early, await late]) assert.equal(text, 'first second');
    assert.equal(engine.upstream.calls.length, 1);
  });

  it('get the same failure: sending all to a failing upstream would keep it down', async () => {
    const engine = createTestEngine();
    const all = crowd(engine, 20);
    await settle();
    engine.upstream.call(0).fail({ kind: 'timeout' });
    for (const { answer } of await all) assert.equal(answer.kind, 'failed');
    assert.equal(engine.upstream.calls.length, 1);
  });

  it('are refused beyond the limit of those who may wait', async () => {
    const engine = createTestEngine({ maxWaiters: 10 });
    const all = crowd(engine, 15);
    await settle();
    respondToAll(engine, 0, { headers: fresh });
    const kinds = (await all).map(({ answer }) => answer.kind);
    assert.equal(kinds.filter((kind) => kind === 'failed').length, 5);
    const refused = 'breakwater_cache_collapsed_requests_total{outcome="refused"}';
    assert.equal(await engine.counter(refused), 5);
  });

  it('that are refused get what is stale where stale-if-error allows', async () => {
    const engine = createTestEngine({ maxWaiters: 1 });
    const headers = ['Cache-Control', 'max-age=60, stale-if-error=60'];
    const first = engine.fetch();
    engine.upstream.call(0).respond({ headers, body: 'stale' });
    await first;
    await engine.clock.advance(60_000);
    const waiting = engine.fetch();
    const { answer, body } = await engine.fetch();
    assert.deepEqual([answer.kind, body], ['stored', 'stale']);
    engine.upstream.call(1).respond({ headers, body: 'new' });
    assert.equal((await waiting).body, 'new');
  });
});

describe('an answer for one client only', () => {
  it('is given to nobody else: each fetches its own', async () => {
    const engine = createTestEngine();
    const all = crowd(engine, 5);
    await settle();
    engine.upstream.call(0).respond({ headers: isPrivate, body: 'answer 1' });
    await settle();
    respondToAll(engine, 1, { headers: isPrivate });
    assert.equal(bodies(await all).size, 5);
    assert.equal(engine.upstream.calls.length, 5);
  });

  it('is remembered, so that nobody waits for it the next time, and forgotten after a while', async () => {
    const engine = createTestEngine();
    const first = engine.fetch();
    respondToAll(engine, 0, { headers: isPrivate });
    await first;
    assert.equal(engine.coalescer.hitForMiss('http://www.demo.test/'), 'private');
    const all = crowd(engine, 5);
    assert.equal(engine.upstream.calls.length, 6, 'all are asked at once');
    respondToAll(engine, 1, { headers: isPrivate });
    await all;
    await engine.clock.advance(119_999);
    assert.equal(engine.coalescer.hitForMiss('http://www.demo.test/'), 'private');
    await engine.clock.advance(1);
    assert.equal(engine.coalescer.hitForMiss('http://www.demo.test/'), undefined);
  });

  it('is forgotten at once when the URL turns out to be storable', async () => {
    const engine = createTestEngine();
    for (const headers of [isPrivate, fresh]) {
      const one = engine.fetch();
      respondToAll(engine, engine.upstream.calls.length - 1, { headers });
      await one;
    }
    assert.equal(engine.coalescer.hitForMiss('http://www.demo.test/'), undefined);
  });

  it('that is so because of the request alone is not remembered', async () => {
    const engine = createTestEngine();
    const headers = ['Authorization', 'Basic eA=='];
    const one = engine.fetch('/', { headers });
    respondToAll(engine, 0, { headers: fresh });
    await one;
    assert.equal(engine.coalescer.hitForMiss('http://www.demo.test/'), undefined);
  });

  it('with Authorization is never waited for', async () => {
    const engine = createTestEngine();
    const all = crowd(engine, 3, { headers: ['Authorization', 'Basic eA=='] });
    assert.equal(engine.upstream.calls.length, 3);
    respondToAll(engine, 0, { headers: ['Cache-Control', 'public, max-age=60'] });
    await all;
  });
});

describe('variants (RFC 9111 §4.1)', () => {
  const vary = [...fresh, 'Vary', 'Accept-Language'];
  const german = { headers: ['Accept-Language', 'de'] };
  const english = { headers: ['Accept-Language', 'en'] };

  it('of a request that turns out to be for another one is fetched, once for all who want it', async () => {
    const engine = createTestEngine();
    const de = crowd(engine, 5, german);
    const en = crowd(engine, 5, english);
    await settle();
    assert.equal(engine.upstream.calls.length, 1);
    respondToAll(engine, 0, { headers: vary });
    await settle();
    assert.equal(engine.upstream.calls.length, 2);
    respondToAll(engine, 1, { headers: vary });
    assert.deepEqual(bodies(await de), new Set(['answer 1']));
    assert.deepEqual(bodies(await en), new Set(['answer 2']));
  });

  it('in the language that a request likes best is shared with it, waiting or not', async () => {
    const engine = createTestEngine();
    const likes = (value: string) => engine.fetch('/', { headers: ['Accept-Language', value] });
    const all = [likes('en;q=0.5, de'), likes('fr;q=0.5, de;q=1.0'), likes('fr')];
    await settle();
    const headers = [...vary, 'Content-Language', 'de'];
    respondToAll(engine, 0, { headers });
    await settle();
    assert.equal(engine.upstream.calls.length, 2);
    respondToAll(engine, 1, { headers: [...vary, 'Content-Language', 'fr'] });
    const got = (await Promise.all(all)).map(({ body }) => body);
    assert.deepEqual(got, ['answer 1', 'answer 1', 'answer 2']);
    const later = await likes('it;q=0.1, de');
    assert.deepEqual([later.answer.kind, later.body], ['stored', 'answer 1']);
  });

  it('is joined by its own kind also when it became known after the flight had begun', async () => {
    const engine = createTestEngine();
    const first = engine.fetch('/', german);
    const body = engine.upstream.call(0).respond({ headers: vary });
    await settle();
    body.push('Guten ');
    const second = engine.fetch('/', german);
    await settle();
    body.push('Tag');
    body.end();
    for (const got of [await first, await second]) assert.equal(got.body, 'Guten Tag');
    assert.equal(engine.upstream.calls.length, 1);
  });

  it('fly side by side once Vary is known', async () => {
    const engine = createTestEngine();
    const first = engine.fetch('/', german);
    respondToAll(engine, 0, { headers: vary });
    await first;
    await engine.clock.advance(60_000);
    const all = [engine.fetch('/', german), engine.fetch('/', english)];
    assert.equal(engine.upstream.calls.length, 3);
    respondToAll(engine, 1, { headers: vary });
    await Promise.all(all);
  });
});

describe('a purge between a flight and a reader (DESIGN section 4)', () => {
  const tagged = [...fresh, 'Surrogate-Key', 'news'];
  const news = [{ kind: 'tag' as const, tag: 'news' }];

  it('sends those who came after it into exactly one new flight, and leaves those who came before', async () => {
    const engine = createTestEngine();
    const before = crowd(engine, 10);
    await settle();
    engine.journal.purge(news);
    const after = crowd(engine, 10);
    await settle();
    assert.equal(engine.upstream.calls.length, 1, 'they join tentatively');
    respondToAll(engine, 0, { headers: tagged });
    await settle();
    assert.equal(engine.upstream.calls.length, 2);
    respondToAll(engine, 1, { headers: tagged });
    assert.deepEqual(bodies(await before), new Set(['answer 1']));
    assert.deepEqual(bodies(await after), new Set(['answer 2']));
    assert.equal((await engine.fetch()).body, 'answer 2');
  });

  it('of something else sends nobody away', async () => {
    const engine = createTestEngine();
    const before = engine.fetch();
    engine.journal.purge([{ kind: 'tag', tag: 'sport' }]);
    const after = engine.fetch();
    await settle();
    respondToAll(engine, 0, { headers: tagged });
    assert.deepEqual(bodies([await before, await after]), new Set(['answer 1']));
  });

  it('that is soft sends them away as well: what was fetched before is stale', async () => {
    const engine = createTestEngine();
    const before = engine.fetch();
    engine.journal.purge(news, { soft: true });
    const after = engine.fetch();
    await settle();
    respondToAll(engine, 0, { headers: tagged });
    await settle();
    respondToAll(engine, 1, { headers: tagged });
    assert.deepEqual([(await before).body, (await after).body], ['answer 1', 'answer 2']);
  });

  it('by another journal sends everybody away who came under it', async () => {
    const engine = createTestEngine();
    const before = engine.fetch();
    engine.journal.reset('journal-b');
    const after = engine.fetch();
    await settle();
    respondToAll(engine, 0, { headers: tagged });
    await settle();
    respondToAll(engine, 1, { headers: tagged });
    assert.deepEqual([(await before).body, (await after).body], ['answer 1', 'answer 2']);
  });
});

describe('a reader that goes while it waits', () => {
  /** A request of a client that can go. */
  function leavable(engine: TestEngine) {
    const client = new AbortController();
    const answer = Promise.resolve(
      obtain(engine.obtain, engine.request(), {
        mayAskPeers: true,
        goneSignal: () => client.signal,
      }),
    );
    return { answer, go: () => client.abort() };
  }

  it('ends the fetch when it was the last one', async () => {
    const engine = createTestEngine();
    const { answer, go } = leavable(engine);
    go();
    assert.ok(engine.upstream.call(0).request.signal.aborted);
    assert.equal((await answer).kind, 'failed');
  });

  it('ends nothing while others wait', async () => {
    const engine = createTestEngine();
    const { answer, go } = leavable(engine);
    const other = engine.fetch();
    await settle();
    go();
    assert.ok(!engine.upstream.call(0).request.signal.aborted);
    respondToAll(engine, 0, { headers: fresh });
    assert.equal((await other).body, 'answer 1');
    await takeBody(engine.store, await answer);
    assert.equal(engine.coalescer.flights, 0);
  });

  it('and whose flight was given up in the same moment hands over: the newcomer fetches anew', async () => {
    const engine = createTestEngine();
    const { go } = leavable(engine);
    go();
    const newcomer = engine.fetch();
    await settle();
    assert.equal(engine.upstream.calls.length, 2);
    engine.upstream.call(1).respond({ headers: fresh, body: 'new' });
    assert.equal((await newcomer).body, 'new');
  });

  it('starts nothing more when it would have to leave its flight', async () => {
    const engine = createTestEngine();
    const first = engine.fetch();
    const { answer, go } = leavable(engine);
    await settle();
    go();
    respondToAll(engine, 0, { headers: isPrivate });
    await first;
    assert.equal((await answer).kind, 'failed');
    assert.equal(engine.upstream.calls.length, 1);
  });
});

describe('a newcomer whose flight has let its beginning go', () => {
  it('shares one new flight with all others that are too late', async () => {
    const engine = createTestEngine({ limits: { windowBytes: 8 }, memoryObjectBytes: 4 });
    const early = engine.fetch();
    const body = engine.upstream.call(0).respond({ headers: fresh });
    await settle();
    await engine.clock.advance(0);
    for (const piece of ['abcd', 'efgh', 'ijkl']) {
      body.push(piece);
      await settle();
    }
    const late = crowd(engine, 5);
    await settle();
    assert.equal(engine.upstream.calls.length, 2);
    body.end();
    respondToAll(engine, 1, { headers: fresh });
    assert.equal((await early).body, 'abcdefghijkl');
    assert.deepEqual(bodies(await late), new Set(['answer 2']));
  });
});

describe('a client that forces a revalidation', () => {
  it('gets a flight that began after it came', async () => {
    const engine = createTestEngine();
    const first = engine.fetch();
    respondToAll(engine, 0, { headers: fresh });
    await first;
    const forced = { headers: ['Cache-Control', 'no-cache'] };
    const early = engine.fetch('/', forced);
    await engine.clock.advance(1);
    const late = engine.fetch('/', forced);
    assert.equal(engine.upstream.calls.length, 3);
    respondToAll(engine, 1, { headers: fresh });
    assert.deepEqual([(await early).body, (await late).body], ['answer 2', 'answer 3']);
  });
});

describe('what an unsafe request has invalidated (RFC 9111 §4.4)', () => {
  const key = 'http://www.demo.test/';

  it('is not stored by any flight from before, also one that flies alone', async () => {
    const engine = createTestEngine();
    const authorized = { headers: ['Authorization', 'Basic eA=='] };
    const all = [engine.fetch(), engine.fetch('/', authorized)];
    engine.coalescer.invalidate([key]);
    respondToAll(engine, 0, { headers: ['Cache-Control', 'public, max-age=60'] });
    await Promise.all(all);
    assert.equal(engine.store.memory.count, 0);
  });

  it('is not joined by those who come after', async () => {
    const engine = createTestEngine();
    const before = engine.fetch();
    engine.coalescer.invalidate([key]);
    const after = engine.fetch();
    assert.equal(engine.upstream.calls.length, 2);
    respondToAll(engine, 0, { headers: fresh });
    assert.deepEqual([(await before).body, (await after).body], ['answer 1', 'answer 2']);
    assert.equal((await engine.fetch()).body, 'answer 2');
  });

  it('is named by group as well: flights that are in it, be it known only later (RFC 9875 §3)', async () => {
    const engine = createTestEngine();
    const grouped = [...fresh, 'Cache-Groups', '"news"'];
    const paths = ['/unknown', '/member', '/other', '/unknown-other'];
    const flights = paths.map((path) => engine.fetch(path));
    const [member, other] = [grouped, fresh].map((headers, n) =>
      engine.upstream.call(n + 1).respond({ headers }),
    );
    await settle();
    engine.coalescer.invalidate([], { groups: { host: 'www.demo.test', groups: ['news'] } });
    const late = engine.fetch('/unknown');
    engine.upstream.call(0).respond({ headers: grouped, body: 'x' });
    engine.upstream.call(3).respond({ headers: fresh, body: 'x' });
    await settle();
    engine.upstream.call(4).respond({ headers: ['Cache-Control', 'no-store'], body: 'new' });
    for (const body of [member, other]) {
      body?.push('x');
      body?.end();
    }
    await Promise.all(flights);
    assert.equal((await late).body, 'new', 'who came after the change has what came after it');
    const isStored = (path: string) => engine.store.memory.peek(`http://www.demo.test${path}`);
    assert.deepEqual(
      paths.map((path) => isStored(path).length),
      [0, 0, 1, 1],
    );
  });
});
