/**
 * The one door to undici for the data plane: sends a request to a peer and hands back what came, unchanged but for the fields
 * that end at the connection. No redirects, no decompression, no retries but one: a kept connection that the peer
 * closed at the moment of sending is replaced, so that no request is lost to keep-alive.
 *
 * undici gives one connection with its HTTP/1.1 parser (`Client`); the pool is ours, because limits in time for each request,
 * a bounded queue, and knowing whether a connection is new need to know which one carries what. undici's own time limits
 * are off for the same reason, and because they have a resolution of half a second.
 */
import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import { buildConnector, Client } from 'undici';
import { defaultHeadLimits, type HeadLimits } from '../http/framing.ts';
import type { Clock } from '../runtime/deps.ts';
import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import {
  type ConnectionEvents,
  type ConnectionPool,
  createConnectionPool,
  type Entry,
} from './connection-pool.ts';
import { createContinueFilter } from './continue-filter.ts';
import { type Connection, type ExchangeResult, exchange } from './exchange.ts';
import { abortedByCaller, upstreamFailure } from './failures.ts';
import { type DialRequest, outgoing } from './outgoing.ts';
import type { Deadline, Failure, UpstreamResult } from './upstream.ts';
import { createUpstreamMetrics, type PeerTier, type UpstreamMetrics } from './upstream-metrics.ts';

/** Whom to ask. */
export interface Peer {
  tier: PeerTier;
  /** For logs, metrics and `from`: an origin's `host:port`, a shield's id. */
  name: string;
  /** `http://host:port` or `https://host:port`. */
  origin: string;
  /** TLS: the name asked for and verified; default: the host of `origin`. */
  serverName?: string;
}

export interface Dialer {
  /**
   * Sends `request.headers` and the body; `tierHeaders` are the caller's business, in both directions. Never rejects. Waiting
   * for a turn counts as connecting, and each of the two may take `connectMs`.
   */
  dial(peer: Peer, request: DialRequest, deadline: Deadline): Promise<UpstreamResult>;
  /** Ends idle connections, and others when their request is over. */
  close(): Promise<void>;
}

export interface DialerOptions {
  /** Requests under way to one peer, and connections to it. Default 1000. */
  maxConnectionsPerPeer?: number;
  /** Requests that may wait for one of them; more fail with `overload`. Default 10,000. */
  maxQueuedPerPeer?: number;
  /** How long an idle connection is kept where the peer does not say. Default 4 s: many servers close after 5. */
  keepAliveMs?: number;
  headLimits?: HeadLimits;
  /** Certificates (PEM) to trust for https origins, instead of the list that Node brings. */
  ca?: string;
}

export interface DialerDeps {
  clock: Clock;
  log: Log;
  metrics: Metrics;
}

type DialerLimits = Required<Omit<DialerOptions, 'ca'>> & { ca: string | undefined };

/** Creates a dialer without connections; each worker has one, for origins and shields alike. */
export function createDialer(deps: DialerDeps, options: DialerOptions = {}): Dialer {
  const { clock, log } = deps;
  const limits: DialerLimits = {
    maxConnectionsPerPeer: options.maxConnectionsPerPeer ?? 1000,
    maxQueuedPerPeer: options.maxQueuedPerPeer ?? 10_000,
    keepAliveMs: options.keepAliveMs ?? 4000,
    headLimits: options.headLimits ?? defaultHeadLimits,
    ca: options.ca,
  };
  const counts = createUpstreamMetrics(deps.metrics);
  const pools = createPools(clock, limits, counts);

  return {
    async dial(peer, request, deadline) {
      const startMs = clock.monotonicMs();
      const pool = pools.of(peer);
      const entry = await pool.enter(deadline.connectMs, request.signal);
      if (entry !== 'entered') return failed(peer, counts, notEntered(peer, entry, counts));
      const result = await send({ clock, limits, counts, pool, peer, request, deadline });
      if (!result.ok) {
        pool.leave();
        log.debug({ peer: peer.name, ...result.failure }, 'upstream request failed');
        return failed(peer, counts, result.failure);
      }
      counts.requested(peer.tier, peer.name, 'ok');
      counts.firstByte(peer.tier, (clock.monotonicMs() - startMs) / 1000);
      const { ok, ...response } = result;
      return {
        ok,
        response: {
          ...response,
          from: { tier: peer.tier, name: peer.name },
          tierHeaders: new Map(),
        },
      };
    },
    close: pools.close,
  };
}

interface Sending {
  clock: Clock;
  limits: DialerLimits;
  counts: UpstreamMetrics;
  pool: ConnectionPool<Connection>;
  peer: Peer;
  request: DialRequest;
  deadline: Deadline;
}

/** One exchange; a second one on a new connection when the first met one that the peer had just closed. */
async function send(sending: Sending): Promise<ExchangeResult> {
  const { clock, limits, counts, pool, peer, request, deadline } = sending;
  const over = (connection: Connection) =>
    exchange({
      clock,
      connection,
      message: outgoing(request),
      deadline,
      signal: request.signal,
      headLimits: limits.headLimits,
      onTransferred(failedAs) {
        if (failedAs) counts.bodyFailed(peer.tier, peer.name, failedAs);
        pool.leave();
      },
      onInterim: request.onInterim,
      onInterimJudged: (fate) => counts.interim(peer.tier, fate),
    });
  const first = await over(pool.take());
  if (first.ok || !first.isStale) return first;
  counts.retried(peer.tier, 'stale-connection');
  return over(pool.open());
}

function notEntered(peer: Peer, entry: Entry, counts: UpstreamMetrics): Failure {
  if (entry === 'aborted') return abortedByCaller;
  counts.queueFull(peer.tier, peer.name);
  const cause = entry === 'full' ? 'too many requests wait' : 'no turn came in time';
  return upstreamFailure('overload', `${cause} for ${peer.name}`, true);
}

function failed(peer: Peer, counts: UpstreamMetrics, failure: Failure): UpstreamResult {
  counts.requested(peer.tier, peer.name, failure.kind);
  return { ok: false, failure };
}

/** A pool for each peer in use; one that has become empty is forgotten, so peers of old configurations leave nothing. */
function createPools(clock: Clock, limits: DialerLimits, counts: UpstreamMetrics) {
  const pools = new Map<string, ConnectionPool<Connection>>();
  const trusted = limits.ca === undefined ? {} : { ca: limits.ca };
  // One for all connections, for it remembers TLS sessions.
  const connect = buildConnector({ allowH2: false, timeout: 0, ...trusted });
  return {
    of(peer: Peer): ConnectionPool<Connection> {
      const key = `${peer.origin} ${peer.serverName ?? ''}`;
      const known = pools.get(key);
      if (known) return known;
      const pool = createConnectionPool<Connection>(
        {
          clock,
          open(events) {
            counts.connected(peer.tier, peer.name);
            return openConnection(peer, limits, connect, events);
          },
          onLeft() {
            if (pool.isEmpty && pools.get(key) === pool) pools.delete(key);
          },
        },
        { maxConcurrent: limits.maxConnectionsPerPeer, maxQueued: limits.maxQueuedPerPeer },
      );
      pools.set(key, pool);
      return pool;
    },
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.close()));
    },
  };
}

/** Longest time an idle connection is kept because the peer says so (`Keep-Alive: timeout=`). */
const maxKeepAliveMs = 60_000;

/** A connection by undici. It connects with its first request. */
function openConnection(
  peer: Peer,
  limits: DialerLimits,
  connect: buildConnector.connector,
  events: ConnectionEvents,
): Connection {
  const filter = createContinueFilter();
  const serverName = peer.serverName ?? new URL(peer.origin).hostname;
  let socket: Socket | undefined;
  let wasReset = false;
  let isReused = false;
  let isGone = false;

  const client = new Client(peer.origin, {
    allowH2: false,
    maxHeaderSize: limits.headLimits.maxHeadBytes,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: limits.keepAliveMs,
    keepAliveMaxTimeout: maxKeepAliveMs,
    connect({ servername: _derivedFromHost, ...target }, callback) {
      wasReset = false;
      // Typed to return nothing; it returns the socket, which is needed to end an attempt that takes too long.
      const made = connect(
        { ...target, ...tlsName(peer.origin, serverName) },
        callback,
      ) as unknown as Socket;
      made.on('error', () => {
        wasReset = true;
      });
      const read = made.read.bind(made);
      made.read = (size) => filter.pass(read(size));
      socket = made;
    },
  });
  const gone = () => {
    if (isGone) return;
    isGone = true;
    events.gone();
  };
  client.on('drain', () => {
    if (isGone) return;
    if (!client.stats.connected) return gone();
    isReused = true;
    events.idle();
  });
  client.on('disconnect', () => {
    isReused = false;
    // If it ended before the request was sent, undici makes another one for it; if not, `drain` follows.
    if (client.stats.size === 0) gone();
  });
  client.on('connectionError', gone);

  return {
    get isReused() {
      return isReused;
    },
    get wasReset() {
      return wasReset;
    },
    get isSpoilt() {
      return isParserError(socket?.errored);
    },
    get responseVersion() {
      return filter.version;
    },
    send(message, handler) {
      filter.expectHead();
      // The name is the peer's, not the Host's; undici would end the connection when it changes between requests.
      const options = {
        method: message.method,
        path: message.path,
        headers: [...message.headers],
        body: message.relayed?.stream ?? null,
        servername: serverName,
      };
      client.dispatch(options, handler);
    },
    destroy() {
      gone();
      socket?.destroy();
      void client.destroy();
    },
    close: () => client.close(),
  };
}

/**
 * Whether a socket was ended for what its parser could not read: bytes that are no HTTP, or a response that nobody has asked for,
 * of which the client library says only this.
 */
function isParserError(error: NodeJS.ErrnoException | null | undefined): boolean {
  return error?.code?.startsWith('HPE_') === true || error?.message === 'bad response';
}

/** The name that TLS asks for; an address is none (RFC 6066 §3), and is verified as an address. */
function tlsName(origin: string, serverName: string): { servername?: string } {
  const isName = !isIP(serverName) && !serverName.startsWith('[');
  return isName && origin.startsWith('https:') ? { servername: serverName } : {};
}
