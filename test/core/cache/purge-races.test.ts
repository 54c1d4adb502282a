/** Purges that arrive in the middle of something: rules of DESIGN section 4, over the whole engine of one thread. */
import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { handle } from '../../../core/cache/handle.ts';
import { peek } from '../../../core/cache/peek.ts';
import { createTestEngine, settle, type TestEngine } from '../../support/engine.ts';
import { createFakeDisk } from '../../support/fake-disk.ts';

const fresh = ['Cache-Control', 'max-age=60', 'Surrogate-Key', 'news'];
const news = [{ kind: 'tag' as const, tag: 'news' }];

interface TierAnswer {
  status: number;
  label: string | undefined;
  staleSince: string | undefined;
  body: string;
}

/** A shield that an edge asks over a real socket, saying its position. */
async function startShield(t: TestContext) {
  const engine = createTestEngine({ role: 'shield' });
  const server = createServer((req, res) => void handle(engine.handle, req, res));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const ask = (position: string, fields: Record<string, string> = {}) => {
    const { promise, resolve, reject } = Promise.withResolvers<TierAnswer>();
    const headers = {
      host: 'www.demo.test',
      'breakwater-tier': 'par ok',
      'breakwater-position': position,
      ...fields,
    };
    request({ port, agent: false, headers }, async (response) => {
      let body = '';
      for await (const piece of response) body += piece;
      const field = (name: string) => response.headers[name]?.toString();
      const label = field('breakwater-label');
      const staleSince = field('breakwater-stale-since');
      resolve({ status: response.statusCode ?? 0, label, staleSince, body });
    })
      .on('error', reject)
      .end();
    return promise;
  };
  return { engine, ask };
}

/** Waits until the upstream has been asked `count` times. */
async function asked({ upstream }: TestEngine, count: number): Promise<void> {
  while (upstream.calls.length < count) await settle();
}

describe('the label of an answer to a tier', () => {
  it('is the cursor when nothing above the epoch matched', async (t) => {
    const { engine, ask } = await startShield(t);
    const answer = ask('journal-a 0 -');
    await asked(engine, 1);
    engine.journal.purge([{ kind: 'tag', tag: 'sport' }]);
    engine.upstream.call(0).respond({ headers: fresh, body: 'old' });
    engine.journal.purges.sync();
    assert.match((await answer).label ?? '', /^journal-a 1 /);
  });

  it('stays below a hard purge that came during the fetch: the edge must not take the answer for newer', async (t) => {
    const { engine, ask } = await startShield(t);
    const answer = ask('journal-a 0 -');
    await asked(engine, 1);
    engine.journal.purge(news);
    engine.journal.purges.sync();
    engine.upstream.call(0).respond({ headers: fresh, body: 'old' });
    assert.match((await answer).label ?? '', /^journal-a 0 /);
  });

  it('stays below a soft purge that came during the fetch, or the answer is marked', async (t) => {
    const { engine, ask } = await startShield(t);
    const answer = ask('journal-a 0 -');
    await asked(engine, 1);
    engine.journal.purge(news, { soft: true });
    engine.journal.purges.sync();
    engine.upstream.call(0).respond({ headers: fresh, body: 'old' });
    const { label, staleSince } = await answer;
    assert.ok(staleSince !== undefined || label?.startsWith('journal-a 0 '), `${label}`);
  });

  it('stays below a hard purge that came during a revalidation', async (t) => {
    const { engine, ask } = await startShield(t);
    const first = ask('journal-a 0 -');
    await asked(engine, 1);
    engine.upstream.call(0).respond({ headers: [...fresh, 'ETag', '"1"'], body: 'old' });
    await first;
    await engine.clock.advance(61_000);
    const answer = ask('journal-a 0 -');
    await asked(engine, 2);
    engine.journal.purge(news);
    engine.journal.purges.sync();
    engine.upstream.call(1).respond({ status: 304, headers: [...fresh, 'ETag', '"1"'] });
    const { label, body } = await answer;
    assert.equal(body, 'old');
    assert.match(label ?? '', /^journal-a 0 /);
  });

  it('is of the journal in which the answer was fetched, when another one took over meanwhile', async (t) => {
    const { engine, ask } = await startShield(t);
    const answer = ask('journal-a 0 -');
    await asked(engine, 1);
    engine.journal.reset('journal-b');
    engine.journal.purges.sync();
    engine.upstream.call(0).respond({ headers: fresh, body: 'old' });
    assert.match((await answer).label ?? '', /^journal-a 0 /);
  });
});

describe('a copy in memory whose label is below what the index remembers', () => {
  it('gives way to the row on disk, which the sweeper has judged: the page stays a hit', async () => {
    const disk = createFakeDisk();
    disk.isEager = true;
    const engine = createTestEngine({ disk });
    engine.upstream.script = (call) => void call.respond({ headers: fresh, body: 'page' });
    await engine.fetch('/page');
    const seq = engine.journal.purge([{ kind: 'tag', tag: 'sport' }]);
    engine.journal.purges.sync();
    for (const { init } of disk.rows.values()) init.labelSeq = seq;
    engine.journal.purges.index.forgetThrough(seq);
    const { memory } = engine.store;
    const { index } = engine.journal.purges;
    const peeked = peek({ memory, disk, index }, 'http://www.demo.test/page', []);
    const { answer, body } = await engine.fetch('/page');
    assert.equal(peeked.lookup.cleanliness.kind, 'clean');
    assert.ok(answer.kind === 'stored' && answer.disposition.kind === 'hit', answer.kind);
    assert.equal(body, 'page');
    assert.equal(engine.upstream.calls.length, 1);
  });

  it('is said to be purged when nothing else is there', async () => {
    const engine = createTestEngine();
    engine.upstream.script = (call) => void call.respond({ headers: fresh, body: 'page' });
    await engine.fetch('/page');
    engine.journal.purge(news);
    const { answer } = await engine.fetch('/page');
    assert.ok(answer.kind === 'streaming');
    assert.deepEqual(answer.disposition, { kind: 'miss', fwd: 'uri-miss', detail: 'purged' });
  });
});
