import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type RecordData, recordTypes, typeOf } from '../../../core/dns/record.ts';
import { makeKey, zoneKeysOf } from '../../../geo-dns/dnssec/keys.ts';
import {
  createSigner,
  leadSeconds,
  refreshSeconds,
  validitySeconds,
} from '../../../geo-dns/dnssec/signer.ts';
import { decodeMessage, type Message, rcodes } from '../../../geo-dns/wire/message.ts';
import { buildQuery, type QueryBuilder, record } from '../../support/dns-messages.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { startSigned } from '../../support/signed-network.ts';

/** A server, and its answer to a query with the flags `DO` (0x8000) and `CO` (0x4000) of OPT. */
async function setUp(t: TestContext) {
  const clock = createFakeClock();
  const server = await startSigned(t, clock);
  const ask = (query: QueryBuilder, flags: number, transport: 'udp' | 'tcp' = 'udp'): Message => {
    const bytes = buildQuery(query);
    const opt = bytes.lastIndexOf(Buffer.from([0, 0, 41]));
    bytes.writeUInt16BE(flags, opt + 7);
    return decodeMessage(server.respond(bytes, [127, 0, 0, 1], transport) ?? assert.fail());
  };
  const counted = async (result: string) => {
    const text = await server.metricsText();
    return Number(
      new RegExp(`signatures_total\\{result="${result}"\\} (\\d+)`).exec(text)?.[1] ?? 0,
    );
  };
  return { clock, ask, counted };
}

const dnssecOk = 0x8000;
const compactOk = 0x4000;
const typesOf = (records: readonly { data: RecordData }[]) =>
  records.map(({ data }) => typeOf(data));
const { A, CNAME, SOA, NS, NSEC, RRSIG, DS } = recordTypes;

test('only those who ask for signatures get them (RFC 3225 §3)', async (t) => {
  const { ask } = await setUp(t);
  assert.deepEqual(typesOf(ask({}, 0).answers), [A]);
  const { answers, edns } = ask({}, dnssecOk);
  assert.deepEqual(typesOf(answers), [A, RRSIG]);
  assert.equal(edns?.dnssecOk, true);
});

test('what does not exist is "no data" to those who ask for proof, NXDOMAIN to others and on request (RFC 9824 §3.1, §5.1)', async (t) => {
  const { ask } = await setUp(t);
  const query = { name: 'nothing.demo.test' };
  const plain = ask(query, 0);
  assert.equal(plain.header.rcode, rcodes.NXDOMAIN);
  assert.deepEqual(typesOf(plain.authorities), [SOA]);
  const proven = ask(query, dnssecOk);
  assert.equal(proven.header.rcode, rcodes.NOERROR);
  assert.deepEqual(typesOf(proven.authorities), [SOA, RRSIG, NSEC, RRSIG]);
  assert.equal(proven.authorities[2]?.ttlSeconds, proven.authorities[0]?.ttlSeconds);
  const restored = ask(query, dnssecOk | compactOk);
  assert.equal(restored.header.rcode, rcodes.NXDOMAIN);
  assert.deepEqual(restored.edns?.compactOk, true);
  assert.deepEqual(typesOf(restored.authorities), [SOA, RRSIG, NSEC, RRSIG]);
});

test('NXNAME is no type to ask for (RFC 9824 §3.5)', async (t) => {
  const { ask } = await setUp(t);
  const { header, answers, authorities, edns } = ask({ type: 'NXNAME' }, dnssecOk);
  assert.equal(header.rcode, rcodes.FORMERR);
  assert.equal(answers.length + authorities.length, 0);
  assert.deepEqual([...(edns?.options[0]?.bytes ?? [])], [0, 30]);
});

test('a delegation shows DS or that there is none, its NS unsigned (RFC 4035 §3.1.4)', async (t) => {
  const { ask } = await setUp(t);
  const unsigned = ask({ name: 'x.plain.demo.test' }, dnssecOk);
  assert.deepEqual(typesOf(unsigned.authorities), [NS, NSEC, RRSIG]);
  assert.deepEqual(typesOf(unsigned.additionals), [A]);
  const { answers } = ask({ name: 'inner.demo.test', type: 'DS' }, dnssecOk);
  assert.deepEqual(typesOf(answers), [DS, RRSIG]);
});

test('signatures that make an answer too long send the client to TCP', async (t) => {
  const { ask } = await setUp(t);
  const query = { name: 'long.demo.test', type: 'TXT', udpSizeBytes: 512 } as const;
  assert.equal(ask(query, 0).header.truncated, false);
  const cut = ask(query, dnssecOk);
  assert.ok(cut.header.truncated && cut.answers.length + cut.authorities.length === 0);
  const { answers, authorities } = ask(query, dnssecOk, 'tcp');
  assert.deepEqual(typesOf(answers), [CNAME, RRSIG, CNAME, RRSIG]);
  assert.deepEqual(typesOf(authorities), [SOA, RRSIG, NSEC, RRSIG]);
});

test('a signature is kept for who asks the same, and made anew before it could fail', async (t) => {
  const { ask, counted, clock } = await setUp(t);
  const query = { name: 'mail.demo.test' };
  ask(query, dnssecOk);
  const first = ask(query, dnssecOk).answers.at(-1);
  assert.deepEqual([await counted('made'), await counted('kept')], [1, 1]);
  await clock.advance((validitySeconds - refreshSeconds) * 1000);
  assert.deepEqual(ask(query, dnssecOk).answers.at(-1), first);
  await clock.advance(1000);
  assert.notDeepEqual(ask(query, dnssecOk).answers.at(-1), first);
  assert.deepEqual([await counted('made'), await counted('kept')], [2, 2]);
});

test('signatures kept have a bound; a clock that goes back makes them anew', () => {
  let nowMs = 1e12;
  const made: string[] = [];
  let evictions = 0;
  const signer = createSigner(
    {
      clock: { ...createFakeClock(), nowMs: () => nowMs },
      metrics: {
        signature: (result) => made.push(result),
        signatureEviction: () => {
          evictions += 1;
        },
      },
    },
    2,
  );
  const key = zoneKeysOf([makeKey('active', 0)]).active;
  const sign = (name: string) =>
    signer.sign('test', key, [record(name, { type: 'A', address: '192.0.2.1' })]);
  for (const name of ['a.test', 'A.TEST', 'b.test', 'c.test', 'a.test']) sign(name);
  assert.deepEqual(made, ['made', 'kept', 'made', 'made', 'made']);
  assert.equal(evictions, 2);
  nowMs -= (leadSeconds + 1) * 1000;
  sign('a.test');
  assert.equal(made.at(-1), 'made');
});

test('who may be a forger has new signatures made up to a bound, and is sent to TCP beyond it', async (t) => {
  const { ask, counted, clock } = await setUp(t);
  const cutOf = (n: number, transport?: 'tcp') =>
    ask({ name: `n${n}.demo.test` }, dnssecOk, transport).header.truncated;
  // One for the SOA, one for each name.
  for (let n = 1; n < 5000; n += 1) assert.equal(cutOf(n), false);
  const { header, answers, authorities } = ask({ name: 'more.demo.test' }, dnssecOk);
  assert.ok(header.truncated);
  assert.equal(answers.length + authorities.length, 0);
  assert.equal(await counted('refused'), 1);
  assert.equal(cutOf(1), false);
  assert.equal(ask({ name: 'more.demo.test' }, 0).header.truncated, false);
  assert.equal(cutOf(5001, 'tcp'), false);
  await clock.advance(1);
  assert.deepEqual(
    [5, 4, 3, 2, 1, 0].map((n) => cutOf(6000 + n)),
    [...[false, false, false, false, false], true],
  );
});

test('order and repetition of records do not matter to their signature (RFC 4034 §6.3)', () => {
  const made: string[] = [];
  const metrics = {
    signature: (result: string) => void made.push(result),
    signatureEviction() {},
  };
  const signer = createSigner({ clock: createFakeClock(), metrics });
  const key = zoneKeysOf([makeKey('active', 0)]).active;
  const address = (last: number) => record('a.test', { type: 'A', address: `192.0.2.${last}` });
  const one = signer.sign('test', key, [address(1), address(2)]);
  const two = signer.sign('test', key, [address(2), address(1), address(2)]);
  assert.deepEqual(two, one);
  assert.deepEqual(made, ['made', 'kept']);
});
