import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clockTime } from '../../../infra/cli/clock-time.ts';
import {
  acceptedLine,
  judgePurge,
  type PurgeStatus,
  progressText,
  purgeStatus,
} from '../../../infra/cli/purge-progress.ts';

const nowMs = new Date(2026, 10, 20, 15, 0).getTime();
const since = new Date(2026, 10, 20, 14, 2).toISOString();
const options = { waitedMs: 10_000, nowMs, base: 'http://a:1', acceptsQuarantined: false };

function status(
  states: readonly (string | object)[],
  changes: Partial<PurgeStatus> = {},
): PurgeStatus {
  const names = ['par', 'nyc', 'tok-1'];
  const nodes = states.map((state, index) => ({
    node: names[index],
    role: 'edge',
    state,
    cursor: { seq: state === 'acknowledged' ? 7 : 5 },
    appliedAt: state === 'acknowledged' ? '2026-11-20T14:02:00.000Z' : null,
    matched: state === 'acknowledged' ? 3 : null,
    ...(typeof state === 'object' ? state : {}),
  }));
  return purgeStatus.parse({ id: 'p1', seq: 7, status: 'pending', nodes, ...changes });
}

const lost = {
  state: 'unreachable',
  unreachableSince: since,
  reason: `unreachable since ${since}`,
};
const quarantined = { ...lost, quarantined: true };

test('the progress says of each missing node how far it is, or since when it is unreachable', () => {
  assert.equal(
    progressText(status(['acknowledged', 'behind', lost]), nowMs),
    '1 of 3 nodes; nyc at entry 5 of 7, tok-1 unreachable since 14:02',
  );
  assert.equal(progressText(status(['acknowledged']), nowMs), '1 of 1 nodes');
});

test('converged says in how many milliseconds and on how many nodes, with the evidence of each', () => {
  const purge = status(['acknowledged', 'acknowledged'], {
    status: 'converged',
    convergedInMs: 11.6,
  });
  const { isConverged, lines } = judgePurge(purge, options);
  assert.ok(isConverged);
  assert.deepEqual(lines, [
    'converged in 12 ms: 2 nodes',
    '  NODE  ROLE  STATE         CURSOR  APPLIED AT                MATCHED',
    '  par   edge  acknowledged  7       2026-11-20T14:02:00.000Z  3',
    '  nyc   edge  acknowledged  7       2026-11-20T14:02:00.000Z  3',
  ]);
});

test('where the API does not know how long it took, the time that we waited stands in', () => {
  const purge = status(['acknowledged'], { status: 'converged' });
  const { lines } = judgePurge(purge, { ...options, waitedMs: 42.2 });
  assert.equal(lines[0], 'converged in 42 ms: 1 node');
});

test('not converged names each node that has not acknowledged, and why', () => {
  const stopped = { state: 'unreachable', reason: 'it was stopped' };
  const { isConverged, lines } = judgePurge(status(['acknowledged', 'behind', stopped]), options);
  assert.equal(isConverged, false);
  assert.equal(lines[0], 'not converged after 10.0 s: nyc behind; tok-1 it was stopped');
  assert.match(lines.at(-1) ?? '', /at http:\/\/a:1\/v1\/purges\/p1$/);
});

test('a quarantined node is not converged, unless that is accepted', () => {
  const purge = status(['acknowledged', 'acknowledged', quarantined], {
    status: 'converged',
    convergedInMs: 9,
  });
  const strict = judgePurge(purge, options);
  assert.equal(strict.isConverged, false);
  assert.equal(
    strict.lines[0],
    'not converged: tok-1 unreachable since 14:02, quarantined: DNS no longer hands it out',
  );
  const accepting = judgePurge(purge, { ...options, acceptsQuarantined: true });
  assert.equal(accepting.isConverged, true);
  assert.equal(
    accepting.lines[0],
    'converged in 9 ms: 2 nodes; without tok-1 unreachable since 14:02, quarantined: DNS no longer hands it out',
  );
});

test('accepting quarantined nodes does not make one converged that is only late', () => {
  const { isConverged } = judgePurge(status(['acknowledged', 'behind']), {
    ...options,
    acceptsQuarantined: true,
  });
  assert.equal(isConverged, false);
});

test('a time of another day has its date', () => {
  assert.equal(clockTime(since, nowMs), '14:02');
  assert.equal(clockTime(since, nowMs + 86_400_000), '2026-11-20 14:02');
});

test('accepted promises no more than that it is in the journal', () => {
  assert.match(acceptedLine(status([])), /^accepted as entry 7 of the journal \(p1\)/);
});
