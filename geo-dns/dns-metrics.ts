/**
 * Every metric of geo-dns, in one place: names, labels and meaning as docs/operations.md has them. Labels take values from
 * the configuration or from closed sets only, so that no client can make them grow.
 */
import type { Metrics } from '../core/runtime/metrics.ts';

export type Transport = 'udp' | 'tcp';

/** Why a datagram or a connection was not served. */
export type DropReason =
  | 'short'
  | 'response'
  | 'datagram-too-long'
  | 'port-zero'
  | 'send-queue-full'
  | 'send-failed'
  | 'tcp-connections-full'
  | 'tcp-client-connections-full'
  | 'tcp-idle'
  | 'tcp-idle-crowded'
  | 'tcp-slow-reader'
  | 'tcp-message-too-long'
  | 'tcp-message-too-short';

export interface DnsMetrics extends AbuseMetrics, PopMetrics {
  query(
    labels: { zone: string; type: string; rcode: string; transport: Transport },
    times?: number,
  ): void;
  answer(pop: string, reason: string, times?: number): void;
  place(source: string, times?: number): void;
  truncated(): void;
  drop(reason: DropReason, times?: number): void;
  tcpConnection(): void;
  unusableGeoRecord(): void;
  internalError(): void;
  endlessAliases(uses: number): void;
  queryLogDrop(): void;
  signature(result: 'made' | 'kept' | 'refused'): void;
  signatureEviction(): void;
}

export function createDnsMetrics(metrics: Metrics): DnsMetrics {
  const query = metrics.counter(
    'breakwater_dns_queries_total',
    'Queries answered, by zone (none: outside all zones), type, response code and transport.',
    ['zone', 'type', 'rcode', 'transport'],
  );
  const answer = metrics.counter(
    'breakwater_dns_answers_total',
    'Answers that sent a client to a PoP, by PoP and reason.',
    ['pop', 'reason'],
  );
  const place = metrics.counter(
    'breakwater_dns_places_total',
    'Clients located for an answer, by the source that knew their place.',
    ['source'],
  );
  const truncated = metrics.counter(
    'breakwater_dns_truncated_total',
    'Answers that did not fit UDP and sent the client to TCP.',
  );
  const drop = metrics.counter(
    'breakwater_dns_drops_total',
    'Datagrams and connections that got no (further) answer, by reason.',
    ['reason'],
  );
  const tcpConnection = metrics.counter(
    'breakwater_dns_tcp_connections_total',
    'TCP connections accepted.',
  );
  const unusable = metrics.counter(
    'breakwater_dns_geoip_unusable_total',
    'Lookups that found a record without a usable place in the GeoIP database.',
  );
  const queryLogDrop = metrics.counter(
    'breakwater_dns_query_log_drops_total',
    'Sampled queries without a line in the log, because there were too many in a second.',
  );
  const endlessAliases = metrics.counter(
    'breakwater_dns_endless_aliases_total',
    'Answers whose aliases lead in a circle, or through more names than are followed.',
  );
  const internalError = metrics.counter(
    'breakwater_dns_internal_errors_total',
    'Queries answered with SERVFAIL because of a fault of the server.',
  );
  return {
    query,
    answer: (pop, reason, times) => answer({ pop, reason }, times),
    place: (source, times) => place({ source }, times),
    truncated: () => truncated(),
    drop: (reason, times) => drop({ reason }, times),
    tcpConnection: () => tcpConnection(),
    unusableGeoRecord: () => unusable(),
    internalError: () => internalError(),
    endlessAliases: (uses) => endlessAliases({}, uses),
    queryLogDrop: () => queryLogDrop(),
    ...createSignatureMetrics(metrics),
    ...createAbuseMetrics(metrics),
    ...createPopMetrics(metrics),
  };
}

function createSignatureMetrics(
  metrics: Metrics,
): Pick<DnsMetrics, 'signature' | 'signatureEviction'> {
  const signature = metrics.counter(
    'breakwater_dns_signatures_total',
    'Signatures for answers: made for it, kept from before, or refused to clients that may be forged.',
    ['result'],
  );
  const eviction = metrics.counter(
    'breakwater_dns_signature_evictions_total',
    'Signatures forgotten because too many were kept.',
  );
  return { signature: (result) => signature({ result }), signatureEviction: () => eviction() };
}

/** What is counted of those who ask too much, and of those who show that they are no forgers. */
export interface AbuseMetrics {
  rateLimited(responseClass: string, outcome: 'drop' | 'slip'): void;
  rateLimitEviction(): void;
  cookie(state: string): void;
}

function createAbuseMetrics(metrics: Metrics): AbuseMetrics {
  const rateLimited = metrics.counter(
    'breakwater_dns_rate_limited_total',
    'Answers over UDP beyond the rate limit, by class of the answer and outcome.',
    ['class', 'outcome'],
  );
  const rateLimitEviction = metrics.counter(
    'breakwater_dns_rate_limit_evictions_total',
    'Networks below their limit that the full table of the rate limiter forgot.',
  );
  const cookie = metrics.counter(
    'breakwater_dns_cookies_total',
    'Queries with a cookie, by what it was: new (no server cookie yet), valid or invalid.',
    ['state'],
  );
  return {
    rateLimited: (responseClass, outcome) =>
      rateLimited({ class: responseClass, outcome: outcome === 'drop' ? 'dropped' : 'slipped' }),
    rateLimitEviction: () => rateLimitEviction(),
    cookie: (state) => cookie({ state }),
  };
}

/** What is counted of the PoPs, and of how we know them. */
export interface PopMetrics {
  probe(pop: string, result: string): void;
  popReady(pop: string, isIn: boolean): void;
  popShare(pop: string, share: number): void;
  popHeld(pop: string): void;
  viewIgnored(reason: 'older-message' | 'older-node'): void;
  rttReport(outcome: 'taken' | 'ignored'): void;
  rttEviction(): void;
}

function createPopMetrics(metrics: Metrics): PopMetrics {
  const probe = metrics.counter(
    'breakwater_dns_probes_total',
    'Probes of public listeners of PoPs, by PoP and result.',
    ['pop', 'result'],
  );
  const popReady = metrics.labelledGauge(
    'breakwater_dns_pop_ready',
    '1 while the PoP is handed out, else 0.',
    ['pop'],
  );
  const popShare = metrics.labelledGauge(
    'breakwater_dns_pop_share_ratio',
    'The share of its client networks that the PoP keeps, because of its load.',
    ['pop'],
  );
  const popHeld = metrics.counter(
    'breakwater_dns_pop_held_total',
    'Times that a PoP was held out of the answers because it came and went.',
    ['pop'],
  );
  const rttReport = metrics.counter(
    'breakwater_dns_rtt_reports_total',
    'Round-trip times that clients reported: taken, or ignored because there is no such PoP.',
    ['outcome'],
  );
  const rttEviction = metrics.counter(
    'breakwater_dns_rtt_evictions_total',
    'Networks whose measured times were forgotten because 5,000 were kept already.',
  );
  const viewIgnored = metrics.counter(
    'breakwater_dns_view_ignored_total',
    'Views of purge-api, or nodes in them, that were older than what was known.',
    ['reason'],
  );
  return {
    probe: (pop, result) => probe({ pop, result }),
    popReady: (pop, isIn) => popReady({ pop }, isIn ? 1 : 0),
    popShare: (pop, share) => popShare({ pop }, share),
    popHeld: (pop) => popHeld({ pop }),
    viewIgnored: (reason) => viewIgnored({ reason }),
    rttReport: (outcome) => rttReport({ outcome }),
    rttEviction: () => rttEviction(),
  };
}
