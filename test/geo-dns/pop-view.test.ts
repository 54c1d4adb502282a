import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ViewNode } from '../../core/purge/command.ts';
import { silentLog } from '../../core/runtime/log.ts';
import { createMetrics } from '../../core/runtime/metrics.ts';
import { createDnsMetrics } from '../../geo-dns/dns-metrics.ts';
import {
  createPopView,
  type ProbeResult,
  type Statement,
  type ViewMessage,
} from '../../geo-dns/pop-view.ts';
import { dnsNetwork } from '../support/dns-network.ts';

const { pops } = dnsNetwork();
const good: Statement = { ready: true, draining: false, load: 0.1 };
const ok: ProbeResult = { ok: true, statement: good };
const failed: ProbeResult = { ok: false, kind: 'failed', problem: 'connection refused' };

function setUp() {
  const hints: string[] = [];
  const registry = createMetrics();
  const metrics = createDnsMetrics(registry);
  const onHint = (popId: string) => hints.push(popId);
  const view = createPopView({ log: silentLog, metrics, onHint }, pops);
  const standingOf = (id: string) => view.standings().find(({ pop }) => pop.id === id);
  return {
    view,
    hints,
    registry,
    state: (id = 'par') => standingOf(id)?.standing,
    load: (id = 'par') => standingOf(id)?.load,
    why: (id = 'par') => standingOf(id)?.why,
    probe: (...results: ProbeResult[]) => {
      for (const result of results) view.takeProbe('par', result);
    },
  };
}

const heard = (changes: Partial<ViewNode> = {}): ViewNode => ({
  id: 'par',
  role: 'edge',
  connected: true,
  heardAtMs: 1000,
  instance: 'first',
  version: 1,
  position: null,
  health: good,
  quarantined: false,
  ...changes,
});
const viewOf = (version: number, node: ViewNode, epochMs = 50): ViewMessage => ({
  type: 'view',
  epochMs,
  version,
  nodes: [node],
});

test('a PoP that was never reached is out, and in after its first good probe', () => {
  const { state, why, probe } = setUp();
  assert.equal(state(), 'unhealthy');
  assert.equal(why(), 'not probed yet');
  probe(failed, failed);
  assert.equal(why(), 'connection refused');
  probe(ok);
  assert.equal(state(), 'in');
});

test('three failures in a row take a PoP out, two successes bring it back', () => {
  const { state, probe } = setUp();
  probe(ok, failed, failed);
  assert.equal(state(), 'in');
  probe(ok, failed, failed);
  assert.equal(state(), 'in', 'a success between starts the count anew');
  probe(failed);
  assert.equal(state(), 'unhealthy');
  probe(ok, failed, ok);
  assert.equal(state(), 'unhealthy', 'a failure between starts the count anew');
  probe(ok);
  assert.equal(state(), 'in');
});

test('what a PoP says of itself counts at once: draining, not ready, load', () => {
  const { state, load, why, probe } = setUp();
  probe(ok);
  assert.equal(load(), 0.1);
  probe({ ok: true, statement: { ...good, draining: true, ready: false } });
  assert.equal(state(), 'draining');
  probe({ ok: true, statement: { ...good, ready: false, reason: 'no lease' } });
  assert.equal(state(), 'unhealthy');
  assert.equal(why(), 'no lease');
  probe({ ok: true, statement: { ...good, load: 0.9 } });
  assert.equal(state(), 'in');
  assert.equal(load(), 0.9);
});

test('a renewal that purge-api passes on is news like a probe', () => {
  const { view, state, load, probe } = setUp();
  probe(ok);
  view.takeView(viewOf(1, heard({ health: { ...good, load: 0.7 } })));
  assert.equal(load(), 0.7);
  view.takeView(viewOf(2, heard({ version: 2, health: { ...good, draining: true } })));
  assert.equal(state(), 'draining');
});

test('a renewal does not make a PoP reachable that no probe has reached', () => {
  const { view, state } = setUp();
  view.takeView(viewOf(1, heard()));
  assert.equal(state(), 'unhealthy');
});

test('an older view never replaces a newer one, an older renewal within a newer view neither', async () => {
  const { view, load, probe, registry } = setUp();
  probe(ok);
  const at = (value: number) => ({ health: { ...good, load: value } });
  view.takeView(viewOf(5, heard({ version: 5, heardAtMs: 5000, ...at(0.5) })));
  view.takeView(viewOf(4, heard({ version: 9, heardAtMs: 9000, ...at(0.4) })));
  view.takeView(viewOf(9, heard({ version: 9, heardAtMs: 9000, ...at(0.3) }), 49));
  assert.equal(load(), 0.5);
  view.takeView(viewOf(6, heard({ version: 4, heardAtMs: 6000, ...at(0.2) })));
  assert.equal(load(), 0.5);
  view.takeView(viewOf(7, heard({ version: 6, heardAtMs: 7000, ...at(0.6) })));
  assert.equal(load(), 0.6);
  const text = await registry.text();
  assert.match(text, /view_ignored_total\{reason="older-message"\} 2/);
  assert.match(text, /view_ignored_total\{reason="older-node"\} 1/);
});

test('a newer process start of a PoP replaces an older one, never the reverse', () => {
  const { view, load, probe } = setUp();
  probe(ok);
  const at = (instance: string, version: number, heardAtMs: number, value: number) =>
    heard({ instance, version, heardAtMs, health: { ...good, load: value } });
  view.takeView(viewOf(1, at('first', 80, 1000, 0.1)));
  view.takeView(viewOf(2, at('second', 1, 2000, 0.2)));
  assert.equal(load(), 0.2);
  view.takeView(viewOf(3, at('first', 81, 1500, 0.3)));
  assert.equal(load(), 0.2);
});

test('the same renewal told again does not replace what a probe has found since', () => {
  const { view, state, probe } = setUp();
  probe(ok);
  view.takeView(viewOf(1, heard({ health: { ...good, draining: true } })));
  probe(ok);
  view.takeView(viewOf(2, heard({ health: { ...good, draining: true } })));
  assert.equal(state(), 'in');
});

test('a purge-api that has just started and heard nobody changes nothing', () => {
  const { view, state, load, probe } = setUp();
  probe(ok);
  view.takeView(viewOf(7, heard({ health: { ...good, load: 0.7 } })));
  const blank = { instance: null, version: 0, heardAtMs: null, health: null, connected: false };
  view.takeView(viewOf(1, heard(blank), 60));
  assert.equal(state(), 'in');
  assert.equal(load(), 0.7);
});

test('a new connection to purge-api starts its numbering anew, also when its clock has gone back', () => {
  const { view, load, probe } = setUp();
  probe(ok);
  view.takeView(viewOf(7, heard({ version: 7 })));
  view.startViews();
  view.takeView(viewOf(1, heard({ version: 8, health: { ...good, load: 0.8 } }), 40));
  assert.equal(load(), 0.8);
});

test('a PoP drained in the configuration is draining, a dead one dead', () => {
  const { view, state, probe } = setUp();
  const drained = pops.map((pop) => ({ ...pop, drain: pop.id === 'par' }));
  probe(ok);
  view.reconfigure(drained);
  assert.equal(state(), 'draining');
  probe(failed, failed, failed);
  assert.equal(state(), 'unhealthy');
});

test('a changed configuration keeps what is known of the PoPs that remain', () => {
  const { view, state, probe } = setUp();
  probe(ok);
  view.reconfigure(pops.filter((pop) => pop.id !== 'tyo'));
  assert.equal(state(), 'in');
  assert.equal(state('tyo'), undefined);
  view.takeProbe('tyo', ok);
  view.reconfigure(pops);
  assert.equal(state('tyo'), 'unhealthy');
});

test('a stream that breaks, and a PoP that says it is ready while it is out, ask for a probe', () => {
  const { view, hints, probe } = setUp();
  view.takeView(viewOf(1, heard()));
  assert.deepEqual(hints, ['par']);
  probe(ok);
  view.takeView(viewOf(2, heard({ version: 2 })));
  assert.deepEqual(hints, ['par']);
  view.takeView(viewOf(3, heard({ version: 2, connected: false })));
  view.takeView(viewOf(4, heard({ version: 2, connected: false })));
  assert.deepEqual(hints, ['par', 'par']);
});

test('nodes that are no PoPs of the configuration are left alone', () => {
  const { view, registry } = setUp();
  view.takeView(viewOf(1, heard({ id: 'eu', role: 'shield' })));
  view.takeProbe('unknown', ok);
  assert.equal(view.standings().length, 3);
  assert.ok(registry);
});

test('the standings are the same array until something is told', () => {
  const { view, probe } = setUp();
  const before = view.standings();
  assert.equal(view.standings(), before);
  probe(ok);
  assert.notEqual(view.standings(), before);
});
