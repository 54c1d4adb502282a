import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import {
  decode,
  encode,
  type Packet,
  streamDecode,
  streamEncode,
  TRUNCATED_RESPONSE,
} from 'dns-packet';
import { recordTypes } from '../../../core/dns/record.ts';
import { systemClock } from '../../../core/runtime/deps.ts';
import { clientSubnetOf } from '../../../geo-dns/wire/client.ts';
import { askDns } from '../../../infra/cli/ask-dns.ts';
import { createSeededRandom } from '../../support/fake-clock.ts';

const subnet = clientSubnetOf('198.18.3.0/24') ?? assert.fail('a network');
const question = { name: 'www.small.test', type: recordTypes.A, subnet };
const deps = () => ({ clock: systemClock, random: createSeededRandom(1) });

const answerTo = (query: Packet, address: string): Packet => ({
  type: 'response',
  id: query.id ?? 0,
  questions: query.questions ?? [],
  answers: [{ type: 'A', name: 'www.small.test', ttl: 30, data: address }],
});

/** A DNS server made with another codec: `udp` gives the datagrams to send back. */
async function startServer(udp: (query: Packet) => Buffer[]) {
  const socket = createSocket('udp4');
  const tcp = createServer((connection) => {
    connection.on('data', (bytes) => {
      connection.end(streamEncode(answerTo(streamDecode(bytes), '192.0.2.2')));
    });
  });
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
  const { port } = tcp.address() as AddressInfo;
  const queries: Packet[] = [];
  socket.on('message', (bytes, from) => {
    const query = decode(bytes);
    queries.push(query);
    for (const reply of udp(query)) socket.send(reply, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(port, '127.0.0.1', resolve));
  const close = () => {
    socket.close();
    tcp.close();
  };
  return { at: { host: '127.0.0.1', port }, queries, close };
}

test('asks over UDP with the client subnet, as another implementation reads it (RFC 7871 §6)', async () => {
  const server = await startServer((query) => [encode(answerTo(query, '192.0.2.1'))]);
  const reply = await askDns(deps(), server.at, question);
  server.close();
  const opt = server.queries[0]?.additionals?.find((record) => record.type === 'OPT');
  const options = (
    opt as { options?: { code: number; sourcePrefixLength?: number; ip?: string }[] }
  )?.options;
  assert.equal(reply.transport, 'UDP');
  assert.deepEqual(reply.message.answers[0]?.data, { type: 'A', address: '192.0.2.1' });
  assert.equal(options?.[0]?.code, 8);
  assert.equal(options?.[0]?.sourcePrefixLength, 24);
  assert.equal(options?.[0]?.ip, '198.18.3.0');
});

test('an answer that was cut is asked for again over TCP (RFC 1035 §4.2.1)', async () => {
  const server = await startServer((query) => {
    const cut: Packet = { ...answerTo(query, '192.0.2.1'), answers: [], flags: TRUNCATED_RESPONSE };
    return [encode(cut)];
  });
  const reply = await askDns(deps(), server.at, question);
  server.close();
  assert.equal(reply.transport, 'TCP');
  assert.deepEqual(reply.message.answers[0]?.data, { type: 'A', address: '192.0.2.2' });
});

test('datagrams that are no answer to the question are not taken', async () => {
  const server = await startServer((query) => [
    Buffer.from('noise'),
    encode({ ...answerTo(query, '192.0.2.66'), id: ((query.id ?? 0) + 1) & 0xffff }),
    encode(answerTo(query, '192.0.2.1')),
  ]);
  const reply = await askDns(deps(), server.at, question);
  server.close();
  assert.deepEqual(reply.message.answers[0]?.data, { type: 'A', address: '192.0.2.1' });
});

test('a datagram that is lost is asked for again', async () => {
  let seen = 0;
  const server = await startServer((query) => {
    seen += 1;
    return seen === 1 ? [] : [encode(answerTo(query, '192.0.2.1'))];
  });
  await askDns(deps(), server.at, question);
  server.close();
  assert.equal(server.queries.length, 2);
});

test('where nobody listens it says so at once', async () => {
  const server = await startServer(() => []);
  server.close();
  await assert.rejects(askDns(deps(), server.at, question), { code: 'ECONNREFUSED' });
});
