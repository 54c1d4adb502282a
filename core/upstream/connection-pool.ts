/**
 * The connections of one worker to one peer: a limit on requests under way, a bounded queue before it, and idle connections for
 * reuse. HTTP/1.1 without pipelining, so a connection carries one request at a time.
 *
 * Idle connections are reused last in, first out: the newest is the least likely to have been closed by the peer, and what a
 * peak has left over goes idle long enough to be closed.
 */
import type { Clock, Timer } from '../runtime/deps.ts';

/** One connection, standing or being made. */
export interface PooledConnection {
  /** Ends it at once. */
  destroy(): void;
  /** Ends it when it has nothing under way. */
  close(): Promise<void>;
}

/** How a connection tells its pool about itself. */
export interface ConnectionEvents {
  /** It can carry the next request. */
  idle(): void;
  /** It ended, or never came to stand. */
  gone(): void;
}

export type Entry = 'entered' | 'full' | 'late' | 'aborted';

export interface ConnectionPool<C> {
  /**
   * Waits, at most `waitMs`, for its turn. After `entered` the caller must `leave` exactly once. `full`: too many wait
   * already; `late`: the turn did not come in time.
   */
  enter(waitMs: number, signal: AbortSignal): Promise<Entry>;
  leave(): void;
  /** An idle connection, else a new one. */
  take(): C;
  /** A new connection, whatever is idle: one that the peer cannot have closed already. */
  open(): C;
  /** Whether nothing is under way, waiting or connected: the pool may be forgotten. */
  readonly isEmpty: boolean;
  /** Ends idle connections, and others as they become idle. */
  close(): Promise<void>;
}

export interface PoolDeps<C> {
  clock: Clock;
  open(events: ConnectionEvents): C;
  /** Told after the pool may have become empty. */
  onLeft?: () => void;
}

export interface PoolLimits {
  maxConcurrent: number;
  maxQueued: number;
}

/** Creates a pool without connections. */
export function createConnectionPool<C extends PooledConnection>(
  deps: PoolDeps<C>,
  limits: PoolLimits,
): ConnectionPool<C> {
  const all = new Set<C>();
  const idle: C[] = [];
  const line = createWaitingLine(deps.clock, limits.maxQueued);
  let active = 0;
  let isClosed = false;

  const open = () => {
    const connection: C = deps.open({
      idle() {
        if (isClosed) void connection.close();
        else idle.push(connection);
      },
      gone() {
        all.delete(connection);
        const at = idle.lastIndexOf(connection);
        if (at !== -1) idle.splice(at, 1);
        deps.onLeft?.();
      },
    });
    all.add(connection);
    return connection;
  };

  return {
    enter(waitMs, signal) {
      if (signal.aborted) return Promise.resolve('aborted');
      if (active >= limits.maxConcurrent) return line.join(waitMs, signal);
      active += 1;
      return Promise.resolve('entered');
    },
    leave() {
      // The place passes to the first in line; only without one does it become free.
      if (line.callNext()) return;
      active -= 1;
      deps.onLeft?.();
    },
    take: () => idle.pop() ?? open(),
    open,
    get isEmpty() {
      return active === 0 && all.size === 0;
    },
    async close() {
      isClosed = true;
      await Promise.all(idle.splice(0).map((connection) => connection.close()));
    },
  };
}

interface WaitingLine {
  join(waitMs: number, signal: AbortSignal): Promise<Entry>;
  /** Lets the first one in; false when nobody waits. */
  callNext(): boolean;
}

/** First come, first served. A Set keeps the order and lets those who give up step out of the middle. */
function createWaitingLine(clock: Clock, maxWaiting: number): WaitingLine {
  const waiting = new Set<(entry: Entry) => void>();
  return {
    join(waitMs, signal) {
      if (waiting.size >= maxWaiting) return Promise.resolve('full');
      return new Promise((resolve) => {
        let timer: Timer | undefined;
        const settle = (entry: Entry) => {
          waiting.delete(settle);
          timer?.cancel();
          signal.removeEventListener('abort', onAbort);
          resolve(entry);
        };
        const onAbort = () => settle('aborted');
        timer = clock.after(waitMs, () => settle('late'));
        signal.addEventListener('abort', onAbort, { once: true });
        waiting.add(settle);
      });
    },
    callNext() {
      const [first] = waiting;
      first?.('entered');
      return first !== undefined;
    },
  };
}
