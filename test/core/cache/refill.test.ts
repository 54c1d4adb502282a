/** Rules of core/cache/refill.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refill } from '../../../core/cache/refill.ts';
import type { RefillReport } from '../../../core/purge/warm.ts';
import { createTestEngine, type TestEngine } from '../../support/engine.ts';

const responses = (...paths: string[]) =>
  paths.map((path) => ({ key: `http://www.demo.test${path}`, variant: '' }));

/** Orders a refill and lets time pass until it is over. */
async function order(engine: TestEngine, paths: string[], more = {}) {
  const outcomes: string[] = [];
  const { clock, handle, obtain } = engine;
  const running = refill(
    { clock, admit: handle.admit, obtain, onRefill: (outcome) => void outcomes.push(outcome) },
    {
      position: obtain.purges.position(),
      responses: responses(...paths),
      limitMs: 5000,
      ...more,
    },
    { lanes: 1 },
  );
  let report: RefillReport | undefined;
  void running.then((done) => {
    report = done;
  });
  for (let turn = 0; turn < 1000 && !report; turn += 1) {
    await clock.advance(10);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { report: await running, outcomes };
}

const answering = (engine: TestEngine, body: string) => {
  engine.upstream.script = (call) =>
    void call.respond({ headers: ['Cache-Control', 'max-age=600'], body });
};

test('what was purged, hard or soft, is fetched by the ordinary engine, and then is a hit', async () => {
  for (const soft of [false, true]) {
    const engine = createTestEngine();
    answering(engine, 'old');
    await engine.fetch('/a');
    engine.journal.purge([{ kind: 'everything' }], { soft });
    answering(engine, 'new');
    const { report } = await order(engine, ['/a']);
    assert.deepEqual(report, { done: 1, failed: 0, stopped: false });
    const { answer, body } = await engine.fetch('/a');
    assert.equal(body, 'new');
    assert.equal(answer.kind === 'stored' && answer.disposition.kind, 'hit');
    assert.equal(engine.upstream.calls.length, 2);
  }
});

test('a node that has not reached the purge fetches nothing: it would take the old for the new', async () => {
  const engine = createTestEngine();
  answering(engine, 'old');
  const ahead = { ...engine.obtain.purges.position(), seq: 1, hash: 'x' };
  const { report, outcomes } = await order(engine, ['/a', '/b'], { position: ahead });
  assert.deepEqual(report, { done: 0, failed: 2, stopped: true });
  assert.deepEqual(outcomes, ['skipped', 'skipped']);
  assert.equal(engine.upstream.calls.length, 0);
});

test('several failures in a row end it; the rest is not tried', async () => {
  const engine = createTestEngine();
  engine.upstream.script = (call) => void call.respond({ status: 503, body: 'no' });
  const paths = Array.from({ length: 12 }, (_, n) => `/${n}`);
  const { report, outcomes } = await order(engine, paths);
  assert.deepEqual(report, { done: 0, failed: 12, stopped: true });
  assert.equal(engine.upstream.calls.length, 5);
  assert.equal(outcomes.filter((outcome) => outcome === 'skipped').length, 7);
});

test('a body that does not come is given up at the limit', async () => {
  const engine = createTestEngine();
  engine.upstream.script = (call) => void call.respond({ lengthBytes: 10 });
  const { report } = await order(engine, ['/a'], { limitMs: 100 });
  assert.deepEqual(report, { done: 0, failed: 1, stopped: false });
});

test('a variant is asked for by its fields, and a host that is not served fails', async () => {
  const engine = createTestEngine();
  answering(engine, 'text');
  const variant = { key: 'http://www.demo.test/a', variant: 'accept-language:fr\n' };
  const elsewhere = { key: 'http://other.test/a', variant: '' };
  const { report } = await order(engine, [], { responses: [variant, elsewhere] });
  assert.deepEqual(report, { done: 1, failed: 1, stopped: false });
  const headers = engine.upstream.call(0).request.headers;
  assert.equal(headers[headers.indexOf('accept-language') + 1], 'fr');
});
