/**
 * A peer that answers byte by byte as a test says, and the small things around it: a configuration with given ports, a
 * request, a reader of bodies.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import type { Metrics } from '../../../core/runtime/metrics.ts';
import { parseTopology } from '../../../core/topology/load.ts';
import type { Site } from '../../../core/topology/schema.ts';
import type { TopologyWithSecret } from '../../../core/topology/secret-file.ts';
import type {
  BodySink,
  Deadline,
  Failure,
  ResponseBody,
  UpstreamRequest,
  UpstreamResponse,
  UpstreamResult,
} from '../../../core/upstream/upstream.ts';

/** A request as it arrived. */
export interface Arrival {
  socket: Socket;
  /** Request line and fields, without the empty line. */
  head: string;
  /** What has come after the head so far; grows. */
  body: string;
  /** 1 for the first connection of the peer. */
  connection: number;
}

export interface ScriptedPeer {
  port: number;
  arrivals: Arrival[];
  readonly connections: number;
  /** Stops listening and ends all connections. */
  stop(): Promise<void>;
}

/** Listens on the port (0: a free one) and calls `answer` for each request; stops with the test. */
export async function startPeer(
  t: TestContext,
  answer: (arrival: Arrival) => void,
  port = 0,
): Promise<ScriptedPeer> {
  const arrivals: Arrival[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // The other side may break off; that is what many tests are about.
    socket.on('error', () => socket.destroy());
    readRequests(socket, connections, (arrival) => {
      arrivals.push(arrival);
      answer(arrival);
    });
  });
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    if (server.listening) await closed(server);
  };
  t.after(stop);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    arrivals,
    get connections() {
      return connections;
    },
    stop,
  };
}

function readRequests(
  socket: Socket,
  connection: number,
  onRequest: (arrival: Arrival) => void,
): void {
  let text = '';
  let current: Arrival | undefined;
  socket.on('data', (piece) => {
    if (current) {
      current.body += piece.toString('latin1');
      return;
    }
    text += piece.toString('latin1');
    for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
      const head = text.slice(0, end);
      text = text.slice(end + 4);
      const arrival = { socket, head, body: '', connection };
      if (/^(content-length: [1-9]|transfer-encoding:)/im.test(head)) {
        current = arrival;
        arrival.body = text;
        text = '';
      }
      onRequest(arrival);
    }
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** Answers every request with these bytes, and closes when told. */
export function replying(bytes: string, then: 'keep' | 'close' = 'keep') {
  return ({ socket }: Arrival) => {
    socket.write(Buffer.from(bytes, 'latin1'));
    if (then === 'close') socket.end();
  };
}

/** A complete response with a text body. */
export function response(body: string, fields = ''): string {
  return `HTTP/1.1 200 OK\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
}

export interface NetworkOptions {
  origins?: readonly { port: number; extra?: string }[];
  shields?: Readonly<Record<string, number>>;
  /** YAML of the PoP's `shield`. */
  shield?: string;
  originFallback?: boolean;
  dataDir?: string;
}

/** A network with one edge `par`, its shields and one site, `www.test`, with its origins; all on 127.0.0.1. */
export function network(options: NetworkOptions): TopologyWithSecret {
  const place = '{ latitude: 1, longitude: 2 }';
  const origins = options.origins ?? [{ port: 1 }];
  const shields = Object.entries(options.shields ?? {});
  const lines = [
    'network: test',
    'secret: not-a-secret',
    `dataDir: ${options.dataDir ?? './nowhere'}`,
    'sites:',
    '  - hosts: [www.test]',
    `    originFallback: ${options.originFallback ?? true}`,
    '    origins:',
    ...origins.map(({ port, extra = '' }) => `      - { url: "http://127.0.0.1:${port}"${extra} }`),
    'pops:',
    `  - { id: par, location: ${place}, listen: "127.0.0.1:0", admin: "127.0.0.1:0", advertise: [127.0.0.1]${
      options.shield === undefined ? '' : `, shield: ${options.shield}`
    } }`,
    'shields:',
    ...shields.map(
      ([id, port]) =>
        `  - { id: ${id}, location: ${place}, listen: "127.0.0.1:${port}", admin: "127.0.0.1:0" }`,
    ),
    ...(shields.length === 0 ? ['  []'] : []),
    'purge: { listen: "127.0.0.1:0", admin: "127.0.0.1:0" }',
  ];
  const topology = parseTopology(lines.join('\n'), '/nowhere/breakwater.yaml', {});
  return { ...topology, secret: topology.secret ?? '' };
}

/** The only site of `network`. */
export function siteOf(topology: TopologyWithSecret): Site {
  const [site] = topology.sites;
  if (!site) throw new Error('no site');
  return site;
}

export function requestFor(site: Site, changes: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return {
    method: 'GET',
    site,
    scheme: 'http',
    host: 'www.test',
    pathAndQuery: '/page?x=1',
    key: 'http www.test /page?x=1',
    headers: [],
    body: null,
    tierHeaders: [],
    signal: new AbortController().signal,
    ...changes,
  };
}

export const deadline: Deadline = { connectMs: 5000, firstByteMs: 10_000, betweenBytesMs: 20_000 };

/** The response of a result that must be one. */
export function answered(result: UpstreamResult): UpstreamResponse {
  if (!result.ok) throw new Error(`failed: ${result.failure.kind}: ${result.failure.cause}`);
  return result.response;
}

/** The failure of a result that must be one. */
export function failureIn(result: UpstreamResult): Failure {
  if (result.ok) throw new Error(`answered with ${result.response.status}`);
  return result.failure;
}

export interface Transfer {
  pieces: Buffer[];
  readonly text: string;
  /** How it ended; undefined: it has not. */
  end: 'end' | Failure | undefined;
}

/** Starts the body and keeps what comes; `onPiece` may pause or abort it. */
export function receive(body: ResponseBody, onPiece?: (transfer: Transfer) => void): Transfer {
  const transfer: Transfer = {
    pieces: [],
    get text() {
      return Buffer.concat(this.pieces).toString('latin1');
    },
    end: undefined,
  };
  const sink: BodySink = {
    data(piece) {
      if (transfer.end) throw new Error('data after the end');
      transfer.pieces.push(piece);
      onPiece?.(transfer);
    },
    end() {
      if (transfer.end) throw new Error('a second end');
      transfer.end = 'end';
    },
    fail(failure) {
      if (transfer.end) throw new Error('a second end');
      transfer.end = failure;
    },
  };
  body.start(sink);
  return transfer;
}

/** The whole body as text, and how it ended. */
export async function receiveAll(
  body: ResponseBody,
): Promise<{ text: string; end: 'end' | Failure }> {
  const transfer = receive(body);
  await until(() => transfer.end !== undefined);
  return { text: transfer.text, end: transfer.end ?? 'end' };
}

/** Waits for something to become true; gives up with an error, so that a test fails instead of hanging. */
export async function until(isTrue: () => boolean, what = 'the condition'): Promise<void> {
  for (let turns = 0; turns < 20_000; turns++) {
    if (isTrue()) return;
    await new Promise((resolve) => (turns < 1000 ? setImmediate(resolve) : setTimeout(resolve, 1)));
  }
  throw new Error(`${what} did not come true`);
}

/** The value of a metric line, by its exact name and labels; 0 when there is none. */
export async function metricValue(metrics: Metrics, nameAndLabels: string): Promise<number> {
  const lines = (await metrics.text()).split('\n');
  const line = lines.find((candidate) => candidate.startsWith(`${nameAndLabels} `));
  return line === undefined ? 0 : Number(line.slice(nameAndLabels.length + 1));
}
