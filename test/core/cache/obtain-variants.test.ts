/** Rules of core/cache/obtain.ts for a URL with several variants: what is stored for one request may serve another (RFC 9111 §4.3). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { outcomeOf } from '../../../core/cache/outcome.ts';
import { first } from '../../../core/http/headers.ts';
import { createTestEngine, type EngineOptions, type TestEngine } from '../../support/engine.ts';
import { createFakeDisk } from '../../support/fake-disk.ts';
import type { FakeCall } from '../../support/fake-upstream.ts';

const german = { headers: ['Accept-Language', 'de'] };
const french = { headers: ['Accept-Language', 'fr'] };

/** Gives each language its own body, but German and French the same one. */
function inLanguages(call: FakeCall): void {
  const language = call.field('accept-language') ?? 'en';
  const etag = language === 'fr' ? '"de"' : `"${language}"`;
  const headers = ['Cache-Control', 'max-age=60', 'Vary', 'Accept-Language', 'X-For', language];
  const isKnown = call.field('if-none-match')?.split(', ').includes(etag) === true;
  if (isKnown) call.respond({ status: 304, headers: [...headers, 'ETag', etag], lengthBytes: 0 });
  else call.respond({ headers: [...headers, 'ETag', etag], body: `body of ${etag}` });
}

function start(options: EngineOptions = {}): TestEngine {
  const engine = createTestEngine(options);
  engine.upstream.script = inLanguages;
  return engine;
}

async function get(engine: TestEngine, ...args: Parameters<TestEngine['fetch']>): Promise<string> {
  const { answer, body } = await engine.fetch(...args);
  if (answer.kind !== 'stored' && answer.kind !== 'streaming') return answer.kind;
  const { xCache, member } = outcomeOf(answer, engine.clock.nowMs());
  return `${xCache} ${member.fwd ?? '-'} for ${first(answer.entry.headers, 'x-for')}: ${body}`;
}

const tagsAsked = (engine: TestEngine) =>
  engine.upstream.calls.map((call) => call.field('if-none-match'));

describe('a variant that is not stored', () => {
  it('asks whether it is one that is, and is then answered from that, with its own fields', async () => {
    const engine = start();
    assert.equal(await get(engine), 'MISS uri-miss for en: body of "en"');
    assert.equal(await get(engine, '/', german), 'MISS vary-miss for de: body of "de"');
    assert.equal(await get(engine, '/', french), 'REVALIDATED vary-miss for fr: body of "de"');
    assert.deepEqual(tagsAsked(engine), [undefined, '"en"', '"de", "en"']);
  });

  it('is one of its own from then on: a hit for both, and both expire by themselves', async () => {
    const engine = start();
    await engine.fetch('/', german);
    await engine.clock.advance(30_000);
    await engine.fetch('/', french);
    await engine.clock.advance(30_000);
    assert.equal(await get(engine, '/', french), 'HIT - for fr: body of "de"');
    assert.equal(await get(engine, '/', german), 'REVALIDATED stale for de: body of "de"');
    assert.equal(await get(engine, '/', french), 'HIT - for fr: body of "de"');
    assert.equal(await get(engine, '/', german), 'HIT - for de: body of "de"');
  });

  it('may be told by the answer to HEAD', async () => {
    const engine = start();
    await engine.fetch('/', german);
    await engine.fetch('/', { method: 'HEAD', ...french });
    assert.equal(await get(engine, '/', french), 'HIT - for fr: body of "de"');
  });

  it('is fetched whole when the 304 means none of those that were asked for', async () => {
    const engine = start();
    await engine.fetch('/', german);
    engine.upstream.script = (call) => {
      const isAsked = call.field('if-none-match') !== undefined;
      if (isAsked) call.respond({ status: 304, headers: ['ETag', '"other"'], lengthBytes: 0 });
      else call.respond({ headers: ['X-For', 'fr'], body: 'whole' });
    };
    assert.equal(await get(engine, '/', french), 'MISS vary-miss for fr: whole');
    assert.equal(engine.upstream.calls.length, 3);
    assert.equal(await get(engine, '/', german), 'HIT - for de: body of "de"');
  });

  it('is fetched whole when the 304 is for another language under the same weak tag', async () => {
    const engine = start();
    engine.upstream.script = (call) => {
      const language = call.field('accept-language') ?? 'en';
      const headers = ['Cache-Control', 'max-age=60', 'Vary', 'Accept-Language', 'X-For', language];
      headers.push('ETag', 'W/"1"', 'Content-Language', language);
      if (call.field('if-none-match')) call.respond({ status: 304, headers, lengthBytes: 0 });
      else call.respond({ headers, body: `body in ${language}` });
    };
    await engine.fetch('/', german);
    assert.equal(await get(engine, '/', french), 'MISS vary-miss for fr: body in fr');
    assert.equal(await get(engine, '/', german), 'HIT - for de: body in de');
  });

  it('is fetched whole when the stored one is for the cookie of another user', async () => {
    const engine = start();
    engine.upstream.script = (call) => {
      const user = call.field('cookie') ?? 'nobody';
      const headers = [
        'Cache-Control',
        'max-age=60',
        'Vary',
        'Cookie',
        'X-For',
        user,
        'ETag',
        '"v1"',
      ];
      if (call.field('if-none-match')) call.respond({ status: 304, headers, lengthBytes: 0 });
      else call.respond({ headers, body: `page of ${user}` });
    };
    await engine.fetch('/', { headers: ['Cookie', 'a'] });
    const other = await get(engine, '/', { headers: ['Cookie', 'b'] });
    assert.equal(other, 'MISS vary-miss for b: page of b');
  });

  it('is fetched whole when the 304 forbids to keep it', async () => {
    const engine = start();
    await engine.fetch('/', german);
    engine.upstream.script = (call) => {
      const isAsked = call.field('if-none-match') !== undefined;
      const headers = ['Cache-Control', 'no-store', 'ETag', '"de"', 'X-For', 'fr'];
      if (isAsked) call.respond({ status: 304, headers, lengthBytes: 0 });
      else call.respond({ headers, body: 'whole' });
    };
    assert.equal(await get(engine, '/', french), 'BYPASS vary-miss for fr: whole');
  });

  it('asks for none that a purge has matched', async () => {
    const engine = start();
    await engine.fetch('/', german);
    engine.journal.purge([{ kind: 'url', url: 'http://www.demo.test/' }]);
    await engine.fetch('/', french);
    assert.deepEqual(tagsAsked(engine), [undefined, undefined]);
  });

  it('asks for one that was purged softly: it is stale, and no worse', async () => {
    const engine = start();
    await engine.fetch('/', german);
    engine.journal.purge([{ kind: 'url', url: 'http://www.demo.test/' }], { soft: true });
    assert.equal(await get(engine, '/', french), 'REVALIDATED vary-miss for fr: body of "de"');
    assert.equal(await get(engine, '/', german), 'REVALIDATED stale for de: body of "de"');
  });

  it('asks for none on behalf of a tier that is ahead of this node', async () => {
    const engine = start();
    await engine.fetch('/', german);
    const unreached = { identity: 'journal-a', seq: 9, hash: '' };
    await engine.fetch('/', { ...french, unreached });
    assert.deepEqual(tagsAsked(engine), [undefined, undefined]);
  });
});

it('a revalidation asks for the other variants as well, and may turn into one of them', async () => {
  const engine = start();
  await engine.fetch('/', german);
  await engine.fetch();
  await engine.clock.advance(60_000);
  engine.upstream.script = (call) =>
    call.respond({ status: 304, headers: ['ETag', '"de"', 'X-For', 'all'], lengthBytes: 0 });
  assert.equal(await get(engine), 'REVALIDATED stale for all: body of "de"');
  assert.equal(engine.upstream.call(2).field('if-none-match'), '"en", "de"');
  assert.equal(await get(engine), 'HIT - for all: body of "de"');
});

it('what one request could not ask for is counted', async () => {
  const engine = createTestEngine();
  engine.upstream.script = (call) => {
    const headers = ['Cache-Control', 'max-age=60', 'Vary', 'Accept-Language'];
    call.respond({ headers: [...headers, 'ETag', `"${engine.upstream.calls.length}"`], body: '' });
  };
  for (let n = 0; n <= 18; n += 1) {
    await engine.clock.advance(1);
    await engine.fetch('/', { headers: ['Accept-Language', `l${n}`] });
  }
  assert.equal(await engine.counter('breakwater_cache_tags_left_out_total'), 3);
});

describe('with a disk tier', () => {
  for (const [size, memoryObjectBytes] of [
    ['small enough for memory', 1000],
    ['on disk only', 5],
  ] as const) {
    it(`each variant gets a row of its own, of a body ${size}`, async () => {
      const disk = createFakeDisk();
      disk.isEager = true;
      const engine = start({ disk, memoryObjectBytes });
      await engine.fetch('/', german);
      engine.store.memory.clear();
      assert.equal(await get(engine, '/', french), 'REVALIDATED vary-miss for fr: body of "de"');
      assert.equal(disk.rows.size, 2);
      engine.store.memory.clear();
      assert.equal(await get(engine, '/', french), 'HIT - for fr: body of "de"');
      assert.equal(await get(engine, '/', german), 'HIT - for de: body of "de"');
    });
  }
});
