/** The metrics of everything that fetches, named once. `tier` and `peer` come from the configuration, so labels are bounded. */
import type { Metrics } from '../runtime/metrics.ts';
import type { InterimFate } from './interim.ts';
import type { FailureKind } from './upstream.ts';

/** What is asked: an origin, or a shield. */
export type PeerTier = 'origin' | 'shield';

export type RetryReason =
  /** The kept connection had just been closed by the peer; sent again on a new one. */
  | 'stale-connection'
  | FailureKind
  /** The peer said that it takes no requests. */
  | 'refused';

export interface UpstreamMetrics {
  /** A request was answered with a head, or failed before one. */
  requested(tier: PeerTier, peer: string, result: 'ok' | FailureKind): void;
  /** From the start of `dial` to the head of the response, waiting and connecting included. */
  firstByte(tier: PeerTier, seconds: number): void;
  /** A body did not arrive whole. */
  bodyFailed(tier: PeerTier, peer: string, kind: FailureKind): void;
  retried(tier: PeerTier, reason: RetryReason): void;
  /** A retry that the budget did not allow. */
  retryRefused(tier: PeerTier): void;
  queueFull(tier: PeerTier, peer: string): void;
  connected(tier: PeerTier, peer: string): void;
  /** Whether passive health lets requests go to the peer; told when it changes. */
  peerReady(tier: PeerTier, peer: string, isReady: boolean): void;
  /** An interim response has come. */
  interim(tier: PeerTier, fate: InterimFate): void;
}

const firstByteBuckets = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

export function createUpstreamMetrics(metrics: Metrics): UpstreamMetrics {
  const requests = metrics.counter(
    'breakwater_upstream_requests_total',
    'Requests sent to origins and shields, by result: ok, or the kind of failure before a response head.',
    ['tier', 'peer', 'result'],
  );
  const firstByteSeconds = metrics.histogram(
    'breakwater_upstream_first_byte_seconds',
    'Time to the head of a response, waiting and connecting included.',
    ['tier'],
    firstByteBuckets,
  );
  const bodyFailures = metrics.counter(
    'breakwater_upstream_body_failures_total',
    'Responses whose body broke off or was given up.',
    ['tier', 'peer', 'kind'],
  );
  const retries = metrics.counter(
    'breakwater_upstream_retries_total',
    'Requests that were sent a second time, by reason.',
    ['tier', 'reason'],
  );
  const retriesRefused = metrics.counter(
    'breakwater_upstream_retries_refused_total',
    'Retries not made because the budget was spent.',
    ['tier'],
  );
  const queueFull = metrics.counter(
    'breakwater_upstream_queue_full_total',
    'Requests refused because too many were under way to the peer, and too many waited or waited too long.',
    ['tier', 'peer'],
  );
  const connections = metrics.counter(
    'breakwater_upstream_connections_total',
    'Connections begun.',
    ['tier', 'peer'],
  );
  const ready = metrics.labelledGauge(
    'breakwater_upstream_peer_ready',
    '0 while passive health keeps requests away from the peer, 1 when it is back; absent: never out.',
    ['tier', 'peer'],
  );
  const interimResponses = metrics.counter(
    'breakwater_upstream_interim_responses_total',
    'Interim responses (1xx) of origins and shields: forwarded, or why they were dropped.',
    ['tier', 'fate'],
  );
  return {
    requested: (tier, peer, result) => requests({ tier, peer, result }),
    firstByte: (tier, seconds) => firstByteSeconds({ tier }, seconds),
    bodyFailed: (tier, peer, kind) => bodyFailures({ tier, peer, kind }),
    retried: (tier, reason) => retries({ tier, reason }),
    retryRefused: (tier) => retriesRefused({ tier }),
    queueFull: (tier, peer) => queueFull({ tier, peer }),
    connected: (tier, peer) => connections({ tier, peer }),
    peerReady: (tier, peer, isReady) => ready({ tier, peer }, isReady ? 1 : 0),
    interim: (tier, fate) => interimResponses({ tier, fate }),
  };
}
