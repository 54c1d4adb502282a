/** DESIGN section 4, "Without a lease": what is stored is validated before it is served, once in a while for a URL. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { outcomeOf } from '../../../core/cache/outcome.ts';
import type { LeaseRules } from '../../../core/cache/unleased.ts';
import { tierHeaders } from '../../../core/purge/command.ts';
import { createTestEngine, settle, type TestEngine } from '../../support/engine.ts';

const fresh = ['Cache-Control', 'max-age=600', 'ETag', '"a"'];

/** A node that has fetched `/` five seconds ago, and whose lease has run out since. */
async function setUp(rules: Partial<LeaseRules> = {}, role: 'edge' | 'shield' = 'edge') {
  let isHeld = true;
  const lease = { isHeld: () => isHeld, revalidateMs: 1000, servesMarked: false, ...rules };
  const engine = createTestEngine({ lease, role });
  const { upstream, clock } = engine;
  upstream.script = (call) => void call.respond({ headers: fresh, body: 'one' });
  await engine.fetch('/');
  await clock.advance(5000);
  upstream.script = (call) => {
    if (call.field('if-none-match') === undefined) call.respond({ headers: fresh, body: 'two' });
    else call.respond({ status: 304, headers: fresh, body: '' });
  };
  isHeld = false;
  const asked = () => upstream.calls.length - 1;
  const setHeld = (value: boolean) => {
    isHeld = value;
  };
  return { engine, asked, setHeld };
}

/** X-Cache, this tier's word on it, and the body. */
async function get(engine: TestEngine, options = {}): Promise<string> {
  const { answer, body } = await engine.fetch('/', options);
  if (answer.kind !== 'stored' && answer.kind !== 'streaming') return answer.kind;
  const { xCache, member } = outcomeOf(answer, engine.clock.nowMs());
  return [xCache, member.fwd && `fwd=${member.fwd}`, member.detail, body].filter(Boolean).join(' ');
}

const uses = (engine: TestEngine, use: string) =>
  engine.counter(`breakwater_cache_unleased_uses_total{use="${use}"}`);

describe('without a lease', () => {
  test('what is fresh is validated before it is served, and it is said why', async () => {
    const { engine, asked } = await setUp();
    assert.equal(await get(engine), 'REVALIDATED fwd=stale no-lease one');
    assert.deepEqual([asked(), await uses(engine, 'revalidate')], [1, 1]);
  });

  test('at most once in `quarantineRevalidate` for a URL', async () => {
    const { engine, asked } = await setUp();
    await get(engine);
    await engine.clock.advance(999);
    assert.equal(await get(engine), 'HIT one');
    assert.deepEqual([asked(), await uses(engine, 'recent')], [1, 1]);
    await engine.clock.advance(1);
    assert.equal(await get(engine), 'REVALIDATED fwd=stale no-lease one');
    assert.equal(asked(), 2);
  });

  test('at every read where it is 0 s', async () => {
    const { engine, asked } = await setUp({ revalidateMs: 0 });
    await get(engine);
    await get(engine);
    assert.equal(asked(), 2);
  });

  test('a wall clock that was set back makes no validation recent', async () => {
    const { engine, asked } = await setUp();
    engine.clock.stepWall(-60_000);
    await get(engine);
    assert.equal(asked(), 1);
  });

  test('many readers at once share one validation', async () => {
    const { engine, asked } = await setUp();
    engine.upstream.script = undefined;
    const reads = Array.from({ length: 50 }, () => get(engine));
    await settle();
    assert.equal(asked(), 1);
    engine.upstream.call(1).respond({ status: 304, headers: fresh, body: '' });
    assert.deepEqual(
      new Set(await Promise.all(reads)),
      new Set(['REVALIDATED fwd=stale no-lease one']),
    );
  });

  test('no flight is joined that began longer ago', async () => {
    const { engine, asked } = await setUp();
    engine.upstream.script = undefined;
    const first = get(engine);
    await engine.clock.advance(1001);
    const second = get(engine);
    await settle();
    assert.equal(asked(), 2);
    for (const index of [1, 2]) {
      engine.upstream.call(index).respond({ status: 304, headers: fresh, body: '' });
    }
    await Promise.all([first, second]);
  });

  test('nor one that began before the machine was suspended, whose monotonic clock then stood still', async () => {
    const { engine, asked } = await setUp();
    engine.upstream.script = undefined;
    const first = get(engine);
    engine.clock.stepWall(1001);
    const second = get(engine);
    await settle();
    assert.equal(asked(), 2);
    for (const index of [1, 2]) {
      engine.upstream.call(index).respond({ status: 304, headers: fresh, body: '' });
    }
    await Promise.all([first, second]);
  });

  test('a worker that asks the owner of the URL joins no flight of its own: the owner joins what is recent', async () => {
    let asked = 0;
    const engine = createTestEngine({
      lease: { isHeld: () => false, revalidateMs: 1000, servesMarked: false },
      peers: {
        ownerOf: () => 1,
        outdate: () => {},
        ask() {
          asked += 1;
          return new Promise(() => {});
        },
      },
    });
    void engine.ask('/');
    await engine.clock.advance(300);
    void engine.ask('/');
    await settle();
    assert.equal(asked, 2);
  });

  test('what would be served stale in the meantime is validated as well', async () => {
    const { engine, asked } = await setUp();
    const swr = ['Cache-Control', 'max-age=1, stale-while-revalidate=600', 'ETag', '"a"'];
    engine.upstream.script = (call) => void call.respond({ headers: swr, body: 'swr' });
    await engine.fetch('/swr');
    await engine.clock.advance(3000);
    const before = asked();
    const { answer } = await engine.fetch('/swr');
    assert.notEqual(answer.kind === 'stored' && answer.disposition.kind, 'stale');
    assert.equal(asked(), before + 1);
  });

  test('where the origin fails as well it is served as stale, marked and counted', async () => {
    const { engine } = await setUp();
    engine.upstream.script = (call) => call.fail({ kind: 'connect' });
    assert.equal(await get(engine), 'STALE fwd=stale no-lease one');
    assert.equal(await uses(engine, 'unvalidated'), 1);
    engine.upstream.script = (call) => void call.respond({ status: 503, body: 'down' });
    assert.equal(await get(engine), 'STALE fwd=stale no-lease one');
  });

  test('so is what has expired, and would have been validated under a lease as well', async () => {
    const { engine } = await setUp();
    await engine.clock.advance(3_600_000);
    engine.upstream.script = (call) => call.fail({ kind: 'connect' });
    assert.equal(await get(engine), 'STALE fwd=stale no-lease one');
    assert.equal(await uses(engine, 'unvalidated'), 1);
  });

  test('what a purge matched hard is not served even then', async () => {
    const { engine } = await setUp();
    engine.journal.purge([{ kind: 'url', url: 'http://www.demo.test/' }]);
    engine.upstream.script = (call) => call.fail({ kind: 'connect' });
    assert.equal(await get(engine), 'failed');
  });

  test('`serve-marked`: it is served without being asked for, and marked', async () => {
    const { engine, asked } = await setUp({ servesMarked: true });
    assert.equal(await get(engine), 'STALE no-lease one');
    assert.deepEqual([asked(), await uses(engine, 'marked')], [0, 1]);
  });

  test('under a lease nothing of this holds', async () => {
    const { engine, asked, setHeld } = await setUp();
    setHeld(true);
    assert.equal(await get(engine), 'HIT one');
    assert.equal(asked(), 0);
  });

  test('only-if-cached is answered with what was validated a moment ago, or not at all', async () => {
    const { engine, asked } = await setUp();
    const headers = ['Cache-Control', 'only-if-cached'];
    engine.site.cache.clientRevalidation = true;
    assert.equal(await get(engine, { headers }), 'only-if-cached');
    assert.equal(asked(), 0);
  });
});

describe('between tiers', () => {
  const leaseSent = (engine: TestEngine, index: number) => {
    const fields = engine.upstream.call(index).request.tierHeaders;
    const at = fields.indexOf(tierHeaders.lease);
    return at < 0 ? undefined : fields[at + 1];
  };

  test('a node says with its position whether it holds a lease', async () => {
    const { engine } = await setUp();
    await get(engine);
    assert.deepEqual([leaseSent(engine, 0), leaseSent(engine, 1)], ['1', undefined]);
  });

  test('a shield under its own lease answers from its store whoever asks', async () => {
    const { engine, asked, setHeld } = await setUp({}, 'shield');
    setHeld(true);
    assert.equal(await get(engine, { isFromUnleased: true }), 'HIT one');
    assert.equal(asked(), 0);
  });

  test('a shield without one asks the origin for an edge without one, however recent its own validation', async () => {
    const { engine, asked } = await setUp({}, 'shield');
    await get(engine, { isFromUnleased: false });
    assert.equal(asked(), 1);
    assert.equal(await get(engine, { isFromUnleased: false }), 'HIT one');
    assert.equal(await get(engine, { isFromUnleased: true }), 'REVALIDATED fwd=stale no-lease one');
    assert.equal(asked(), 2);
  });

  test('what a shield could not validate either is no validation for the edge', async () => {
    const { engine, asked } = await setUp();
    const tierHeaders = { 'breakwater-stale-since': String(engine.clock.nowMs()) };
    engine.upstream.script = (call) =>
      void call.respond({ headers: fresh, body: 'old', tier: 'shield', tierHeaders });
    await get(engine);
    await get(engine);
    assert.equal(asked(), 2);
  });

  test('a tier without a lease joins no earlier flight of its position: no purge is known of it', async () => {
    const { engine, asked, setHeld } = await setUp({}, 'shield');
    setHeld(true);
    engine.upstream.script = undefined;
    const unreached = { identity: 'none', seq: 0, hash: '' };
    const first = get(engine, { unreached, isFromUnleased: true });
    await engine.clock.advance(1);
    const second = get(engine, { unreached, isFromUnleased: true });
    const third = get(engine, { unreached, isFromUnleased: false });
    await settle();
    assert.equal(asked(), 2);
    for (const index of [1, 2]) engine.upstream.call(index).respond({ headers: fresh, body: 'x' });
    await Promise.all([first, second, third]);
  });

  test('and never serves it marked instead', async () => {
    const { engine, asked } = await setUp({ servesMarked: true }, 'shield');
    await get(engine, { isFromUnleased: true });
    assert.equal(asked(), 1);
  });
});
