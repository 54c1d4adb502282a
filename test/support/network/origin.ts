/**
 * An origin in the test's own process: routes are functions, hits are counted by path, and a response can be held back, fed
 * piece by piece or cut, so that a test decides what happens when.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export type Route = (request: OriginRequest, response: ServerResponse) => void | Promise<void>;

/** A request as the origin got it; the body is read before the route is called. */
export interface OriginRequest {
  method: string;
  /** Path and query. */
  path: string;
  headers: IncomingMessage['headers'];
  rawHeaders: string[];
  body: Buffer;
  /** Whether the body came to its end. A route is called for a whole request only. */
  state: 'reading' | 'whole' | 'broken';
  /** Counted from 1 for each path. */
  hit: number;
}

export interface Origin {
  readonly url: string;
  /** Answers `path` (without its query) by `route`; what has no route is 404. */
  on(path: string, route: Route): void;
  /** Requests for the path and any query, whatever became of them. */
  hits(path: string): number;
  received(path: string): readonly OriginRequest[];
  /** Refuses connections and cuts those there are, as a dead machine does. */
  stop(): Promise<void>;
  /** Listens on the same port again. */
  start(): Promise<void>;
}

/** Starts an origin on a free port of `host`. */
export async function startOrigin(host = '127.0.0.1'): Promise<Origin> {
  const routes = new Map<string, Route>();
  const received = new Map<string, OriginRequest[]>();
  const sockets = new Set<Socket>();
  let server: Server;
  let port = 0;

  const answer = async (req: IncomingMessage, res: ServerResponse) => {
    const path = req.url ?? '';
    const name = path.split('?', 1)[0] ?? '';
    const seen = received.get(name) ?? [];
    received.set(name, seen);
    // Counted when it arrives: a route that waits must not hide that it was asked.
    const { method = '', headers, rawHeaders } = req;
    const request: OriginRequest = {
      method,
      path,
      headers,
      rawHeaders,
      body: Buffer.alloc(0),
      state: 'reading',
      hit: seen.length + 1,
    };
    seen.push(request);
    await readBody(req, request);
    const route = routes.get(name);
    if (route) await route(request, res);
    else res.writeHead(404, { 'content-type': 'text/plain' }).end(`no ${name}\n`);
  };
  const listen = () =>
    new Promise<void>((resolve, reject) => {
      server = createServer({ keepAliveTimeout: 60_000 }, (req, res) => {
        // A client that goes away, and a cut that the test makes, are no news here.
        answer(req, res).catch(() => res.destroy());
      });
      server.on('connection', (socket) => {
        sockets.add(socket);
        socket.on('close', () => sockets.delete(socket));
      });
      server.once('error', reject);
      server.listen({ host, port, backlog: 1024 }, () => {
        port = (server.address() as AddressInfo).port;
        resolve();
      });
    });
  await listen();
  return {
    get url() {
      return `http://${host}:${port}`;
    },
    on: (path, route) => void routes.set(path, route),
    hits: (path) => received.get(path)?.length ?? 0,
    received: (path) => received.get(path) ?? [],
    stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      return closed;
    },
    start: listen,
  };
}

async function readBody(req: IncomingMessage, request: OriginRequest): Promise<void> {
  const parts: Buffer[] = [];
  try {
    for await (const part of req) parts.push(part as Buffer);
    request.state = 'whole';
  } catch (error) {
    request.state = 'broken';
    throw error;
  }
  request.body = Buffer.concat(parts);
}

/** Answers with a text, fresh for a minute unless `headers` say otherwise. */
export function page(text: string | ((request: OriginRequest) => string), headers = {}): Route {
  return (request, response) => {
    const body = Buffer.from(typeof text === 'string' ? text : text(request));
    response.writeHead(200, {
      'content-type': 'text/plain',
      'cache-control': 'max-age=60',
      'content-length': body.length,
      ...headers,
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
}

/** A page whose text tells which fetch it is from: `PREFIX 1`, `PREFIX 2` … */
export function counted(prefix: string, headers = {}): Route {
  return page(({ hit }) => `${prefix} ${hit}`, headers);
}

/** A gate that responses wait at until the test opens it. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

export function createGate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}
