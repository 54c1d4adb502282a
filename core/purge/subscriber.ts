/**
 * The node's side of the purge protocol (DESIGN section 4): follows the journal from the node's position, hands entries on
 * in order, and acknowledges what the node says it has applied. The caching node makes entries durable and tells its workers.
 *
 * Invariants: `apply` and `reset` never overlap; entries reach `apply` in order, without gaps, hashes checked; an
 * acknowledgement is sent only after `apply` has resolved, and carries `position()`; whatever does not fit is asked for again.
 */
import { type Clock, every, type Random, type Timer } from '../runtime/deps.ts';
import type { DialDuplex } from '../runtime/duplex.ts';
import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import type { SigningKey } from '../runtime/signing-key.ts';
import type { TopologyWithSecret } from '../topology/secret-file.ts';
import { type AppendCommand, type AppendOutcome, createAppendRequests } from './append-requests.ts';
import { createApplyPump } from './apply-pump.ts';
import type { DownMessage, JournalEntry, NodeHealth, Position, UpMessage } from './command.ts';
import { takeIn } from './intake.ts';
import { createLeaseCells, createNodeLease, type LeaseCells, type NodeLease } from './lease.ts';
import { acknowledgementText } from './signature.ts';
import { openNodeStream, type RequestKind, type StreamNode } from './stream.ts';
import { createSubscriberMetrics, type SubscriberMetrics } from './subscriber-metrics.ts';

export interface SubscriberDeps {
  clock: Clock;
  random: Random;
  log: Log;
  metrics: Metrics;
  /** How the stream is dialled; default: WebSocket. */
  dial?: DialDuplex;
}

export interface SubscriberOptions {
  topology: TopologyWithSecret;
  node: StreamNode;
  instance: string;
  wantsView: boolean;
  /** What ALL workers and the disk have applied; null: the node holds nothing. Must survive a restart of the node. */
  position(): Position | null;
  /**
   * Applies the next entries: resolves when they are durable AND every worker has them; `position()` is then the last one.
   * Must not apply again what is at or below `position()`. A rejection is counted and tried again.
   */
  apply(entries: readonly JournalEntry[]): Promise<void>;
  /** Everything held, flights included, counts as hard-purged, durably; the node continues from `position`. */
  reset(position: Position, reason: string): Promise<void>;
  health(): NodeHealth;
  onRequest(what: RequestKind, body: unknown): Promise<unknown>;
  onView?(view: Extract<DownMessage, { type: 'view' }>): void;
  topologyHash?: () => string;
  /** Earlier instances of the node that are dead for certain. */
  succeeds?: readonly string[];
  /** Where the deadline of the lease is kept; default: in this thread alone. */
  leaseCells?: LeaseCells;
  /** Signs the acknowledgements. */
  key?: SigningKey;
}

export interface Subscriber {
  /** Whether the node holds a lease at this moment; without one it is not ready. */
  holdsLease(): boolean;
  /** Calls `listener` each time that the node gains a lease that it did not hold; at once when it holds one. */
  onLease(listener: () => void): void;
  isConnected(): boolean;
  /** The newest head that purge-api told of; undefined before the first contact. */
  head(): Position | undefined;
  /** Appends a purge that arrived at this node. Default timeout 5 s. */
  append(command: AppendCommand, timeoutMs?: number): Promise<AppendOutcome>;
  /** Reports how many stored responses an entry matched. May come long after `apply`. */
  matched(seq: number, responses: number): void;
  /** Tells purge-api of a change of health at once. */
  renewNow(): void;
  /** Says goodbye, ends the stream, and waits for the `apply` in progress. */
  stop(): Promise<void>;
}

const defaultAppendTimeoutMs = 5000;

/** Opens the node's stream and follows the journal until `stop`. */
export function createSubscriber(deps: SubscriberDeps, options: SubscriberOptions): Subscriber {
  let head: Position | undefined;
  const leaseListeners: (() => void)[] = [];
  const lease = createNodeLease(deps.clock, {
    leaseMs: options.topology.leaseMs,
    cells: options.leaseCells ?? createLeaseCells(),
    onGained() {
      for (const listener of leaseListeners) listener();
    },
  });
  const counts = createSubscriberMetrics(deps.metrics, {
    position: options.position,
    head: () => head,
    isConnected: () => stream.isConnected(),
    holdsLease: lease.isHeld,
  });
  const acknowledge = (position: Position) =>
    stream.send(acknowledgementOf(options, position, deps.clock.nowMs()));
  const follower = createFollower(deps, options, {
    counts,
    onMoved(position) {
      acknowledge(position);
      lease.moved(position);
    },
    askAgain: (reason) => stream.reconnect(`asking again: ${reason}`),
  });
  const stream = openNodeStream(deps, {
    ...options,
    ...(options.key && { publicKey: options.key.publicKey }),
    onRenewal(version) {
      if (version === 0) lease.reconnected();
      lease.sent(version);
    },
    onDisconnected: () => appends.abandon(),
    onMessage(message) {
      if (message.type === 'welcome') {
        head = message.head;
        if (message.resume === 'reset') {
          lease.drop();
          follower.reset(message.head, message.reason ?? 'told to');
        } else if (options.key) {
          // The position of the hello was not signed, and the acknowledgement of it may have been lost with the last stream.
          const position = options.position();
          if (position) acknowledge(position);
        }
      } else if (message.type === 'lease') {
        lease.granted(message.version, message.head, options.position(), message.leaseMs);
      } else if (message.type === 'entries') {
        head = message.head;
        follower.receive(message);
      } else if (message.type === 'view') options.onView?.(message);
      else if (message.type === 'appended') appends.settle(message);
    },
  });
  const appends = createAppendRequests(deps, stream.send);
  const lapses = watchLapses(deps, lease, options.topology.leaseMs, counts);
  return {
    holdsLease: lease.isHeld,
    onLease(listener) {
      leaseListeners.push(listener);
      if (lease.isHeld()) listener();
    },
    isConnected: stream.isConnected,
    head: () => head,
    append: (command, timeoutMs = defaultAppendTimeoutMs) => appends.append(command, timeoutMs),
    matched: (seq, responses) => void stream.send({ type: 'matched', seq, responses }),
    renewNow: stream.renewNow,
    async stop() {
      lapses.cancel();
      // Before the goodbye: from then on purges count as converged without this node.
      lease.drop();
      stream.stop();
      appends.abandon();
      await follower.stop();
    },
  };
}

function acknowledgementOf(
  { topology: { network }, node, key }: SubscriberOptions,
  position: Position,
  appliedAtMs: number,
): UpMessage {
  const text = acknowledgementText({ network, node: node.id, position, appliedAtMs });
  return { type: 'ack', position, appliedAtMs, ...(key && { signature: key.sign(text) }) };
}

/** The lease runs out without a message: says so soon afterwards. */
function watchLapses(
  { clock, log }: SubscriberDeps,
  lease: NodeLease,
  leaseMs: number,
  counts: SubscriberMetrics,
): Timer {
  let wasHeld = false;
  return every(clock, leaseMs / 10, () => {
    const isHeld = lease.isHeld();
    if (wasHeld && !isHeld) {
      counts.leaseLapsed();
      log.warn('the lease has run out: what is stored is validated before it is served');
    }
    if (isHeld && !wasHeld) log.info('holds a lease');
    wasHeld = isHeld;
  });
}

interface Follower {
  receive(message: Extract<DownMessage, { type: 'entries' }>): void;
  reset(position: Position, reason: string): void;
  stop(): Promise<void>;
}

/** Keeps the order: what has been received, what waits to be applied, and when to ask again. */
function createFollower(
  deps: SubscriberDeps,
  options: SubscriberOptions,
  upwards: {
    counts: SubscriberMetrics;
    onMoved(position: Position): void;
    askAgain(reason: string): void;
  },
): Follower {
  const { counts } = upwards;
  /** The last entry received. Null: a node that holds nothing, and waits to be told where to begin. */
  let received = options.position();
  let hasOverflowed = false;
  const askAgain = (reason: string) => {
    counts.resynced(reason);
    upwards.askAgain(reason);
  };
  const pump = createApplyPump(deps, {
    ...options,
    async reset(position, reason) {
      await options.reset(position, reason);
      counts.reset();
    },
    onMoved(applied) {
      counts.applied(applied);
      const position = options.position();
      if (position) upwards.onMoved(position);
    },
    onFailure: counts.applyFailed,
    onIdle() {
      if (!hasOverflowed) return;
      hasOverflowed = false;
      askAgain('overflow');
    },
  });
  return {
    receive({ identity, entries }) {
      if (!received || hasOverflowed) return;
      const taken = takeIn(received, identity, entries);
      for (const entry of taken.accepted) {
        // Nothing is lost when there is no room: `received` stays, and the rest is asked for when there is.
        hasOverflowed = !pump.push(entry);
        if (hasOverflowed) return;
        received = { identity, seq: entry.seq, hash: entry.hash };
      }
      // What waits to be applied stays; the stream begins again after the last applied entry, and duplicates are ignored.
      if (taken.problem) askAgain(taken.problem);
    },
    reset(position, reason) {
      received = position;
      hasOverflowed = false;
      pump.reset(position, reason);
    },
    stop: pump.stop,
  };
}
