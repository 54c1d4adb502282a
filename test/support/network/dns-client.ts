/** A DNS client over real sockets: one question, one answer, by UDP or TCP. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { decodeMessage, type Message } from '../../../geo-dns/wire/message.ts';
import { buildQuery, type QueryBuilder } from '../dns-messages.ts';

const tryMs = 1000;
const tries = 10;

/** Asks the server whose control address is `http://HOST:PORT`; again when the datagram or its answer was lost. */
export async function askByUdp(server: string, query: QueryBuilder): Promise<Message> {
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const answer = await exchange(server, buildQuery(query));
    if (answer) return decodeMessage(answer);
  }
  throw new Error(`no answer from ${server}`);
}

/** Asks over TCP (RFC 7766: two bytes of length before each message). */
export function askByTcp(server: string, query: QueryBuilder): Promise<Message> {
  const { hostname, port } = new URL(server);
  const message = buildQuery(query);
  const framed = Buffer.alloc(2 + message.length);
  framed.writeUInt16BE(message.length, 0);
  message.copy(framed, 2);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) }, () => socket.write(framed));
    let got = Buffer.alloc(0);
    socket.on('data', (part) => {
      got = Buffer.concat([got, part]);
      if (got.length < 2 || got.length < 2 + got.readUInt16BE(0)) return;
      socket.destroy();
      resolve(decodeMessage(got.subarray(2, 2 + got.readUInt16BE(0))));
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the connection was closed without an answer')));
  });
}

/** Sends a datagram that needs no answer. */
export async function sendDatagram(server: string, bytes: Buffer): Promise<void> {
  const { hostname, port } = new URL(server);
  const socket = createSocket('udp4');
  await new Promise((resolve) => socket.send(bytes, Number(port), hostname, resolve));
  socket.close();
}

/** The addresses (A, AAAA) of an answer. */
export function addressesIn({ answers }: Message): string[] {
  return answers.flatMap(({ data }) =>
    data.type === 'A' || data.type === 'AAAA' ? [data.address] : [],
  );
}

/** The strings of the TXT records of an answer. */
export function textsIn({ answers }: Message): string[] {
  return answers.flatMap(({ data }) =>
    data.type === 'TXT' ? data.strings.map((text) => Buffer.from(text).toString('utf8')) : [],
  );
}

function exchange(server: string, bytes: Buffer): Promise<Buffer | undefined> {
  const { hostname, port } = new URL(server);
  const socket = createSocket('udp4');
  return new Promise<Buffer | undefined>((resolve) => {
    const limit = setTimeout(() => resolve(undefined), tryMs);
    const settle = (answer: Buffer | undefined) => {
      clearTimeout(limit);
      resolve(answer);
    };
    socket.on('message', settle);
    // Nobody listens there: as good as no answer.
    socket.on('error', () => settle(undefined));
    socket.connect(Number(port), hostname, () => socket.send(bytes));
  }).finally(() => socket.close());
}
