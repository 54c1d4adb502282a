/**
 * The life of a process: start, drain, stop. Every service runs under `runService`, so that signals, a parent that
 * dies and a start that fails look the same everywhere.
 *
 * - SIGTERM, and SIGINT where no parent coordinates: drain, then exit 0. A second signal, half a second later or more: exit at once.
 * - A parent (bootstrap, `up`) holds an IPC channel. When it closes, however the parent died, the process drains: nothing
 *   outlives its parent. With a parent, SIGINT is ignored: Ctrl-C reaches the whole terminal group, and the parent decides.
 * - SIGHUP: reload.
 */
import { formatHostPort } from './addresses.ts';
import type { Log } from './log.ts';

export interface Service {
  /** Stops taking work, finishes what is under way within the limit of the service, releases everything. */
  drain(limitMs: number): Promise<void>;
  /** Reads the configuration again. Resolves with what was done; rejects with what is wrong. */
  reload?(): Promise<string>;
  /** Told to the parent (and so to `up`) when the service has started. */
  bound?: Record<string, string>;
}

/**
 * After so many milliseconds of draining the process exits whatever is left. A supervisor that gives less time says so in
 * BREAKWATER_DRAIN_MS.
 */
const drainLimitMs = Number(process.env.BREAKWATER_DRAIN_MS) || 10_000;
/** The same when the parent is gone: nobody waits for the result. */
const orphanDrainLimitMs = 2500;
/** A further signal so soon after the first is the same wish; later it is impatience. */
const sameStopMs = 500;

/** Starts the service and keeps it until a signal or the parent's end. Resolves never; the process exits. */
export async function runService(log: Log, start: () => Promise<Service>): Promise<void> {
  let service: Service | undefined;
  let stopping = false;
  let stoppingSinceMs = 0;
  const endAfter = (limitMs: number) => {
    setTimeout(() => {
      log.warn({ limitMs }, 'drain limit reached');
      process.exit(1);
    }, limitMs).unref();
  };
  const stop = (reason: string, limitMs: number) => {
    if (stopping) {
      // One stop can bring several signals: of a supervisor that tells a whole group, and of the parent that passes it on.
      if (performance.now() - stoppingSinceMs > sameStopMs) process.exit(1);
      return;
    }
    stopping = true;
    stoppingSinceMs = performance.now();
    log.info({ reason }, 'draining');
    endAfter(limitMs);
    // A little is left for what comes after the last request: flushing, goodbyes.
    Promise.resolve(service?.drain(limitMs * 0.8)).then(
      () => {
        log.info('stopped');
        process.exit(0);
      },
      (error: unknown) => {
        log.error({ err: error }, 'drain failed');
        process.exit(1);
      },
    );
  };
  // Undefined without a parent; false when the parent died before we came this far.
  const hasParent = process.connected !== undefined;
  process.on('SIGTERM', () => stop('SIGTERM', drainLimitMs));
  process.on('SIGINT', () => {
    if (!hasParent) stop('SIGINT', drainLimitMs);
  });
  const stopOrphan = () => {
    // A parent that asked for the drain and went is no second signal; but nobody waits for long any more.
    if (stopping) endAfter(orphanDrainLimitMs);
    else stop('parent is gone', orphanDrainLimitMs);
  };
  if (hasParent) process.on('disconnect', stopOrphan);
  if (hasParent && !process.connected) stopOrphan();
  process.on('SIGHUP', () => {
    service?.reload?.().then(
      (done) => log.info({ done }, 'reloaded'),
      (error: unknown) => log.error({ problem: (error as Error).message }, 'reload refused'),
    );
  });
  try {
    service = await start();
    process.send?.({ type: 'started', bound: service.bound ?? {} });
  } catch (error) {
    const reason = startFailure(error);
    process.send?.({ type: 'failed', reason });
    process.stderr.write(`${reason}\n`);
    process.exit(1);
  }
}

const unwritable: ReadonlySet<string> = new Set([
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOTDIR',
  'EEXIST',
  'ENOSPC',
  'SQLITE_CANTOPEN',
]);

/** One clear line, and what to do, for the failures that users meet. */
export function startFailure(error: unknown): string {
  const { code, message, port, address, path } = error as NodeJS.ErrnoException & {
    port?: number;
    address?: string;
  };
  const where = formatHostPort({ host: address ?? '', port: port ?? 0 });
  if (code === 'EADDRINUSE') {
    return `${where} is in use by another process: stop that one, or change the address in the configuration`;
  }
  if (code === 'EACCES' && port !== undefined) {
    return `${where} may not be bound by this user: choose a port above 1023, or grant CAP_NET_BIND_SERVICE`;
  }
  if (code === 'EADDRNOTAVAIL') {
    return `${where}: this machine has no such address: change "listen" or "admin" in the configuration`;
  }
  if (path !== undefined && code !== undefined && unwritable.has(code)) {
    return `${path} cannot be written (${code}): change its owner, or "dataDir" in the configuration`;
  }
  return message;
}
