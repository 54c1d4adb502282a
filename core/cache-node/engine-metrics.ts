/** What the engine of a worker counts that belongs to no single step of it. */
import type { Metrics } from '../runtime/metrics.ts';

export type EngineMetrics = ReturnType<typeof createEngineMetrics>;

export function createEngineMetrics(metrics: Metrics) {
  return {
    refreshes: metrics.counter(
      'breakwater_cache_refreshes_total',
      'Background refreshes by outcome.',
      ['outcome'],
    ),
    sliceMismatches: metrics.counter(
      'breakwater_cache_slice_mismatches_total',
      'Transfers cut because a slice was of another representation than the one before it.',
    ),
    tagsLeftOut: metrics.counter(
      'breakwater_cache_tags_left_out_total',
      'Variants that a revalidation could not ask for because their tags were too many or too long.',
    ),
    groupsLeftOut: metrics.counter(
      'breakwater_cache_groups_left_out_total',
      'Groups that a response asked to invalidate beyond the bound; what is in them stays.',
    ),
    invalidationLimits: metrics.counter(
      'breakwater_cache_invalidation_limits_total',
      'Answers to unsafe requests sent before every thread had confirmed the invalidation.',
    ),
    interimResponses: metrics.counter(
      'breakwater_cache_interim_responses_total',
      'Interim responses (1xx) for clients and tiers: sent, or not because it was not their turn.',
      ['outcome'],
    ),
    unleased: metrics.counter(
      'breakwater_cache_unleased_uses_total',
      'Stored responses used without a lease: recent (validated a moment ago), revalidate, marked, unvalidated (the upstream failed).',
      ['use'],
    ),
    refills: metrics.counter(
      'breakwater_cache_warm_refills_total',
      'Responses fetched anew after a purge with warm, by outcome: done, failed, skipped (too many failures, or no time left).',
      ['outcome'],
    ),
    heatFull: metrics.counter(
      'breakwater_cache_heat_halved_total',
      'Times that the counts of how hot URLs are were halved because there were too many URLs.',
    ),
    hints: metrics.counter(
      'breakwater_cache_early_hints_total',
      'Early hints (103) made of a stored response before the upstream was asked.',
    ),
  };
}
