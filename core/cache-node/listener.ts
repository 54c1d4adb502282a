/**
 * The public listener of a worker: `node:http` with every limit set. What its parser refuses gets an answer and the connection's
 * end; what it accepts goes to `handle`.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { HostPort } from '../runtime/addresses.ts';
import { type Clock, every } from '../runtime/deps.ts';
import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { Limits } from '../topology/schema.ts';

export interface ListenerDeps {
  clock: Clock;
  log: Log;
  metrics: Metrics;
  handle: (req: IncomingMessage, res: ServerResponse) => Promise<void>;
}

export interface Listener {
  /** Binds; resolves with the port. */
  listen(address: HostPort, reusePort: boolean): Promise<number>;
  /** Takes no more connections, lets requests finish for `limitMs`, then cuts them. */
  drain(limitMs: number): Promise<void>;
}

/** A client that sends or takes nothing for so long is cut. */
const idleSocketMs = 120_000;
/** For a head to arrive whole, and between two looks for those that have not. */
const headTiming = { headersMs: 15_000, checkMs: 3000 };
const requestMs = 3_600_000;
const keepAliveMs = 15_000;
const idleSweepMs = 50;
const backlog = 4096;

/** Creates the listener; nothing is bound yet. */
export function createListener(deps: ListenerDeps, limits: Limits, timing = headTiming): Listener {
  const countRefused = deps.metrics.counter(
    'breakwater_cache_refused_connections_total',
    'Connections and heads that the listener refused, by reason.',
    ['reason'],
  );
  const server = createServer(
    {
      // The request line counts as well; what is over gets 431.
      maxHeaderSize: limits.headBytes + limits.urlBytes,
      requireHostHeader: false,
      headersTimeout: timing.headersMs,
      requestTimeout: requestMs,
      keepAliveTimeout: keepAliveMs,
      // How often Node looks for heads that are overdue; its own default is longer than the limit.
      connectionsCheckingInterval: timing.checkMs,
      noDelay: true,
    },
    (req, res) => {
      if (isPastEnd(req, res)) return;
      if (req.httpVersionMajor !== 1) {
        // A request line without a version passes Node's parser as HTTP/0.9.
        countRefused({ reason: 'version' });
        res.shouldKeepAlive = false;
        res.writeHead(505, { 'Content-Length': 0 }).end();
        return;
      }
      deps.handle(req, res).catch((error: unknown) => {
        // A fault of ours harms this request only.
        deps.log.error({ err: error, url: req.url }, 'request failed');
        res.destroy();
      });
    },
  );
  const isPastEnd = createEndOfConnections();
  server.maxConnections = limits.connections;
  // Fields beyond `limits.fields` are refused by `admit`; Node must not cut the list in silence before.
  server.maxHeadersCount = 0;
  server.timeout = idleSocketMs;
  server.on('drop', () => countRefused({ reason: 'connections' }));
  server.on('connect', (_req, socket) => {
    // Node ends it without a word unless somebody listens (RFC 9110 §9.3.6: we are no tunnel).
    countRefused({ reason: 'connect' });
    socket.end(emptyAnswer('405 Method Not Allowed'));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    countRefused({ reason: reasonOf(error) });
    refuse(error, socket);
  });
  return {
    listen: (address, reusePort) => bind(server, address, reusePort),
    drain: (limitMs) => drain(deps.clock, server, limitMs),
  };
}

/**
 * Node goes on parsing what a client has sent ahead, also after an answer that ends the connection. Such a request must not be
 * acted upon: nobody would hear of it, and after a head that was refused it may be anything (RFC 9112 §9.6, §11.2).
 */
function createEndOfConnections(): (req: IncomingMessage, res: ServerResponse) => boolean {
  const latest = new WeakMap<Socket, ServerResponse>();
  return (req, res) => {
    if (latest.get(req.socket)?.shouldKeepAlive === false) return true;
    latest.set(req.socket, res);
    return false;
  };
}

function bind(server: Server, { host, port }: HostPort, reusePort: boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog, ...(reusePort ? { reusePort } : {}) }, () => {
      server.off('error', reject);
      const bound = server.address();
      resolve(typeof bound === 'object' && bound ? bound.port : port);
    });
  });
}

function drain(clock: Clock, server: Server, limitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const limit = clock.after(limitMs, () => server.closeAllConnections());
    // A connection whose answer began before the drain is kept by its head, and idle once that answer has been sent.
    const sweep = every(clock, idleSweepMs, () => server.closeIdleConnections());
    server.close(() => {
      limit.cancel();
      sweep.cancel();
      resolve();
    });
    server.closeIdleConnections();
  });
}

function reasonOf(error: NodeJS.ErrnoException): string {
  if (error.code === 'HPE_HEADER_OVERFLOW') return 'head-too-large';
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'timeout';
  return error.code?.startsWith('HPE_') ? 'malformed' : 'connection';
}

/** RFC 9112 §9: what cannot be parsed is answered once and the connection ended, for nothing after it can be trusted. */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  if (socket.bytesWritten > 0) {
    // What has been answered before, perhaps a moment ago, still goes out.
    socket.destroySoon();
    return;
  }
  const lines: Record<string, string> = {
    'head-too-large': '431 Request Header Fields Too Large',
    timeout: '408 Request Timeout',
  };
  const status = lines[reasonOf(error)] ?? '400 Bad Request';
  socket.end(emptyAnswer(status));
}

function emptyAnswer(status: string): string {
  return `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
}
