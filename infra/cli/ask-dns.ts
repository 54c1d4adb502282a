/**
 * Asks a DNS server over the wire, as the resolver of a client would: over UDP with the client's subnet, and over TCP when the
 * answer did not fit. Bounded in time and size; an answer that is not to our question is not taken.
 */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { HostPort } from '../../core/runtime/addresses.ts';
import type { Clock, Random } from '../../core/runtime/deps.ts';
import { encodeQuery } from '../../geo-dns/wire/client.ts';
import type { ClientSubnet } from '../../geo-dns/wire/edns.ts';
import { decodeMessage, type Message } from '../../geo-dns/wire/message.ts';

export interface DnsQuestion {
  name: string;
  /** A code of `recordTypes`. */
  type: number;
  subnet: ClientSubnet;
}

export interface DnsReply {
  message: Message;
  transport: 'UDP' | 'TCP';
  tookMs: number;
}

/** UDP loses datagrams: ask again, as resolvers do. */
const tries = 3;
const udpTimeoutMs = 1000;
const tcpTimeoutMs = 3000;

/** The answer of `server`. Rejects with a line when it gives none. */
export async function askDns(
  { clock, random }: { clock: Clock; random: Random },
  server: HostPort,
  question: DnsQuestion,
): Promise<DnsReply> {
  const beganMs = clock.monotonicMs();
  const id = Number.parseInt(random.hex(2), 16);
  const query = encodeQuery({
    id,
    name: question.name,
    type: question.type,
    clientSubnet: question.subnet,
  });
  const isOurs = (message: Message) => message.header.isResponse && message.header.id === id;
  for (let attempt = 1; attempt <= tries; attempt++) {
    const overUdp = await askUdp(clock, server, query, isOurs);
    if (overUdp === undefined) continue;
    const isWhole = !overUdp.header.truncated;
    const message = isWhole ? overUdp : await askTcp(clock, server, query);
    if (!isOurs(message)) throw new Error('the answer over TCP is to another question');
    return {
      message,
      transport: isWhole ? 'UDP' : 'TCP',
      tookMs: clock.monotonicMs() - beganMs,
    };
  }
  throw new Error(`no answer after ${tries} tries`);
}

/** Undefined when no answer came in time. Rejects at once when nobody listens there. */
function askUdp(
  clock: Clock,
  server: HostPort,
  query: Buffer,
  isOurs: (message: Message) => boolean,
): Promise<Message | undefined> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(server.host.includes(':') ? 'udp6' : 'udp4');
    const finish = (settle: () => void) => {
      timer.cancel();
      socket.close();
      settle();
    };
    const timer = clock.after(udpTimeoutMs, () => finish(() => resolve(undefined)));
    socket.once('error', (error) => finish(() => reject(error)));
    socket.on('message', (bytes) => {
      const message = tryDecode(bytes);
      // Anything else on the port is not for us; the timer goes on.
      if (message && isOurs(message)) finish(() => resolve(message));
    });
    // A connected socket hears of a closed port (ICMP), and hears nobody but the server.
    socket.connect(server.port, server.host, () => socket.send(query));
  });
}

/** One message over TCP, framed by its length (RFC 1035 §4.2.2). */
function askTcp(clock: Clock, server: HostPort, query: Buffer): Promise<Message> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, server.host);
    const timer = clock.after(tcpTimeoutMs, () => socket.destroy(new Error('no answer over TCP')));
    let received = Buffer.alloc(0);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length);
    socket.once('connect', () => socket.write(Buffer.concat([length, query])));
    socket.on('data', (part) => {
      received = Buffer.concat([received, part]);
      const wanted = received.length < 2 ? 2 : 2 + received.readUInt16BE(0);
      if (received.length < wanted || received.length < 2) return;
      const message = tryDecode(received.subarray(2, wanted));
      socket.destroy();
      if (message) resolve(message);
      else reject(new Error('the answer over TCP cannot be read'));
    });
    socket.once('error', reject);
    socket.once('close', () => {
      timer.cancel();
      reject(new Error('the server closed the connection without an answer'));
    });
  });
}

function tryDecode(bytes: Buffer): Message | undefined {
  try {
    return decodeMessage(bytes);
  } catch {
    // Not a DNS message: no answer, then.
    return undefined;
  }
}
