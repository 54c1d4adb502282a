import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  acceptedLine,
  type PurgeStatus,
  progressText,
  purgeBody,
  purgeStatus,
  resultLines,
} from '../../../infra/cli/purge-progress.ts';

const nothing = { url: [], tag: [], prefix: [], host: [], all: false, soft: false };

function status(states: readonly string[], changes: Partial<PurgeStatus> = {}): PurgeStatus {
  const names = ['par', 'nyc', 'eu'];
  const nodes = states.map((state, index) => ({
    node: names[index],
    role: 'edge',
    state,
    appliedAt: state === 'acknowledged' ? '2026-11-20T14:02:00.000Z' : null,
    matched: state === 'acknowledged' ? 3 : null,
  }));
  return purgeStatus.parse({ id: 'p1', seq: 7, status: 'pending', nodes, ...changes });
}

test('selectors of all kinds are one request', () => {
  const body = purgeBody({
    ...nothing,
    url: ['http://a/', 'http://b/'],
    tag: ['news'],
    soft: true,
  });
  assert.deepEqual(body, { urls: ['http://a/', 'http://b/'], tags: ['news'], soft: true });
  assert.deepEqual(purgeBody({ ...nothing, all: true }), { everything: true });
});

test('no selector is wrong usage, never everything', () => {
  assert.throws(() => purgeBody({ ...nothing, soft: true }), { exitCode: 2 });
});

test('the progress names who is still missing', () => {
  const text = progressText(status(['acknowledged', 'behind', 'unreachable']));
  assert.equal(text, '1 of 3 nodes, waiting for nyc, eu');
});

test('converged says in how many milliseconds and on how many nodes, with the evidence of each', () => {
  const converged = status(['acknowledged', 'acknowledged'], {
    status: 'converged',
    convergedInMs: 11.6,
  });
  const [first, ...rest] = resultLines(converged, 300, 'http://a:1');
  assert.equal(first, 'converged in 12 ms: 2 nodes');
  assert.match(rest.join('\n'), /par +edge +acknowledged +2026-11-20T14:02:00\.000Z +3/);
});

test('where the API does not know how long it took, the time that we waited stands in', () => {
  const converged = status(['acknowledged'], { status: 'converged' });
  assert.equal(resultLines(converged, 42.2, 'http://a:1')[0], 'converged in 42 ms: 1 node');
});

test('not converged names each node that has not acknowledged, and its state', () => {
  const [first, ...rest] = resultLines(
    status(['acknowledged', 'behind', 'unreachable']),
    10_000,
    'http://a:1',
  );
  assert.equal(first, 'not converged after 10.0 s: nyc is behind, eu is unreachable');
  assert.match(rest.at(-1) ?? '', /at http:\/\/a:1\/v1\/purges\/p1$/);
});

test('accepted promises no more than that it is in the journal', () => {
  assert.match(acceptedLine(status([])), /^accepted as entry 7 of the journal \(p1\)/);
});
