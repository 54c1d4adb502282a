/** Rules of core/cache/obtain.ts where purges, tiers and other workers come in (DESIGN section 4). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CacheRequest, SourceResult } from '../../../core/cache/exchange.ts';
import type { Answer, Peers } from '../../../core/cache/obtain.ts';
import { outcomeOf } from '../../../core/cache/outcome.ts';
import { createTestEngine, settle, type TestEngine } from '../../support/engine.ts';
import { createFakeBody, type FakeResponse } from '../../support/fake-upstream.ts';
import { initWith, responseWith } from '../../support/responses.ts';

const fresh = ['Cache-Control', 'max-age=60', 'Surrogate-Key', 'news', 'ETag', '"1"'];
const news = [{ kind: 'tag' as const, tag: 'news' }];

function xCache(engine: TestEngine, answer: Answer): string {
  if (answer.kind !== 'stored' && answer.kind !== 'streaming') return answer.kind;
  const { xCache: word, member } = outcomeOf(answer, engine.clock.nowMs());
  return member.detail ? `${word} ${member.detail}` : word;
}

async function get(engine: TestEngine, ...args: Parameters<TestEngine['fetch']>): Promise<string> {
  const { answer, body } = await engine.fetch(...args);
  return `${xCache(engine, answer)}: ${body}`;
}

/** Answers each call with its number. */
function numbered(engine: TestEngine, response: FakeResponse = {}): void {
  engine.upstream.script = (call) =>
    call.respond({ headers: fresh, body: `${engine.upstream.calls.length}`, ...response });
}

describe('a purge', () => {
  it('makes what is stored a miss, for what it matches only', async () => {
    const engine = createTestEngine();
    numbered(engine);
    await engine.fetch('/a');
    await engine.fetch('/b');
    engine.journal.purge([{ kind: 'url', url: 'http://www.demo.test/a' }]);
    assert.equal(await get(engine, '/a'), 'MISS purged: 3');
    assert.equal(await get(engine, '/b'), 'HIT: 2');
  });

  it('that is hard is not even served when the upstream fails', async () => {
    const engine = createTestEngine({ site: { cache: { staleIfError: '1d' } } });
    numbered(engine);
    await engine.fetch();
    engine.journal.purge(news);
    engine.upstream.script = (call) => call.fail();
    assert.equal((await engine.ask()).kind, 'failed');
  });

  it('that is hard has the whole fetched again, with no validator of the old one', async () => {
    const engine = createTestEngine();
    numbered(engine);
    await engine.fetch();
    engine.journal.purge(news);
    await engine.fetch();
    assert.equal(engine.upstream.call(1).field('if-none-match'), undefined);
  });

  it('that is soft has it revalidated, and served stale where the site allows', async () => {
    const engine = createTestEngine({ site: { cache: { staleIfError: '1d' } } });
    numbered(engine);
    await engine.fetch();
    engine.journal.purge(news, { soft: true });
    engine.upstream.script = (call) => call.fail();
    assert.equal(await get(engine), 'STALE upstream-error: 1');
    engine.upstream.script = (call) => call.respond({ status: 304 });
    assert.equal(await get(engine), 'REVALIDATED: 1');
    assert.equal(await get(engine), 'HIT: 1');
  });

  it('that came during a fetch keeps what was fetched before it from being stored', async () => {
    const engine = createTestEngine();
    const before = engine.fetch();
    engine.journal.purge(news);
    engine.obtain.purges.sync();
    engine.upstream.call(0).respond({ headers: fresh, body: 'old' });
    assert.equal((await before).body, 'old', 'it was begun before');
    numbered(engine);
    assert.equal(await get(engine), 'MISS: 2');
  });

  it('that came after the fetch and before the insertion does as well', async () => {
    const engine = createTestEngine();
    const before = engine.fetch();
    const body = engine.upstream.call(0).respond({ headers: fresh });
    await settle();
    body.push('old');
    engine.journal.purge(news);
    engine.obtain.purges.sync();
    body.end();
    await before;
    assert.equal(engine.store.memory.count, 0);
  });

  it('that is soft and came during a fetch has it stored as stale', async () => {
    const engine = createTestEngine();
    const before = engine.fetch();
    engine.journal.purge(news, { soft: true });
    engine.obtain.purges.sync();
    engine.upstream.call(0).respond({ headers: fresh, body: 'old' });
    await before;
    engine.upstream.script = (call) => call.respond({ status: 304 });
    assert.equal(await get(engine), 'REVALIDATED: old');
  });

  it('that came during a revalidation is above the 304’s epoch: nothing becomes fresh by it', async () => {
    const engine = createTestEngine();
    numbered(engine);
    await engine.fetch();
    await engine.clock.advance(60_000);
    engine.upstream.script = undefined;
    const before = engine.fetch();
    engine.journal.purge(news);
    engine.obtain.purges.sync();
    engine.upstream.call(1).respond({ status: 304 });
    assert.equal((await before).body, '1');
    numbered(engine);
    assert.equal(await get(engine), 'MISS purged: 3');
  });
});

describe('an answer of a shield', () => {
  const from = (label: string | undefined, more: FakeResponse = {}): FakeResponse => ({
    headers: fresh,
    body: 'one',
    tier: 'shield',
    ...(label === undefined ? {} : { tierHeaders: { 'breakwater-label': label } }),
    ...more,
  });

  const cases: [string, FakeResponse, string][] = [
    ['labelled with what was sent is stored', from('journal-a 2 -'), 'HIT'],
    ['labelled with a later position is stored', from('journal-a 9 -'), 'HIT'],
    ['labelled with an older one is not', from('journal-a 1 -'), 'MISS unlabelled'],
    ['labelled by another journal is not', from('journal-b 5 -'), 'MISS unlabelled'],
    ['without a label is not', from(undefined), 'MISS unlabelled'],
    ['with a label that cannot be read is not', from('journal-a'), 'MISS unlabelled'],
  ];
  for (const [title, response, then] of cases) {
    it(title, async () => {
      const engine = createTestEngine();
      engine.journal.purge([{ kind: 'tag', tag: 'x' }]);
      engine.journal.purge([{ kind: 'tag', tag: 'y' }]);
      engine.upstream.script = (call) => call.respond(response);
      await engine.fetch();
      assert.equal(xCache(engine, (await engine.fetch()).answer), then);
      const unlabelled = 'breakwater_cache_unstored_responses_total{reason="unlabelled"}';
      assert.equal(await engine.counter(unlabelled), then === 'HIT' ? 0 : 2);
    });
  }

  it('that is marked stale is stored as stale, since then', async () => {
    const engine = createTestEngine({ site: { cache: { staleWhileRevalidate: '10s' } } });
    const since = String(engine.clock.nowMs() - 5000);
    const marked = { tierHeaders: { 'breakwater-stale-since': since } };
    engine.upstream.script = (call) => call.respond(from(undefined, marked));
    assert.equal(await get(engine), 'STALE: one');
    await engine.clock.advance(4999);
    assert.equal(await get(engine), 'STALE revalidating: one');
  });

  it('that is a 304 under an older position leaves the mark of staleness', async () => {
    const engine = createTestEngine();
    const since = String(engine.clock.nowMs() - 5000);
    const marked = { tierHeaders: { 'breakwater-stale-since': since } };
    engine.upstream.script = (call) => call.respond(from(undefined, marked));
    await engine.fetch();
    engine.upstream.script = (call) => call.respond({ status: 304, tier: 'shield' });
    assert.equal(await get(engine), 'STALE: one');
    assert.equal(await get(engine), 'STALE: one', 'and is asked again');
    assert.equal(engine.upstream.calls.length, 3);
  });
});

describe('a tier that is ahead of this node', () => {
  const ahead = { unreached: { identity: 'journal-a', seq: 3, hash: 'abc' } };

  it('is not answered from what this node cannot judge, and what it gets is stored under our own cursor', async () => {
    const engine = createTestEngine({ role: 'shield' });
    numbered(engine);
    await engine.fetch();
    assert.equal(await get(engine, '/', ahead), 'MISS: 2');
    const { answer } = await engine.fetch();
    assert.ok(answer.kind === 'stored' && answer.entry.labelSeq === 0);
  });

  it('shares a flight only with those of the identical position', async () => {
    const engine = createTestEngine({ role: 'shield' });
    const other = { unreached: { ...ahead.unreached, seq: 4 } };
    const all = [undefined, ahead, ahead, other].map((options) => engine.fetch('/', options));
    await settle();
    assert.equal(engine.upstream.calls.length, 3);
    for (const call of engine.upstream.calls) call.respond({ headers: fresh, body: 'x' });
    await Promise.all(all);
  });
});

describe('a key that another worker owns', () => {
  /** A worker that owns everything and gives this answer. */
  function owner(answer: (request: CacheRequest) => SourceResult): Peers & { asked: number } {
    const peers = {
      asked: 0,
      ownerOf: () => 1,
      outdate() {},
      ask(_owner: number, request: CacheRequest) {
        peers.asked += 1;
        return Promise.resolve(answer(request));
      },
    };
    return peers;
  }
  const gone: SourceResult = {
    kind: 'failed',
    failure: { source: 'internal', kind: 'unavailable', retryable: true, cause: 'gone' },
  };
  const found = (): SourceResult => ({
    kind: 'ready',
    entry: responseWith({ responseTimeMs: Date.UTC(2026, 0, 1) }, 'found there'),
    report: undefined,
    decided: { disposition: { kind: 'hit' }, collapsed: false, revalidated: false },
  });

  it('is asked of its owner, and what it has found is kept here as well', async () => {
    const peers = owner(found);
    const engine = createTestEngine({ peers });
    assert.equal(await get(engine), 'HIT: found there');
    assert.equal(await get(engine), 'HIT: found there');
    assert.deepEqual([peers.asked, engine.upstream.calls.length], [1, 0]);
  });

  it('is asked of its owner for only-if-cached too, and of nobody else (RFC 9111 §5.2.1.7)', async () => {
    const asks = { headers: ['Cache-Control', 'only-if-cached'] };
    const peers = owner(found);
    const { answer, body } = await createTestEngine({ peers }).fetch('/', asks);
    assert.deepEqual([answer.kind, body], ['stored', 'found there']);
    const without = createTestEngine({ peers: owner(() => gone) });
    assert.equal((await without.ask('/', asks)).kind, 'only-if-cached');
    assert.equal(without.upstream.calls.length, 0);
  });

  it('is told to the others when something newer is stored where something was (RFC 9111 §4.1)', async () => {
    const outdated: unknown[] = [];
    const outdate = ({ key }: { key: string }) => void outdated.push(key);
    const peers = { ownerOf: () => undefined, ask: () => Promise.resolve(gone), outdate };
    const engine = createTestEngine({ peers });
    numbered(engine);
    await get(engine);
    assert.deepEqual(outdated, []);
    await engine.clock.advance(1000);
    await engine.fetch('/', { headers: ['Cache-Control', 'no-cache'] });
    assert.deepEqual(outdated, ['http://www.demo.test/']);
  });

  it('is fetched here when the owner is gone', async () => {
    const engine = createTestEngine({ peers: owner(() => gone) });
    numbered(engine);
    assert.equal(await get(engine), 'MISS: 1');
    assert.equal(await get(engine), 'HIT: 1');
  });

  it('that fails there fails here: it is not tried a second time', async () => {
    const failure = { ...gone.failure, source: 'upstream', kind: 'timeout' } as const;
    const engine = createTestEngine({ peers: owner(() => ({ kind: 'failed', failure })) });
    assert.equal((await engine.ask()).kind, 'failed');
    assert.equal(engine.upstream.calls.length, 0);
  });

  it('is streamed from there, and nothing of it is written to disk here', async () => {
    const body = createFakeBody(3);
    const report = { ...fetchReport, responseTimeMs: Date.UTC(2026, 0, 1) };
    const engine = createTestEngine({
      peers: owner(() => ({
        kind: 'streaming',
        init: initWith({ responseTimeMs: Date.UTC(2026, 0, 1) }),
        body,
        notStored: null,
        shareable: true,
        report,
        decided: {
          disposition: { kind: 'miss', fwd: 'uri-miss' },
          collapsed: true,
          revalidated: false,
        },
      })),
    });
    const got = engine.fetch();
    await settle();
    body.push('one');
    body.end();
    const { answer, body: text } = await got;
    assert.equal(text, 'one');
    assert.ok(answer.kind === 'streaming' && answer.collapsed);
    assert.equal(engine.store.memory.count, 1);
  });

  const fetchReport = {
    from: 'origin.test:80',
    tier: 'origin' as const,
    fwdStatus: 200,
    behind: undefined,
    wasAged: false,
    requestTimeMs: 0,
    responseTimeMs: 0,
  };
});
