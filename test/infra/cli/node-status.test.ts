import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agoText, type NodeStatus, statusLines } from '../../../infra/cli/node-status.ts';
import { createCapturedTerminal } from '../support/captured-terminal.ts';

const nowMs = Date.UTC(2026, 10, 20, 12, 0, 0);

function node(id: string, changes: Partial<NodeStatus> = {}): NodeStatus {
  return {
    id,
    role: 'edge',
    connected: true,
    ready: true,
    draining: false,
    load: 0.125,
    reason: null,
    cursor: { seq: 4 },
    lag: 0,
    heardAt: new Date(nowMs - 4000).toISOString(),
    listen: '127.0.0.1:1',
    admin: '127.0.0.1:2',
    topologyMatches: true,
    quarantined: false,
    lease: { state: 'held', until: new Date(nowMs + 10_000).toISOString() },
    ...changes,
  };
}

const lines = (...nodes: NodeStatus[]) =>
  statusLines({ network: 'demo', head: { seq: 6 }, nodes }, nowMs, createCapturedTerminal());

test('the first line counts who is ready; a draining node is not', () => {
  const [first] = lines(
    node('par'),
    node('nyc', { draining: true }),
    node('tyo', { ready: false }),
  );
  assert.equal(first, 'demo: 1 of 3 nodes ready; the purge journal has 6 entries');
});

test('a node that is not ready says why, one that is gone since when', () => {
  const text = lines(
    node('par', { ready: false, reason: 'behind the journal' }),
    node('nyc', { connected: false }),
    node('tyo', { connected: false, heardAt: null }),
    node('eu', { topologyMatches: false }),
  ).join('\n');
  assert.match(text, /par .*not ready: behind the journal/);
  assert.match(text, /nyc .*unreachable, last heard of 4 s ago/);
  assert.match(text, /tyo .*never heard of/);
  assert.match(text, /eu .*ready, runs another configuration/);
});

test('who lags behind the journal says by how many entries', () => {
  assert.match(lines(node('par', { lag: 2 })).join('\n'), /4 \(2 behind\) +13 % +ready/);
});

test('times ago are in the unit that a person would use', () => {
  assert.deepEqual([-5, 4000, 119_000, 120_000, 7_200_000].map(agoText), [
    '0 s',
    '4 s',
    '119 s',
    '2 min',
    '2 h',
  ]);
});

test('a lease is shown where it matters: waited for, still running at a node that is gone, or none', () => {
  assert.doesNotMatch(lines(node('par'), node('ns1', { lease: null })).join('\n'), /LEASE/);
  const gone = { connected: false, lease: { state: 'held', until: new Date(nowMs).toISOString() } };
  const text = lines(
    node('par'),
    node('nyc', { lease: { state: 'waiting', until: null } }),
    node('tyo', gone),
  ).join('\n');
  assert.match(text, /LEASE/);
  assert.match(text, /nyc .* waiting +ready/);
  assert.match(text, /tyo .* until \d\d:\d\d +unreachable/);
});

test('a quarantined node says why, and what follows from it', () => {
  const unreachableSince = new Date(2026, 10, 20, 14, 2).toISOString();
  const lost = { connected: false, quarantined: true, lease: null };
  const text = lines(
    node('tok-1', { ...lost, unreachableSince }),
    node('eu', { ...lost, role: 'shield', reason: 'it was stopped' }),
  );
  assert.match(text.join('\n'), /tok-1 .* quarantined +unreachable/);
  assert.match(
    text.at(-2) ?? '',
    /^tok-1 is quarantined \(unreachable since .*14:02\): DNS no longer hands it out, it validates/,
  );
  assert.equal(
    text.at(-1),
    'eu is quarantined (it was stopped): it validates what it serves, and purges converge without it',
  );
});
