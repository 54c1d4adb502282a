/** What purge-api believes of its nodes: keys and signatures, over plain messages. */
import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import type { Position } from '../../core/purge/command.ts';
import { acknowledgementText } from '../../core/purge/signature.ts';
import type { SigningKey } from '../../core/runtime/signing-key.ts';
import { makeKey } from '../support/signing-key.ts';
import { type FakeNode, type Parts, setUpParts } from './builders.ts';

let open: Parts[] = [];
afterEach(async () => {
  for (const parts of open) await parts.cleanUp();
  open = [];
});

async function setUp() {
  const parts = setUpParts();
  open.push(parts);
  for (const tag of ['a', 'b']) {
    const selectors = [{ kind: 'tag' as const, tag }];
    await parts.journal.append({ soft: false, scope: ['*'], selectors, by: 'test' });
  }
  const [start, one, two] = await Promise.all([0, 1, 2].map(parts.journal.positionOf));
  assert.ok(start && one && two);
  return { ...parts, start, one, two };
}

const key = makeKey();

function signed(by: SigningKey, position: Position, more = {}) {
  const said = { network: 'test', node: 'par', position, appliedAtMs: 1000 };
  const signature = by.sign(acknowledgementText({ ...said, ...more }));
  return { type: 'ack' as const, position, appliedAtMs: 1000, signature };
}

const refusal = (node: FakeNode) => node.got('refused')[0]?.reason;
const acknowledged = ({ registry }: Parts) => registry.find('par')?.acks.position?.seq;

describe('the key of a node', () => {
  test('is pinned at its first hello; the same key is welcome again, another is refused', async () => {
    const parts = await setUp();
    const first = parts.connect('par');
    await first.hello(parts.start, { publicKey: key.publicKey });
    first.vanish();
    const again = parts.connect('par');
    await again.hello(parts.start, { publicKey: key.publicKey });
    again.vanish();
    const stranger = parts.connect('par');
    await stranger.hello(parts.start, { publicKey: makeKey().publicKey });
    assert.equal(again.got('welcome').length, 1);
    assert.match(refusal(stranger) ?? '', /forget-key par/);
    assert.match(await parts.context.metrics.text(), /keys_refused_total 1/);
  });

  test('of a hello that is refused for another reason is not pinned', async () => {
    const parts = await setUp();
    await parts.connect('par').hello(parts.start, { publicKey: key.publicKey, protocol: 1 });
    assert.equal(parts.evidence.keys.of('par'), undefined);
  });

  test('does not end the stream of the node whose key it is, when another key comes', async () => {
    const parts = await setUp();
    const node = parts.connect('par');
    await node.hello(parts.start, { publicKey: key.publicKey });
    const { publicKey } = makeKey();
    await parts.connect('par').hello(parts.start, { publicKey, succeeds: ['first'] });
    assert.equal(node.closed(), undefined);
  });
});

describe('an acknowledgement', () => {
  test('counts when it is signed with the key of its node', async () => {
    const parts = await setUp();
    const node = parts.connect('par');
    await node.hello(parts.start, { publicKey: key.publicKey });
    await node.say(signed(key, parts.two));
    assert.equal(node.closed(), undefined);
    assert.equal(acknowledged(parts), 2);
  });

  test('with a wrong or no signature does not count, ends the stream, and is counted', async () => {
    const parts = await setUp();
    const { one, two } = parts;
    const wrong = [
      signed(makeKey(), two),
      signed(key, two, { network: 'other' }),
      signed(key, two, { node: 'eu' }),
      { ...signed(key, one), position: two },
      { ...signed(key, two), appliedAtMs: 1001 },
      { type: 'ack' as const, position: two, appliedAtMs: 1000 },
    ];
    for (const ack of wrong) {
      const node = parts.connect('par');
      await node.hello(parts.start, { publicKey: key.publicKey });
      await node.say(ack);
      assert.match(node.closed() ?? '', /not signed/);
      assert.equal(acknowledged(parts), 0);
    }
    const text = await parts.context.metrics.text();
    assert.match(text, new RegExp(`wrong_signatures_total ${wrong.length}`));
    assert.match(text, new RegExp(`streams_ended_total\\{reason="signature"\\} ${wrong.length}`));
  });

  test('of a node that has never shown a key counts as it is', async () => {
    const parts = await setUp();
    const node = parts.connect('par');
    await node.hello(parts.start);
    await node.ack(2);
    assert.equal(acknowledged(parts), 2);
  });
});
