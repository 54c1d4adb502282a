/** What a subscriber counts. Every name has a row in docs/operations.md. */
import type { Metrics } from '../runtime/metrics.ts';
import type { Position } from './command.ts';

export interface SubscriberMetrics {
  applied(entries: number): void;
  reset(): void;
  resynced(reason: string): void;
  applyFailed(): void;
  leaseLapsed(): void;
}

/** Registers the metrics; `position` and `head` are read when they are printed. */
export function createSubscriberMetrics(
  metrics: Metrics,
  read: {
    position(): Position | null;
    head(): Position | undefined;
    isConnected(): boolean;
    holdsLease(): boolean;
  },
): SubscriberMetrics {
  const applied = metrics.counter(
    'breakwater_purge_entries_applied_total',
    'Journal entries that this node has applied.',
  );
  const resets = metrics.counter(
    'breakwater_purge_resets_total',
    'Times that everything held counted as purged, because the journal could not be followed.',
  );
  const resyncs = metrics.counter(
    'breakwater_purge_resyncs_total',
    'Times that entries were asked for again, by reason: identity, gap, chain, overflow.',
    ['reason'],
  );
  const failures = metrics.counter(
    'breakwater_purge_apply_failures_total',
    'Attempts to apply entries or a reset that failed and were tried again.',
  );
  const lapses = metrics.counter(
    'breakwater_purge_lease_lapses_total',
    'Times that the lease ran out: purge-api was not heard of for so long, or the process stood still.',
  );
  metrics.gauge(
    'breakwater_purge_leases',
    '1 while the node holds a lease; without one it validates what it serves.',
    () => (read.holdsLease() ? 1 : 0),
  );
  metrics.gauge(
    'breakwater_purge_cursor_entries',
    'The last journal entry that this node has applied.',
    () => read.position()?.seq ?? 0,
  );
  metrics.gauge(
    'breakwater_purge_lag_entries',
    'Journal entries that this node knows of and has not applied.',
    () => Math.max(0, (read.head()?.seq ?? 0) - (read.position()?.seq ?? 0)),
  );
  metrics.gauge(
    'breakwater_purge_stream_connected',
    '1 while the stream to purge-api is up.',
    () => (read.isConnected() ? 1 : 0),
  );
  return {
    applied: (entries) => applied({}, entries),
    reset: () => resets(),
    resynced: (reason) => resyncs({ reason }),
    applyFailed: () => failures(),
    leaseLapsed: () => lapses(),
  };
}
