/**
 * Metrics in the Prometheus format, by prom-client. A registry belongs to a process or a worker thread; the
 * main thread of a node adds its workers' snapshots up before it prints them. Names follow
 * `breakwater_<service>_<thing>_<unit>[_total]`; every one has a row in docs/operations.md.
 */
import { AggregatorRegistry, Counter, Gauge, Histogram, Registry } from 'prom-client';

export type Labels = Record<string, string>;

/** A registry's state as plain data, fit for a message between threads. */
export type MetricsSnapshot = unknown;

export interface Metrics {
  /** A number that only grows. The returned function adds `by` (default 1). */
  counter(
    name: string,
    help: string,
    labels?: readonly string[],
  ): (labels?: Labels, by?: number) => void;
  /** A number that is read when the metrics are printed. */
  gauge(name: string, help: string, read: () => number): void;
  /** A state a label set, 0 or 1, that is set when it changes. Of several threads the lowest is shown: 1 means all. */
  labelledGauge(
    name: string,
    help: string,
    labels: readonly string[],
  ): (labels: Labels, value: number) => void;
  /** A distribution; `buckets` are upper bounds in the unit of the name. */
  histogram(
    name: string,
    help: string,
    labels: readonly string[],
    buckets: readonly number[],
  ): (labels: Labels, value: number) => void;
  snapshot(): Promise<MetricsSnapshot>;
  /** The exposition text of this registry and of `others` (snapshots of workers), added up. */
  text(others?: readonly MetricsSnapshot[]): Promise<string>;
}

export const metricsContentType = Registry.PROMETHEUS_CONTENT_TYPE;

/** Creates an empty registry. Asking twice for the same name returns the same metric. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const existing = new Map<string, Counter | Gauge | Histogram>();
  const once = <M extends Counter | Gauge | Histogram>(name: string, make: () => M): M => {
    const known = existing.get(name) as M | undefined;
    if (known) return known;
    const made = make();
    existing.set(name, made);
    return made;
  };
  return {
    counter(name, help, labels = []) {
      const counter = once(
        name,
        () => new Counter({ name, help, labelNames: [...labels], registers: [registry] }),
      );
      return (values = {}, by = 1) => counter.inc(values, by);
    },
    gauge(name, help, read) {
      once(
        name,
        () =>
          new Gauge({
            name,
            help,
            registers: [registry],
            collect() {
              this.set(read());
            },
          }),
      );
    },
    labelledGauge(name, help, labels) {
      const gauge = once(
        name,
        () =>
          new Gauge({
            name,
            help,
            labelNames: [...labels],
            registers: [registry],
            aggregator: 'min',
          }),
      );
      return (values, value) => gauge.set(values, value);
    },
    histogram(name, help, labels, buckets) {
      const histogram = once(
        name,
        () =>
          new Histogram({
            name,
            help,
            labelNames: [...labels],
            buckets: [...buckets],
            registers: [registry],
          }),
      );
      return (values, value) => histogram.observe(values, value);
    },
    snapshot: () => registry.getMetricsAsJSON(),
    async text(others = []) {
      if (others.length === 0) return registry.metrics();
      // prom-client types the snapshots of its cluster aggregator loosely; they come from `snapshot` above.
      const all = [await registry.getMetricsAsJSON(), ...others] as unknown as object[];
      return AggregatorRegistry.aggregate(all).metrics();
    },
  };
}
