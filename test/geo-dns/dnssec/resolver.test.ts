/** A signed zone behind a resolver that validates, minimises names and concludes from proofs in its cache (RFC 8198, RFC 9156). */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../../core/runtime/deps.ts';
import { type Message, rcodes } from '../../../geo-dns/wire/message.ts';
import { askUdp } from '../../support/dns-client.ts';
import { buildQuery, type QueryBuilder } from '../../support/dns-messages.ts';
import { startSigned } from '../../support/signed-network.ts';
import { startUnbound } from '../../support/unbound.ts';

async function setUp(t: TestContext) {
  const server = await startSigned(t, systemClock);
  const port = await startUnbound(t, {
    zone: 'demo.test',
    serverPort: server.port,
    key: server.keys.active.dnskey.subarray(4).toString('base64'),
  });
  const ask = (name: string, type: QueryBuilder['type'] = 'A'): Promise<Message> =>
    askUdp(port, asClient(buildQuery({ name: `${name}.demo.test`, ...(type && { type }) })));
  return { server, ask };
}

/** As a client of a resolver asks: with RD, and for signatures. */
function asClient(query: Buffer): Buffer {
  query.writeUInt8(1, 2);
  query.writeUInt16BE(0x8000, query.lastIndexOf(Buffer.from([0, 0, 41])) + 7);
  return query;
}

/** What the resolver holds to be true. */
const judged = ({ header, answers }: Message) => ({
  isValid: header.authenticData,
  rcode: header.rcode,
  types: answers.map(({ data }) => data.type).filter((type) => type !== 'opaque'),
});

test('unbound holds every kind of answer to be authentic, in any order, from its cache too', async (t) => {
  const { ask } = await setUp(t);
  const nothing = { isValid: true, rcode: rcodes.NOERROR, types: [] };
  const cases: [name: string, type: QueryBuilder['type'], expected: object][] = [
    // Proofs come first, so that what follows would suffer from one that claims too much.
    ['nothing', 'A', nothing],
    ['a.b.c', 'A', nothing],
    ['www', 'TXT', nothing],
    ['mail', 'AAAA', nothing],
    ['ent', 'A', nothing],
    ['x.wild', 'A', nothing],
    ['www', 'A', { ...nothing, types: ['A'] }],
    ['www', 'AAAA', { ...nothing, types: ['AAAA'] }],
    ['www', 'HTTPS', { ...nothing, types: ['HTTPS'] }],
    ['mail', 'A', { ...nothing, types: ['A', 'A', 'A'] }],
    ['a.b.ent', 'A', { ...nothing, types: ['A'] }],
    ['x.wild', 'TXT', { ...nothing, types: ['TXT'] }],
    ['y.z.wild', 'TXT', { ...nothing, types: ['TXT'] }],
    ['long', 'A', { ...nothing, types: ['CNAME', 'CNAME', 'A'] }],
    ['q.apps', 'A', { ...nothing, types: ['CNAME', 'A'] }],
    ['mail.old', 'A', { ...nothing, types: ['DNAME', 'CNAME', 'A', 'A', 'A'] }],
    ['a.inner', 'A', { ...nothing, types: ['A'] }],
    ['nothing.inner', 'A', nothing],
    ['plain', 'DS', nothing],
  ];
  for (const round of [1, 2]) {
    for (const [name, type, expected] of cases) {
      assert.deepEqual(judged(await ask(name, type)), expected, `${name} ${type} ${round}`);
    }
  }
});

test('unbound gives nobody an answer that was changed on its way', async (t) => {
  const { server, ask } = await setUp(t);
  server.tamper((answer) => {
    const at = answer.indexOf(Buffer.from([192, 0, 2, 25]));
    if (at >= 0) answer.writeUInt8(26, at + 3);
    return answer;
  });
  const { rcode, types } = judged(await ask('mail'));
  assert.deepEqual([rcode, types], [rcodes.SERVFAIL, []]);
  assert.equal(judged(await ask('text', 'TXT')).isValid, true);
});
