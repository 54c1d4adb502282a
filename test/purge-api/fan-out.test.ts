import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { startOf } from '../../core/purge/command.ts';
import type { PurgeCommand } from '../../purge-api/journal.ts';
import { longestLeaseMs } from '../../purge-api/leases.ts';
import { type FakeNode, type Parts, settle, setUpParts, temporaryFolder } from './builders.ts';

let open: Parts[] = [];
afterEach(async () => {
  for (const parts of open) await parts.cleanUp();
  open = [];
});

function setUp(options?: { folder?: string; seed?: number }): Parts {
  const parts = setUpParts(options);
  open.push(parts);
  return parts;
}

const command = (name: string): PurgeCommand => ({
  soft: false,
  scope: ['*'],
  selectors: [{ kind: 'tag', tag: name }],
  by: 'test',
});

async function fill({ journal, fanOut }: Parts, count: number, text = 't'): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, (_, index) => journal.append(command(`${text}${index}`))),
  );
  fanOut.publish();
  await settle();
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

describe('welcome', () => {
  test('a node whose position is in the journal follows from there', async () => {
    const parts = setUp();
    await fill(parts, 3);
    const node = parts.connect('par');
    await node.hello((await parts.journal.positionOf(1)) ?? null);
    const head = parts.journal.head();
    assert.deepEqual(node.got('welcome'), [{ type: 'welcome', head, resume: 'follow' }]);
    assert.deepEqual(node.seqs(), [2, 3]);
  });

  test('a node that holds nothing begins at the head', async () => {
    const parts = setUp();
    await fill(parts, 3);
    const node = parts.connect('par');
    await node.hello(null);
    assert.equal(node.got('welcome')[0]?.resume, 'reset');
    await fill(parts, 1);
    assert.deepEqual(node.seqs(), [4]);
  });

  test('a node of another journal begins anew, and the journal keeps its identity', async () => {
    const parts = setUp();
    await fill(parts, 2);
    const head = parts.journal.head();
    const node = parts.connect('par');
    await node.hello({ identity: 'another', seq: 1, hash: 'x' });
    const [welcome] = node.got('welcome');
    assert.deepEqual([welcome?.resume, welcome?.head], ['reset', head]);
    assert.match(welcome?.reason ?? '', /another journal/);
  });

  test('a node that was away for longer than entries are kept begins anew; one at the floor follows', async () => {
    const parts = setUp();
    await fill(parts, 2);
    const first = await parts.journal.positionOf(1);
    const second = await parts.journal.positionOf(2);
    parts.clock.stepWall(31 * 86_400_000);
    await fill(parts, 2);
    await parts.journal.prune();
    const [late, atFloor] = [parts.connect('par'), parts.connect('eu')];
    await late.hello(first ?? null);
    await atFloor.hello(second ?? null);
    assert.match(late.got('welcome')[0]?.reason ?? '', /longer than entries are kept/);
    assert.equal(atFloor.got('welcome')[0]?.resume, 'follow');
    assert.deepEqual(atFloor.seqs(), [3, 4]);
  });

  test('geo-dns is welcomed, and gets the view but no entries', async () => {
    const parts = setUp();
    await fill(parts, 2);
    const node = parts.connect('ns1');
    await node.hello(null, { wantsView: true });
    await fill(parts, 1);
    assert.equal(node.got('welcome')[0]?.resume, 'follow');
    assert.deepEqual([node.seqs(), node.got('view').length > 0], [[], true]);
  });
});

describe('entries were lost', () => {
  test('a position newer than the journal: it gets a new identity, and every node begins anew', async () => {
    const parts = setUp();
    await fill(parts, 2);
    const old = parts.journal.head();
    const other = parts.connect('eu');
    await other.hello(old);
    const node = parts.connect('par');
    await node.hello({ ...old, seq: 9, hash: 'seen-elsewhere' });
    const { identity, seq } = parts.journal.head();
    assert.notEqual(identity, old.identity);
    assert.equal(seq, 2);
    for (const { resume, head } of [node.got('welcome')[0], other.got('welcome')[1]].flatMap(
      (welcome) => welcome ?? [],
    )) {
      assert.deepEqual([resume, head.identity], ['reset', identity]);
    }
    await fill(parts, 1);
    assert.deepEqual([node.seqs(), other.seqs()], [[3], [3]]);
  });

  test('the same number with another hash: the same', async () => {
    const parts = setUp();
    await fill(parts, 2);
    const old = parts.journal.head();
    const node = parts.connect('par');
    await node.hello({ ...old, seq: 1, hash: 'of another history' });
    assert.notEqual(parts.journal.head().identity, old.identity);
    assert.equal(node.got('welcome')[0]?.resume, 'reset');
  });

  test('an acknowledgement of the old identity counts for nothing', async () => {
    const parts = setUp();
    await fill(parts, 1);
    const old = parts.journal.head();
    const node = parts.connect('par');
    await node.hello(old);
    await parts.connect('eu').hello({ ...old, seq: 9, hash: 'x' });
    await node.say({ type: 'ack', position: old, appliedAtMs: 1 });
    assert.equal(parts.registry.find('par')?.acks.position, null);
    assert.equal(node.closed(), undefined);
  });
});

describe('entries on their way', () => {
  test('each node gets every entry once, in order, as the journal grows', async () => {
    const parts = setUp();
    const [par, eu] = [parts.connect('par'), parts.connect('eu')];
    for (const node of [par, eu]) await node.hello(startOf(parts.journal.head().identity));
    for (let round = 0; round < 3; round += 1) await fill(parts, 4);
    assert.deepEqual(par.seqs(), range(1, 12));
    assert.deepEqual(eu.seqs(), range(1, 12));
  });

  test('a node that does not acknowledge gets a window of entries; acknowledging moves it on', async () => {
    const parts = setUp();
    await fill(parts, 6000);
    const node = parts.connect('par');
    await node.hello(startOf(parts.journal.head().identity));
    await settle();
    assert.deepEqual(node.seqs(), range(1, 4000));
    await node.ack(500);
    await settle();
    assert.deepEqual(node.seqs().at(-1), 4500);
  });

  test('the window is bounded in bytes too', async () => {
    const parts = setUp();
    await fill(parts, 40, 'x'.repeat(500_000));
    const node = parts.connect('par');
    await node.hello(startOf(parts.journal.head().identity));
    await settle();
    const count = node.seqs().length;
    assert.ok(count >= 15 && count <= 20, `${count} entries of half a MiB`);
  });

  test('one that acknowledges nothing for 30 s is cut, and catches up when it comes back', async () => {
    const parts = setUp();
    const node = parts.connect('par');
    const start = startOf(parts.journal.head().identity);
    await node.hello(start);
    await fill(parts, 2);
    await parts.clock.advance(30_000);
    assert.equal(node.closed(), undefined);
    await parts.clock.advance(2000);
    assert.match(node.closed() ?? '', /too slowly/);
    const again = parts.connect('par');
    await again.hello(start);
    assert.deepEqual(again.seqs(), [1, 2]);
  });

  test('acknowledging a part in time is progress', async () => {
    const parts = setUp();
    const node = parts.connect('par');
    await node.hello(startOf(parts.journal.head().identity));
    await fill(parts, 3);
    await parts.clock.advance(29_000);
    await node.ack(1);
    await parts.clock.advance(29_000);
    assert.equal(node.closed(), undefined);
  });

  test('an acknowledgement that the journal does not hold ends the connection and counts for nothing', async () => {
    const parts = setUp();
    const node = parts.connect('par');
    await node.hello(startOf(parts.journal.head().identity));
    await fill(parts, 1);
    const position = { ...parts.journal.head(), hash: 'invented' };
    await node.say({ type: 'ack', position, appliedAtMs: 1 });
    assert.match(node.closed() ?? '', /not in the journal/);
    assert.equal(parts.registry.find('par')?.acks.position?.seq, 0);
  });
});

describe('who may connect', () => {
  async function refusal(node: FakeNode, parts: Parts): Promise<string> {
    const reason = node.got('refused')[0]?.reason ?? 'not refused';
    assert.equal(node.closed(), undefined, 'it is held, so that it does not dial in a tight loop');
    await parts.clock.advance(1000);
    assert.equal(node.closed(), 'refused');
    return reason;
  }

  test('a second live instance of an id is refused with a reason; the first goes on', async () => {
    const parts = setUp();
    const first = parts.connect('par');
    await first.hello(null);
    const second = parts.connect('par');
    await second.hello(null, { instance: 'second' });
    assert.match(await refusal(second, parts), /another process runs as "par"/);
    await fill(parts, 1);
    assert.deepEqual([first.seqs(), second.seqs()], [[1], []]);
    assert.equal(parts.registry.find('par')?.instance, 'first');
  });

  test('once the first has been silent for longer than a lease, the second takes its place', async () => {
    const parts = setUp();
    const first = parts.connect('par');
    await first.hello(null);
    await parts.clock.advance(longestLeaseMs(parts.context.topology.leaseMs));
    const second = parts.connect('par');
    await second.hello(null, { instance: 'second' });
    assert.equal(second.got('welcome').length, 1);
    assert.match(first.closed() ?? '', /replaced/);
    assert.equal(parts.registry.find('par')?.isConnected, true);
  });

  test('a renewal keeps the first alive', async () => {
    const parts = setUp();
    const first = parts.connect('par');
    await first.hello(null);
    await parts.clock.advance(9000);
    const health = { ready: true, draining: false, load: 0 };
    const state = { position: null, health, topologyHash: 'same' };
    await first.say({ type: 'renew', version: 1, ...state });
    await parts.clock.advance(9000);
    const second = parts.connect('par');
    await second.hello(null, { instance: 'second' });
    assert.equal(second.got('refused').length, 1);
  });

  test('the same instance that dials again replaces its own dead connection', async () => {
    const parts = setUp();
    const before = parts.connect('par');
    await before.hello(null);
    const after = parts.connect('par');
    await after.hello(null);
    assert.match(before.closed() ?? '', /replaced/);
    await fill(parts, 1);
    assert.deepEqual([before.seqs(), after.seqs()], [[], [1]]);
  });

  test('an id whose connection is gone may come back as another instance at once', async () => {
    const parts = setUp();
    const first = parts.connect('par');
    await first.hello(null);
    first.vanish();
    assert.equal(parts.registry.find('par')?.isConnected, false);
    const second = parts.connect('par');
    await second.hello(null, { instance: 'second' });
    assert.equal(second.got('welcome').length, 1);
  });

  test('another version, an unknown id, a wrong role or the id of somebody else: refused', async () => {
    const parts = setUp();
    const cases = [
      { id: 'par', more: { protocol: 99 }, pattern: /version 99/ },
      { id: 'lon', more: {}, pattern: /has no node "lon"/ },
      { id: 'par', more: { role: 'shield' as const }, pattern: /of the role edge, not shield/ },
      { id: 'par', more: { node: 'eu' }, pattern: /this is not eu/ },
    ];
    for (const { id, more, pattern } of cases) {
      const node = parts.connect(id);
      await node.hello(null, more);
      assert.match(await refusal(node, parts), pattern);
    }
  });

  test('anything before hello, no hello for 5 s, and what is no message end the connection', async () => {
    const parts = setUp();
    const [early, silent, garbled] = [1, 2, 3].map(() => parts.connect('par'));
    await early?.say({ type: 'goodbye' });
    await garbled?.say({ type: 'nonsense' } as never);
    await parts.clock.advance(5000);
    assert.match(early?.closed() ?? '', /first message was no hello/);
    assert.match(garbled?.closed() ?? '', /does not understand/);
    assert.equal(silent?.closed(), 'no hello');
  });
});

describe('view', () => {
  test('is sent at once, and changes that come together are one', async () => {
    const parts = setUp();
    const dns = parts.connect('ns1');
    await dns.hello(null, { wantsView: true });
    assert.equal(dns.got('view').length, 1);
    const par = parts.connect('par');
    await par.hello(null);
    par.vanish();
    await parts.clock.advance(50);
    const views = dns.got('view');
    assert.equal(views.length, 2);
    assert.ok((views[1]?.version ?? 0) > (views[0]?.version ?? 0));
    const seen = views[1]?.nodes.find(({ id }) => id === 'par');
    assert.deepEqual([seen?.connected, seen?.instance], [false, 'first']);
  });

  test('names every node of the network, and is not sent to those who do not want it', async () => {
    const parts = setUp();
    const par = parts.connect('par');
    await par.hello(null);
    const dns = parts.connect('ns1');
    await dns.hello(null, { wantsView: true });
    const ids = dns.got('view')[0]?.nodes.map(({ id, role }) => `${id}:${role}`);
    assert.deepEqual(ids, ['purge:purge', 'eu:shield', 'par:edge', 'ns1:dns']);
    await parts.clock.advance(100);
    assert.deepEqual(par.got('view'), []);
  });

  test('a renewal older than the last one changes nothing', async () => {
    const parts = setUp();
    const par = parts.connect('par');
    await par.hello(null);
    const renew = (version: number, load: number) =>
      par.say({
        type: 'renew',
        version,
        position: null,
        health: { ready: true, draining: false, load },
        topologyHash: 'same',
      });
    await renew(2, 0.7);
    await renew(1, 0.1);
    assert.equal(parts.registry.find('par')?.health?.load, 0.7);
  });

  test('a node that says goodbye is shown as draining', async () => {
    const parts = setUp();
    const par = parts.connect('par');
    await par.hello(null);
    await par.say({ type: 'goodbye' });
    const { ready, draining } = parts.registry.find('par')?.health ?? {};
    assert.deepEqual([ready, draining], [false, true]);
  });
});

describe('questions', () => {
  test('the answer of the node is handed back', async () => {
    const parts = setUp();
    const par = parts.connect('par');
    await par.hello(null);
    const answer = parts.fanOut.ask('par', 'reload', { x: 1 }, 1000);
    const [question] = par.got('request');
    assert.deepEqual([question?.what, question?.body], ['reload', { x: 1 }]);
    const request = question?.request ?? '';
    await par.say({ type: 'reply', request, ok: true, body: { applied: [] } });
    assert.deepEqual(await answer, { ok: true, body: { applied: [] } });
  });

  test('no answer in time, a broken connection, or none: not ok, with the reason', async () => {
    const parts = setUp();
    const par = parts.connect('par');
    await par.hello(null);
    const late = parts.fanOut.ask('par', 'reload', {}, 1000);
    await parts.clock.advance(1000);
    const broken = parts.fanOut.ask('par', 'reload', {}, 1000);
    par.vanish();
    const problems = [await late, await broken, await parts.fanOut.ask('eu', 'reload', {}, 1000)];
    assert.deepEqual(
      problems.map(({ ok, body }) => [ok, (body as { problem: string }).problem]),
      [
        [false, 'no answer within 1000 ms'],
        [false, 'the connection broke'],
        [false, 'not connected'],
      ],
    );
  });
});

describe('purges that begin at a node', () => {
  const append = { type: 'append' as const, request: 'r', soft: false };

  async function answerTo(parts: Parts, message: object) {
    const node = parts.connect('par');
    await node.hello(null);
    await parts.connect('eu').hello(null);
    await node.say({ ...append, ...message } as never);
    return node.got('appended')[0];
  }

  test('are appended under the name of the node, limited to the scope that it says', async () => {
    const parts = setUp();
    const selectors = [{ kind: 'url' as const, url: 'http://a.test/x' }];
    const answer = await answerTo(parts, { scope: ['a.test'], selectors });
    assert.deepEqual([answer?.ok, answer?.seq], [true, 1]);
    const found = await parts.purges.find(answer?.id ?? '');
    assert.deepEqual([found?.by, found?.entry.scope], ['node:par', ['a.test']]);
  });

  test('are refused when a selector is wrong or outside the scope', async () => {
    const parts = setUp();
    const selectors = [{ kind: 'url' as const, url: 'http://b.test/x' }];
    const answer = await answerTo(parts, { scope: ['a.test'], selectors });
    assert.deepEqual(
      [answer?.ok, answer?.problem],
      [false, 'url http://b.test/x is not of a.test'],
    );
    const wrong = await answerTo(setUp(), {
      scope: ['*'],
      selectors: [{ kind: 'url', url: '/x' }],
    });
    assert.match(wrong?.problem ?? '', /no absolute/);
    assert.equal(parts.journal.head().seq, 0);
  });

  test('are refused while purge-api waits for positions', async () => {
    const parts = setUp();
    const node = parts.connect('par');
    await node.hello(null);
    const selectors = [{ kind: 'everything' as const }];
    await node.say({ ...append, scope: ['*'], selectors });
    assert.match(node.got('appended')[0]?.problem ?? '', /positions of eu/);
  });
});

describe('over a restart of purge-api', () => {
  test('acknowledgements are learnt again from what the nodes say in their hello', async () => {
    const folder = temporaryFolder();
    const before = setUpParts({ folder });
    await fill(before, 3);
    const second = await before.journal.positionOf(2);
    const third = await before.journal.positionOf(3);
    await before.journal.close();
    const after = setUp({ folder, seed: 2 });
    const [entry] = await after.journal.after(2, { limit: 1 });
    assert.ok(entry);
    await after.connect('eu').hello(third ?? null);
    const par = after.connect('par');
    await par.hello(second ?? null);
    assert.equal(after.purges.judge(entry).status, 'pending');
    await par.ack(3);
    assert.equal(after.purges.judge(entry).status, 'converged');
  });
});
