import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { Position } from '../../core/purge/command.ts';
import { silentLog } from '../../core/runtime/log.ts';
import { createMetrics } from '../../core/runtime/metrics.ts';
import { openDatabase } from '../../core/runtime/sqlite.ts';
import { createEvidenceMetrics } from '../../purge-api/evidence-metrics.ts';
import type { EvidenceItem, RosterNode } from '../../purge-api/evidence-rows.ts';
import { openEvidenceStore } from '../../purge-api/evidence-store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { temporaryFolder } from './builders.ts';

let folder = '';
const ends: (() => void)[] = [];
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => {
  for (const end of ends.splice(0)) end();
  rmSync(folder, { recursive: true, force: true });
});

const at = (seq: number, identity = 'a'): Position => ({ identity, seq, hash: `h${seq}` });

function open({ head = at(0), maxRows = 1000 } = {}) {
  const metrics = createMetrics();
  const clock = createFakeClock();
  const file = path.join(folder, 'evidence.sqlite');
  const deps = { clock, log: silentLog, metrics: createEvidenceMetrics(metrics) };
  const store = openEvidenceStore(deps, { file, maxRows });
  store.follow(head);
  ends.push(store.close);
  return { store, clock, file, counted: () => metrics.text() };
}

const ack = (node: string, position: Position, more = {}): EvidenceItem => ({
  kind: 'ack',
  node,
  publicKey: `key of ${node}`,
  position,
  appliedAtMs: 1000 + position.seq,
  receivedAtMs: 2000 + position.seq,
  signature: `signature ${position.seq}`,
  ...more,
});
const matched = (node: string, seq: number, responses = seq, identity = 'a'): EvidenceItem => ({
  ...{ kind: 'matched', identity, seq, node, responses },
});
const roster: RosterNode[] = [
  { node: 'par', role: 'edge', quarantined: false, unreachableSinceMs: null, reason: null },
];
const declared = (position: Position, isExact = true): EvidenceItem => ({
  ...{ kind: 'declared', position, atMs: 3000 + position.seq, isExact, roster },
});

const ackSeq = (store: ReturnType<typeof open>['store'], seq: number, node = 'par') =>
  store.read(seq)?.acks.get(node)?.position.seq;

describe('what is kept of an entry', () => {
  test('the first acknowledgement that covers it, its count, and when it was declared', () => {
    const { store } = open();
    for (const item of [ack('par', at(2)), ack('par', at(5)), matched('par', 3, 9)]) {
      store.add(item);
    }
    store.add(declared(at(2)));
    store.add(declared(at(4), false));
    const kept = store.read(3);
    assert.deepEqual(kept?.acks.get('par'), {
      publicKey: 'key of par',
      position: at(5),
      appliedAtMs: 1005,
      receivedAtMs: 2005,
      signature: 'signature 5',
    });
    assert.deepEqual([...(kept?.matched ?? [])], [['par', 9]]);
    assert.deepEqual(kept?.declared, { atMs: 3004, isExact: false, roster });
    assert.equal(store.read(5)?.declared, undefined);
    assert.equal(store.declaredThrough(), 4);
  });

  test('is there after a restart', () => {
    const { store } = open();
    for (const item of [ack('par', at(1)), matched('par', 1), declared(at(1))]) store.add(item);
    const before = store.read(1);
    store.close();
    const again = open({ head: at(1) });
    assert.deepEqual(again.store.read(1), before);
    assert.equal(again.store.declaredThrough(), 1);
  });

  test('what waits is written together, a moment later, and not by whoever adds it', async () => {
    const { store, clock, counted } = open();
    for (let seq = 1; seq <= 10; seq += 1) store.add(ack('par', at(seq)));
    assert.doesNotMatch(await counted(), /evidence_rows_total [1-9]/);
    await clock.advance(50);
    assert.match(await counted(), /evidence_rows_total 10/);
    assert.equal(clock.pending, 0);
  });

  test('what comes after the close is nothing, and opens nothing', async () => {
    const { store, clock } = open();
    store.close();
    store.add(ack('par', at(1)));
    store.prune(1);
    assert.equal(store.read(1), undefined);
    assert.equal(clock.pending, 0);
  });

  test('an acknowledgement again, or of less than before, adds nothing', () => {
    const { store } = open();
    store.add(ack('par', at(5)));
    store.add(ack('par', at(5), { appliedAtMs: 9 }));
    store.add(ack('par', at(3)));
    assert.equal(store.read(1)?.acks.get('par')?.appliedAtMs, 1005);
  });

  test('a node that has got a new key keeps what the old one signed', () => {
    const { store } = open();
    store.add(ack('par', at(2)));
    store.add(ack('par', at(4), { publicKey: 'new' }));
    assert.equal(store.read(2)?.acks.get('par')?.publicKey, 'key of par');
    assert.equal(store.read(3)?.acks.get('par')?.publicKey, 'new');
  });
});

describe('the identity of the journal', () => {
  test('an entry that has been declared keeps the evidence of the identity it had then', () => {
    const { store } = open();
    store.add(ack('par', at(2)));
    store.add(declared(at(2)));
    store.follow(at(2, 'b'));
    store.add(ack('par', at(2, 'b')));
    store.add(declared(at(2, 'b'), false));
    assert.equal(store.read(2)?.identity, 'a');
    assert.equal(store.read(2)?.declared?.isExact, true);
  });

  test('a number that was given anew has nothing of the entry that was lost', () => {
    const { store } = open();
    for (const item of [ack('par', at(9)), matched('par', 6), declared(at(9))]) store.add(item);
    store.follow(at(5, 'b'));
    assert.equal(store.declaredThrough(), 0);
    const kept = store.read(6);
    assert.deepEqual([kept?.identity, kept?.declared, kept?.acks.size], ['b', undefined, 0]);
    assert.equal(kept?.matched.size, 0);
    assert.equal(store.read(5)?.identity, 'a');
  });

  test('a journal that has gone back under its identity takes what is beyond it along', () => {
    const first = open();
    for (const item of [ack('par', at(3)), ack('par', at(9)), declared(at(9))])
      first.store.add(item);
    first.store.close();
    const { store } = open({ head: at(5) });
    assert.deepEqual(
      [ackSeq(store, 3), ackSeq(store, 4), store.declaredThrough()],
      [3, undefined, 0],
    );
    store.add(ack('par', at(6), { signature: 'new' }));
    assert.equal(store.read(6)?.acks.get('par')?.signature, 'new');
  });

  test('what comes late for an identity that nobody knows is nothing', () => {
    const { store } = open();
    store.add(ack('par', at(1, 'unknown')));
    store.add(ack('par', at(1)));
    assert.equal(ackSeq(store, 1), 1);
  });
});

describe('bounds', () => {
  test('evidence goes when the journal no longer keeps the entry, in steps', async () => {
    const { store, clock } = open({ head: at(0) });
    for (let seq = 1; seq <= 450; seq += 1) {
      for (const item of [ack('par', at(seq)), matched('par', seq), declared(at(seq))]) {
        store.add(item);
      }
    }
    store.prune(400);
    await clock.advance(50);
    assert.equal(ackSeq(store, 1), 101);
    await clock.advance(1000);
    assert.deepEqual([ackSeq(store, 1), store.read(400)?.matched.size], [401, 0]);
    assert.deepEqual([ackSeq(store, 401), store.read(401)?.matched.size], [401, 1]);
    assert.equal(clock.pending, 0);
  });

  test('of an earlier identity everything goes with the last entry that it knew', async () => {
    const { store, clock } = open();
    store.add(ack('par', at(9)));
    store.follow(at(5, 'b'));
    store.prune(5);
    await clock.advance(1000);
    store.close();
    const again = open({ head: at(5, 'b') });
    assert.equal(again.store.read(9)?.identity, 'b');
    assert.equal(again.store.read(3)?.acks.size, 0);
  });

  test('more rows than the file may have: the oldest go, and are counted', async () => {
    const { store, clock, counted } = open({ maxRows: 150 });
    for (let seq = 1; seq <= 240; seq += 1) store.add(ack('par', at(seq)));
    await clock.advance(1000);
    assert.deepEqual([ackSeq(store, 1), ackSeq(store, 240)], [101, 240]);
    assert.match(await counted(), /evidence_dropped_total\{reason="full"\} 100/);
  });

  test('more rows than may wait: the rest is dropped and counted', async () => {
    const { store, counted } = open({ maxRows: 100_000 });
    for (let seq = 1; seq <= 50_002; seq += 1) store.add(ack('par', at(seq)));
    assert.match(await counted(), /evidence_dropped_total\{reason="queue"\} 2/);
  });
});

describe('a file of which no good use can be made', () => {
  test('damaged: it is set aside and counted, and a new one begins', async () => {
    writeFileSync(path.join(folder, 'evidence.sqlite'), 'this is no database'.repeat(500));
    const { store, counted } = open();
    store.add(ack('par', at(1)));
    assert.equal(ackSeq(store, 1), 1);
    assert.match(await counted(), /evidence_damaged_files_total 1/);
    assert.ok(readdirSync(folder).some((name) => /^evidence\.sqlite\.damaged-\d+$/.test(name)));
  });

  test('it cannot be opened: nothing throws, it is counted, and tried again', async () => {
    const file = path.join(folder, 'evidence.sqlite');
    mkdirSync(file);
    const { store, clock, counted } = open();
    store.add(ack('par', at(1)));
    store.add(declared(at(1)));
    assert.equal(store.read(1), undefined);
    assert.equal(store.declaredThrough(), 1);
    await clock.advance(50);
    assert.match(await counted(), /evidence_failures_total\{operation="open"\} [1-9]/);
    rmSync(file, { recursive: true });
    await clock.advance(1000);
    assert.equal(ackSeq(store, 1), 1);
  });

  test('it cannot be written to: what waits is written when it can be', async () => {
    const { store, clock, file, counted } = open();
    const other = openDatabase(file);
    other.exec('begin immediate');
    store.add(ack('par', at(1)));
    await clock.advance(50);
    assert.match(await counted(), /evidence_failures_total\{operation="write"\} 1/);
    other.exec('commit');
    other.close();
    await clock.advance(1000);
    assert.equal(ackSeq(store, 1), 1);
  });
});
