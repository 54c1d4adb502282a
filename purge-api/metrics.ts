/** What purge-api counts. Every name has a row in docs/operations.md. */
import type { Metrics } from '../core/runtime/metrics.ts';

export interface PurgeMetrics {
  /** A purge was asked for; `outcome`: accepted, dry-run, or the code of the problem. */
  request(outcome: string): void;
  appended(isSoft: boolean, selectors: number): void;
  /** Seconds from the append to the last node's acknowledgement. */
  converged(seconds: number): void;
  waitTimedOut(): void;
  streamOpened(): void;
  /** A stream was refused or ended by us, and why. */
  streamEnded(reason: string): void;
  entriesSent(entries: number): void;
  nodeReset(): void;
  identityRenewed(): void;
  pruned(entries: number): void;
  connectionRefused(): void;
}

export interface PurgeGauges {
  headSeq(): number;
  connectedNodes(): number;
  waiting(): number;
}

/** Registers the metrics; `read` is asked when they are printed. */
export function createPurgeMetrics(metrics: Metrics, read: PurgeGauges): PurgeMetrics {
  const requests = metrics.counter(
    'breakwater_purge_requests_total',
    'Purges asked for, by outcome: accepted, dry-run, or the code of the problem.',
    ['outcome'],
  );
  const appends = metrics.counter(
    'breakwater_purge_entries_appended_total',
    'Entries appended to the journal, by kind: hard, soft.',
    ['kind'],
  );
  const selectorsTotal = metrics.counter(
    'breakwater_purge_selectors_appended_total',
    'Selectors in the entries appended to the journal.',
  );
  const convergence = metrics.histogram(
    'breakwater_purge_convergence_seconds',
    'Time from the append of a purge to the last acknowledgement.',
    [],
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  );
  const timeouts = metrics.counter(
    'breakwater_purge_wait_timeouts_total',
    'Requests with wait= that ended before the purge had converged.',
  );
  const opened = metrics.counter(
    'breakwater_purge_streams_opened_total',
    'Streams of nodes welcomed.',
  );
  const ended = metrics.counter(
    'breakwater_purge_streams_ended_total',
    'Streams of nodes refused or ended by purge-api, by reason.',
    ['reason'],
  );
  const sent = metrics.counter(
    'breakwater_purge_entries_sent_total',
    'Journal entries sent to nodes, repeats included.',
  );
  const resets = metrics.counter(
    'breakwater_purge_nodes_reset_total',
    'Times that a node was told to count everything it holds as purged.',
  );
  const identities = metrics.counter(
    'breakwater_purge_identities_renewed_total',
    'Times that the journal was given a new identity, because entries were lost.',
  );
  const prunedTotal = metrics.counter(
    'breakwater_purge_entries_pruned_total',
    'Journal entries removed because of age or number.',
  );
  const refused = metrics.counter(
    'breakwater_purge_connections_refused_total',
    'Connections refused because too many were open.',
  );
  registerGauges(metrics, read);
  return {
    request: (outcome) => requests({ outcome }),
    appended(isSoft, selectors) {
      appends({ kind: isSoft ? 'soft' : 'hard' });
      selectorsTotal({}, selectors);
    },
    converged: (seconds) => convergence({}, seconds),
    waitTimedOut: () => timeouts(),
    streamOpened: () => opened(),
    streamEnded: (reason) => ended({ reason }),
    entriesSent: (entries) => sent({}, entries),
    nodeReset: () => resets(),
    identityRenewed: () => identities(),
    pruned: (entries) => prunedTotal({}, entries),
    connectionRefused: () => refused(),
  };
}

function registerGauges(metrics: Metrics, read: PurgeGauges): void {
  metrics.gauge('breakwater_purge_head_entries', 'The newest entry of the journal.', read.headSeq);
  metrics.gauge(
    'breakwater_purge_connected_nodes',
    'Nodes of the topology whose stream is up.',
    read.connectedNodes,
  );
  metrics.gauge(
    'breakwater_purge_waiting_requests',
    'Requests that wait for a purge to converge.',
    read.waiting,
  );
}
