/**
 * One outbound connection that carries JSON messages both ways, over a WebSocket (the `ws` package). Nodes dial, purge-api
 * listens; so a node behind a firewall needs no open port for it.
 *
 * Invariants: a message larger than `maxMessageBytes` ends the connection; a peer that reads too slowly is cut when
 * `maxBufferedBytes` wait for it; a silent peer is noticed within two heartbeat intervals; dialling again backs off.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex as NodeDuplex } from 'node:stream';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import { type Clock, every, type Random } from './deps.ts';

const maxMessageBytes = 16 * 2 ** 20;
const maxBufferedBytes = 32 * 2 ** 20;
const maxReasonBytes = 120;
const closeLimitMs = 1000;
const heartbeatMs = 5000;
const firstRetryMs = 100;
const longestRetryMs = 2000;

/** One end of an open connection. */
export interface Duplex {
  /** Sends a message; false when the connection is gone or its peer reads too slowly (it is then cut). */
  send(message: unknown): boolean;
  /** Ends the connection; the beginning of `reason` (120 bytes) is shown to the peer. */
  close(reason: string): void;
}

export interface DuplexHandlers {
  onMessage(message: unknown): void;
  onClose(reason: string): void;
}

interface DuplexDeps {
  clock: Clock;
}

/** What keeps an outbound connection open; a simulation has another wire. */
export type DialDuplex = typeof dialDuplex;

/**
 * Accepts connections at `path` of an HTTP server. `authorise` looks at the upgrade request and returns who it is, or
 * undefined for 401; `onOpen` returns the handlers of that connection.
 */
export function acceptDuplex<Who>(
  { clock }: DuplexDeps,
  server: Server,
  options: {
    path: string;
    authorise: (request: IncomingMessage) => Who | undefined;
    onOpen: (duplex: Duplex, who: Who) => DuplexHandlers;
  },
): { closeAll(reason: string): void } {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
  });
  server.on('upgrade', (request: IncomingMessage, socket: NodeDuplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    if (request.url?.split('?', 1)[0] !== options.path) {
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const who = options.authorise(request);
    if (who === undefined) {
      socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      attach(clock, webSocket, (duplex) => options.onOpen(duplex, who));
    });
  });
  return {
    closeAll(reason) {
      for (const client of sockets.clients) end(clock, client, 1001, reason);
      sockets.close();
    },
  };
}

/**
 * Keeps one connection to `url()` open, dialling again with back-off until `stop`. `onOpen` is called for each new
 * connection; `onFailure` for each attempt that failed (its text is for a log line).
 */
export function dialDuplex(
  { clock, random }: DuplexDeps & { random: Random },
  options: {
    /** `ws://host:port/path`, asked anew for each attempt; undefined while it is not known. */
    url: () => string | undefined;
    headers: Record<string, string>;
    onOpen: (duplex: Duplex) => DuplexHandlers;
    onFailure?: (reason: string) => void;
  },
): { stop(reason: string): void } {
  let stopped = false;
  let current: WebSocket | undefined;
  let retryMs = firstRetryMs;
  const again = () => {
    if (stopped) return;
    // Full jitter keeps a herd of nodes from dialling a returning purge-api in step.
    const delayMs = retryMs * (0.5 + random.unit() / 2);
    retryMs = Math.min(longestRetryMs, retryMs * 2);
    clock.after(delayMs, dial);
  };
  const dial = () => {
    if (stopped) return;
    const url = options.url();
    if (url === undefined) return again();
    const webSocket = new WebSocket(url, {
      headers: options.headers,
      handshakeTimeout: 5000,
      maxPayload: maxMessageBytes,
      perMessageDeflate: false,
    });
    current = webSocket;
    let opened = false;
    webSocket.on('open', () => {
      opened = true;
      retryMs = firstRetryMs;
      attach(clock, webSocket, options.onOpen, again);
    });
    webSocket.on('error', (error) => {
      // To close a connection that is not open yet is an error to `ws`.
      if (opened || stopped) return;
      options.onFailure?.(error.message);
      again();
    });
  };
  dial();
  return {
    stop(reason) {
      stopped = true;
      if (current) end(clock, current, 1000, reason);
    },
  };
}

function attach(
  clock: Clock,
  webSocket: WebSocket,
  onOpen: (duplex: Duplex) => DuplexHandlers,
  afterClose?: () => void,
): void {
  const handlers = onOpen({
    send(message) {
      if (webSocket.readyState !== WebSocket.OPEN) return false;
      if (webSocket.bufferedAmount > maxBufferedBytes) {
        webSocket.terminate();
        return false;
      }
      webSocket.send(JSON.stringify(message));
      return true;
    },
    close(reason) {
      end(clock, webSocket, 1000, reason);
    },
  });
  let heardSinceBeat = true;
  const beat = every(clock, heartbeatMs, () => {
    if (!heardSinceBeat) return webSocket.terminate();
    heardSinceBeat = false;
    webSocket.ping();
  });
  webSocket.on('pong', () => {
    heardSinceBeat = true;
  });
  webSocket.on('message', (raw: RawData) => {
    // What comes after this side has ended the connection is for nobody.
    if (webSocket.readyState !== WebSocket.OPEN) return;
    heardSinceBeat = true;
    const message = parseMessage(raw);
    if (message === undefined) return end(clock, webSocket, 1007, 'not JSON');
    handlers.onMessage(message);
  });
  webSocket.on('error', () => webSocket.terminate());
  webSocket.on('close', (code, reason) => {
    beat.cancel();
    handlers.onClose(reason.toString() || `closed (${code})`);
    afterClose?.();
  });
}

/** Ends a connection with a code of RFC 6455 §7.4.1. A peer that does not answer the closing handshake is cut. */
function end(clock: Clock, webSocket: WebSocket, code: number, reason: string): void {
  webSocket.close(code, shortened(reason));
  clock.after(closeLimitMs, () => webSocket.terminate());
}

/** A reason that fits into a close frame (RFC 6455 §5.5); `ws` throws at a longer one. */
function shortened(reason: string): string {
  const bytes = Buffer.from(reason);
  if (bytes.length <= maxReasonBytes) return reason;
  // A character that the cut went through is left out.
  return bytes.toString('utf8', 0, maxReasonBytes).replace(/\ufffd+$/, '');
}

function parseMessage(raw: RawData): unknown {
  try {
    return JSON.parse(raw.toString()) as unknown;
  } catch {
    return undefined;
  }
}
