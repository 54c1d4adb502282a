import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { systemClock } from '../../../core/runtime/deps.ts';
import type { ProcessState } from '../../../infra/up/events.ts';
import { askReady, reasonOf, waitUntilReady, withReadiness } from '../../../infra/up/readiness.ts';

async function startAdmin(answers: readonly [number, string][]) {
  let asked = 0;
  const server = createServer((_, response) => {
    const [status, body] = answers[Math.min(asked, answers.length - 1)] ?? [500, ''];
    asked += 1;
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const admin = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { admin, close: () => server.close(), asked: () => asked };
}

function state(changes: Partial<ProcessState>): ProcessState {
  const common = { id: 'par', role: 'edge', place: '', pid: 1, listen: '', restarts: 0 } as const;
  return { ...common, admin: undefined, state: 'started', ...changes };
}

test('200 is ready; 503 is not, for the reason in its body', async () => {
  const admin = await startAdmin([
    [200, 'ok'],
    [503, '{"reason":"behind the journal"}'],
  ]);
  assert.deepEqual(await askReady(admin.admin), { ready: true });
  assert.deepEqual(await askReady(admin.admin), { ready: false, reason: 'behind the journal' });
  admin.close();
});

test('the reason is a member of JSON, or the first line of a text', () => {
  assert.equal(reasonOf(Buffer.from('{"detail":"no lease"}')), 'no lease');
  assert.equal(reasonOf(Buffer.from('starting\nmore')), 'starting');
  assert.equal(reasonOf(Buffer.from('')), 'no reason given');
});

test('a process without an admin listener is ready when it has started, one that ended is not', async () => {
  const states = await withReadiness([state({}), state({ state: 'ended' })]);
  assert.deepEqual(
    states.map((one) => one.state),
    ['ready', 'ended'],
  );
});

test('it asks again until all are ready, and says once who keeps it waiting', async () => {
  const admin = await startAdmin([
    [503, 'not yet'],
    [503, 'not yet'],
    [200, ''],
  ]);
  const waiting: (string | undefined)[] = [];
  const states = await waitUntilReady(systemClock, () => [state({ admin: admin.admin })], {
    signal: new AbortController().signal,
    patienceMs: 0,
    onPatience: ([first]) => waiting.push(first?.reason),
  });
  admin.close();
  assert.equal(states[0]?.state, 'ready');
  assert.deepEqual(waiting, ['not yet']);
  assert.equal(admin.asked(), 3);
});

test('it stops asking when it is told to', async () => {
  const admin = await startAdmin([[503, 'never']]);
  const [first] = await waitUntilReady(systemClock, () => [state({ admin: admin.admin })], {
    signal: AbortSignal.abort(),
    patienceMs: 0,
    onPatience: () => assert.fail('there was no waiting'),
  });
  admin.close();
  assert.equal(first?.state, 'not ready');
});
