/** A DNS client on real sockets, for tests: one datagram each way, or a TCP connection with framing. */
import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { decodeMessage, type Message } from '../../geo-dns/wire/message.ts';

/** Sends datagrams in their order from one socket, and gives the first that comes back. Rejects after two seconds. */
export function exchangeUdp(port: number, ...datagrams: Buffer[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      socket.close();
      settle();
    };
    const timer = setTimeout(() => finish(() => reject(new Error('no answer over UDP'))), 2000);
    socket.on('message', (answer) => finish(() => resolve(answer)));
    socket.on('error', (error) => finish(() => reject(error)));
    // A connected socket hears that nobody listens (ICMP), instead of waiting for an answer.
    socket.connect(port, '127.0.0.1', () => {
      for (const bytes of datagrams) socket.send(bytes);
    });
  });
}

export async function askUdp(port: number, bytes: Buffer): Promise<Message> {
  return decodeMessage(await exchangeUdp(port, bytes));
}

export interface TcpClient {
  readonly socket: Socket;
  /** Sends messages behind their length, in one write. */
  send(...messages: Buffer[]): void;
  /** The next message; rejects when the connection ends before. */
  next(): Promise<Message>;
  /** Resolves when the server has closed the connection. */
  readonly closed: Promise<void>;
  end(): void;
}

export function connectTcp(port: number): Promise<TcpClient> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let pending: Buffer = Buffer.alloc(0);
    const waiting: { take(message: Message): void; fail(error: Error): void }[] = [];
    const pump = () => {
      while (waiting.length > 0 && pending.length >= 2) {
        const end = 2 + pending.readUInt16BE(0);
        if (pending.length < end) return;
        waiting.shift()?.take(decodeMessage(pending.subarray(2, end)));
        pending = pending.subarray(end);
      }
    };
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      pump();
    });
    const closed = new Promise<void>((done) => {
      socket.on('close', () => {
        for (const one of waiting) one.fail(new Error('closed'));
        done();
      });
    });
    socket.on('error', reject);
    socket.on('connect', () =>
      resolve({
        socket,
        send: (...messages) => void socket.write(Buffer.concat(messages.map(frame))),
        next: () =>
          new Promise((take, fail) => {
            waiting.push({ take, fail });
            pump();
          }),
        closed,
        end: () => socket.end(),
      }),
    );
  });
}

/** A message behind its length (RFC 1035 §4.2.2). */
export function frame(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}
