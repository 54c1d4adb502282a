/** Metrics that nobody reads: a history starts thousands of nodes, and registries are not cheap. */
import type { Metrics } from '../../core/runtime/metrics.ts';

export const noMetrics: Metrics = {
  counter: () => () => {},
  gauge: () => {},
  labelledGauge: () => () => {},
  histogram: () => () => {},
  snapshot: async () => [],
  text: async () => '',
};
