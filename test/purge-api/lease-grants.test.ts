/** Who is granted a lease, when, and what purge-api declares of those who hold none. */
import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { startOf } from '../../core/purge/command.ts';
import type { PurgeCommand } from '../../purge-api/journal.ts';
import { longestLeaseMs } from '../../purge-api/leases.ts';
import { type FakeNode, type Parts, settle, setUpParts } from './builders.ts';

let open: Parts[] = [];
afterEach(async () => {
  for (const parts of open) await parts.cleanUp();
  open = [];
});

const command: PurgeCommand = {
  soft: false,
  scope: ['*'],
  selectors: [{ kind: 'tag', tag: 'news' }],
  by: 'test',
};

/** The file without the edge `par`. */
function withoutPar(topology: Parts['context']['topology']): Parts['context']['topology'] {
  return { ...topology, pops: topology.pops.filter(({ id }) => id !== 'par') };
}

function setUp() {
  const parts = setUpParts();
  open.push(parts);
  const start = () => startOf(parts.journal.head().identity);
  const join = async (id: string, more = {}) => {
    const node = parts.connect(id);
    await node.hello(start(), more);
    return node;
  };
  const purge = async () => {
    const submitted = await parts.purges.submit(command);
    assert.equal(submitted.kind, 'accepted');
    await settle();
    assert.ok(submitted.kind === 'accepted');
    return submitted.recorded.entry;
  };
  /** Whether it has converged, and what is said of par. */
  const evidence = (entry: Awaited<ReturnType<typeof purge>>) => {
    const { status, nodes } = parts.purges.judge(entry);
    const par = nodes.find(({ node }) => node === 'par');
    return [status, par?.quarantined, par?.reason];
  };
  const longestMs = longestLeaseMs(parts.context.topology.leaseMs);
  return { parts, join, purge, evidence, longestMs };
}

const sinceStart = 'unreachable since 2026-01-01T00:00:00.000Z';

const versions = (node: FakeNode) => node.got('lease').map(({ version }) => version);

describe('grants', () => {
  test('a starting purge-api grants none before every node has said its position; then all at once', async () => {
    const { join } = setUp();
    const par = await join('par');
    await par.renew();
    assert.deepEqual(versions(par), []);
    const eu = await join('eu');
    assert.deepEqual([versions(par), versions(eu)], [[1], [0]]);
  });

  test('or the longest lease has passed', async () => {
    const { parts, join, longestMs } = setUp();
    const par = await join('par');
    for (let passedMs = 0; passedMs < longestMs; passedMs += 3000) {
      await par.renew();
      await parts.clock.advance(3000);
    }
    assert.equal(versions(par).length, 1);
  });

  test('a grant says for how long purge-api waits: a node of another configuration holds it no longer', async () => {
    const { parts, join } = setUp();
    const par = await join('par');
    await join('eu');
    const { leaseMs } = parts.context.topology;
    assert.deepEqual(
      par.got('lease').map((grant) => grant.leaseMs),
      [leaseMs],
    );
  });

  test('every renewal is answered, and the grant names the head of that moment', async () => {
    const { join, purge } = setUp();
    const par = await join('par');
    await join('eu');
    const { seq } = await purge();
    await par.renew();
    assert.deepEqual(versions(par), [0, 1]);
    assert.equal(par.got('lease').at(-1)?.head.seq, seq);
  });

  test('a node that must begin anew gets its lease when it has acknowledged that', async () => {
    const { parts, join } = setUp();
    await join('eu');
    const par = parts.connect('par');
    await par.hello(null);
    assert.deepEqual(versions(par), []);
    await par.ack(0);
    assert.deepEqual(versions(par), [0]);
  });

  test('geo-dns needs none', async () => {
    const { join } = setUp();
    await join('par');
    await join('eu');
    const dns = await join('ns1');
    await dns.renew();
    assert.deepEqual(versions(dns), []);
  });

  test('one that is far behind waits for it until it is near the head', async () => {
    const { parts, join } = setUp();
    const eu = await join('eu');
    const first = await join('par');
    first.vanish();
    await parts.clock.advance(12_000);
    await Promise.all(Array.from({ length: 1001 }, () => parts.journal.append(command)));
    const par = await join('par', { instance: 'second' });
    assert.deepEqual(versions(par), []);
    await par.ack(1);
    assert.deepEqual(versions(par), [0]);
    assert.ok(eu);
  });
});

describe('quarantine', () => {
  test('a node that is gone is waited for until its lease has run out for certain', async () => {
    const { parts, join, purge, evidence, longestMs } = setUp();
    const par = await join('par');
    const eu = await join('eu');
    par.vanish();
    const entry = await purge();
    await eu.ack(1);
    assert.deepEqual(evidence(entry), ['pending', false, sinceStart]);
    let isOver = false;
    void parts.purges.wait(entry, 60_000).then(() => {
      isOver = true;
    });
    await parts.clock.advance(longestMs - 200);
    assert.equal(isOver, false);
    await parts.clock.advance(300);
    assert.equal(isOver, true);
    assert.deepEqual(evidence(entry), ['converged', true, sinceStart]);
  });

  test('one whose line is cut without a word as well: its stream is still up', async () => {
    const { parts, join, purge, evidence, longestMs } = setUp();
    await join('par');
    const eu = await join('eu');
    const entry = await purge();
    await eu.ack(1);
    await parts.clock.advance(longestMs + 100);
    assert.deepEqual(evidence(entry), ['converged', true, sinceStart]);
  });

  test('one that renews and does not acknowledge is waited for, however long', async () => {
    const { parts, join, purge, evidence } = setUp();
    let par = await join('par');
    const eu = await join('eu');
    const entry = await purge();
    await eu.ack(1);
    for (let passedMs = 0; passedMs < 60_000; passedMs += 3000) {
      await parts.clock.advance(3000);
      // It is cut for its slowness, and comes again.
      if (par.closed() !== undefined) par = await join('par');
      else await par.renew();
    }
    assert.equal(evidence(entry)[0], 'pending');
  });

  test('a goodbye is waited for no longer', async () => {
    const { join, purge, evidence } = setUp();
    const par = await join('par');
    const eu = await join('eu');
    await par.say({ type: 'goodbye' });
    par.vanish();
    const entry = await purge();
    await eu.ack(1);
    assert.deepEqual(evidence(entry), ['converged', true, 'it was stopped']);
  });

  test('a second process of an id does not speak for the first, which may still hold a lease', async () => {
    const { parts, join, purge, evidence, longestMs } = setUp();
    const first = await join('par');
    const eu = await join('eu');
    first.vanish();
    const second = await join('par', { instance: 'second' });
    assert.deepEqual(versions(second), []);
    const entry = await purge();
    await eu.ack(1);
    await second.ack(1);
    const rival = 'another process may still run under its id and hold a lease';
    assert.deepEqual(evidence(entry), ['pending', false, rival]);
    for (let passedMs = 0; passedMs < longestMs; passedMs += 3000) {
      await second.renew();
      await parts.clock.advance(3000);
    }
    assert.equal(evidence(entry)[0], 'converged');
    await second.renew();
    assert.ok(versions(second).length > 0);
  });

  test('but one that has the data folder of the first does', async () => {
    const { join, purge, evidence } = setUp();
    const first = await join('par');
    const eu = await join('eu');
    first.vanish();
    const second = await join('par', { instance: 'second', succeeds: ['first'] });
    assert.deepEqual(versions(second), [0]);
    const entry = await purge();
    await eu.ack(1);
    await second.ack(1);
    assert.equal(evidence(entry)[0], 'converged');
  });

  test('an acknowledgement of a process that has ended meanwhile is not its successor’s', async () => {
    const { parts, join, purge, evidence } = setUp();
    const first = await join('par');
    const eu = await join('eu');
    const entry = await purge();
    await eu.ack(1);
    const { holds } = parts.journal;
    const slow = Promise.withResolvers<void>();
    parts.journal.holds = (position) => slow.promise.then(() => holds(position));
    await first.ack(1);
    first.vanish();
    parts.journal.holds = holds;
    await join('par', { instance: 'second', succeeds: ['first'] });
    slow.resolve();
    await settle();
    assert.deepEqual(evidence(entry), ['pending', false, null]);
  });

  test('the view says it, so that DNS no longer hands the node out', async () => {
    const { parts, join, longestMs } = setUp();
    const par = await join('par');
    const eu = await join('eu');
    const dns = await join('ns1', { wantsView: true });
    par.vanish();
    for (let passedMs = 0; passedMs <= longestMs; passedMs += 1000) {
      await eu.renew();
      await parts.clock.advance(1000);
    }
    const last = dns.got('view').at(-1);
    const quarantined = last?.nodes.filter((node) => node.quarantined).map(({ id }) => id);
    assert.deepEqual(quarantined, ['par']);
  });
});

describe('nodes that a reload takes away', () => {
  test('are waited for as long as they may hold a lease, and no longer', async () => {
    const { parts, join, purge, evidence, longestMs } = setUp();
    await join('par');
    const eu = await join('eu');
    parts.registry.setTopology(withoutPar(parts.context.topology));
    parts.fanOut.dropUnknown();
    const entry = await purge();
    await eu.ack(parts.journal.head().seq);
    assert.equal(evidence(entry)[0], 'pending');
    let isAnswered = false;
    const wait = parts.purges.wait(entry, 3 * longestMs).then(() => {
      isAnswered = true;
    });
    await parts.clock.advance(longestMs - 1);
    await eu.renew();
    assert.equal(isAnswered, false);
    await parts.clock.advance(1000);
    await wait;
    assert.deepEqual(evidence(entry).slice(0, 2), ['converged', undefined]);
  });

  test('are not waited for once they hold none', async () => {
    const { parts, join, purge, evidence } = setUp();
    const par = await join('par');
    const eu = await join('eu');
    await par.say({ type: 'goodbye' });
    parts.registry.setTopology(withoutPar(parts.context.topology));
    parts.fanOut.dropUnknown();
    const entry = await purge();
    await eu.ack(parts.journal.head().seq);
    assert.equal(evidence(entry)[0], 'converged');
  });
});
