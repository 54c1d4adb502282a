/** What the NATS journal counts. Every name has a row in docs/operations.md. */
import type { Metrics } from '../../core/runtime/metrics.ts';

export interface NatsMetrics {
  disconnected(): void;
  /** A group of purges could not be confirmed, or another process had written to the stream. */
  appendRetried(cause: 'other-writer' | 'unconfirmed'): void;
  appendsRefused(purges: number): void;
  consumerFailed(): void;
}

/** Registers the metrics; `isConnected` is asked when they are printed. */
export function createNatsMetrics(metrics: Metrics, isConnected: () => boolean): NatsMetrics {
  const disconnects = metrics.counter(
    'breakwater_purge_broker_disconnects_total',
    'Times that the connection to nats-server was lost.',
  );
  const retries = metrics.counter(
    'breakwater_purge_broker_append_retries_total',
    'Groups of purges sent again, by cause: unconfirmed, other-writer.',
    ['cause'],
  );
  const refusals = metrics.counter(
    'breakwater_purge_broker_appends_refused_total',
    'Purges refused because nats-server did not confirm them in time.',
  );
  const failures = metrics.counter(
    'breakwater_purge_broker_consumer_failures_total',
    'Times that the consumer of a node could not be moved on.',
  );
  metrics.gauge(
    'breakwater_purge_broker_connected',
    '1 while purge-api is connected to nats-server.',
    () => (isConnected() ? 1 : 0),
  );
  return {
    disconnected: () => disconnects(),
    appendRetried: (cause) => retries({ cause }),
    appendsRefused: (purges) => refusals({}, purges),
    consumerFailed: () => failures(),
  };
}
