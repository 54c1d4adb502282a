/** A real HTTP server around a handler, and a client that hides nothing: raw fields, bytes, and whether the body was cut. */
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  type RequestListener,
  request,
  type Server,
} from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** Starts a server on a free port of this machine; it ends with the test. */
export async function serve(
  t: TestContext,
  listener: RequestListener,
): Promise<{ port: number; server: Server }> {
  const server = createServer({ requireHostHeader: false }, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: (server.address() as AddressInfo).port, server };
}

export interface HttpAnswer {
  status: number;
  reason: string;
  rawHeaders: string[];
  /** The lines of a field, joined. */
  header(lowerName: string): string | undefined;
  body: Buffer;
  /** The body ended before it was complete. */
  isCut: boolean;
  /** Interim responses that came before: status and raw fields. */
  interim: [number, ...string[]][];
}

export interface HttpRequest {
  method?: string;
  path?: string;
  /** Flat; Host is www.demo.test unless given. */
  headers?: string[];
  body?: string | Buffer;
}

/** One request on a connection of its own. Rejects when there is no head in answer. */
export function exchange(port: number, asked: HttpRequest = {}): Promise<HttpAnswer> {
  return begin(port, asked).answer;
}

export interface BegunExchange {
  answer: Promise<HttpAnswer>;
  /** The request, for a body that is sent by and by. */
  sent: ClientRequest;
  /** Bytes of the answer's body so far; undefined: no head yet. */
  receivedBytes(): number | undefined;
  /** Interim responses so far. */
  interim: HttpAnswer['interim'];
}

/** Like `exchange`, to be watched while it runs. With `body: null` the test ends the request itself. */
export function begin(
  port: number,
  asked: Omit<HttpRequest, 'body'> & { body?: string | Buffer | null } = {},
): BegunExchange {
  const { method = 'GET', path = '/', headers = [], body } = asked;
  const hasHost = headers.some((text, i) => i % 2 === 0 && text.toLowerCase() === 'host');
  const fields = hasHost ? headers : ['Host', 'www.demo.test', ...headers];
  const options = { host: '127.0.0.1', port, method, path, headers: fields, agent: false };
  const pieces: Buffer[] = [];
  let hasHead = false;
  const interim: HttpAnswer['interim'] = [];
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const sent = request(options, (response) => {
    hasHead = true;
    resolve(collect(response, pieces, interim));
  });
  sent.on('information', ({ statusCode, rawHeaders }) => interim.push([statusCode, ...rawHeaders]));
  sent.on('error', reject);
  if (body !== null) sent.end(body);
  return {
    answer: promise,
    sent,
    receivedBytes: () => (hasHead ? Buffer.concat(pieces).length : undefined),
    interim,
  };
}

async function collect(
  response: IncomingMessage,
  pieces: Buffer[],
  interim: HttpAnswer['interim'],
): Promise<HttpAnswer> {
  let isCut = false;
  try {
    for await (const piece of response) pieces.push(piece as Buffer);
  } catch {
    isCut = true;
  }
  const { rawHeaders } = response;
  return {
    status: response.statusCode ?? 0,
    reason: response.statusMessage ?? '',
    rawHeaders,
    header: (lowerName) => {
      const lines = rawHeaders.filter(
        (_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === lowerName,
      );
      return lines.length === 0 ? undefined : lines.join(', ');
    },
    body: Buffer.concat(pieces),
    isCut,
    interim,
  };
}

/** A bare connection, for what a well-behaved client does not do. */
export async function openSocket(t: TestContext, port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

/** Waits until `done`, letting sockets and timers of the process run. */
export async function until(what: string, done: () => boolean | Promise<boolean>): Promise<void> {
  for (let turns = 0; !(await done()); turns += 1) {
    if (turns > 5000) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
