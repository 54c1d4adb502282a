/** What purge-api counts of keys, signatures and kept evidence. Every name has a row in docs/operations.md. */
import type { Metrics } from '../core/runtime/metrics.ts';

export interface EvidenceMetrics {
  keyPinned(): void;
  keyForgotten(): void;
  keyRefused(): void;
  keyFileFailed(operation: 'read' | 'write'): void;
  signatureWrong(): void;
  /** Rows made durable. */
  kept(rows: number): void;
  /** Rows lost: too many waited, or the file has as many as it may. */
  dropped(reason: 'queue' | 'full', rows: number): void;
  failed(operation: 'open' | 'write' | 'read' | 'prune'): void;
  damaged(): void;
}

/** Registers the metrics. */
export function createEvidenceMetrics(metrics: Metrics): EvidenceMetrics {
  const pinned = metrics.counter(
    'breakwater_purge_keys_pinned_total',
    'Keys of nodes pinned at first contact.',
  );
  const forgotten = metrics.counter(
    'breakwater_purge_keys_forgotten_total',
    'Pinned keys that were forgotten on request.',
  );
  const refused = metrics.counter(
    'breakwater_purge_keys_refused_total',
    'Streams refused because the node showed another key than the pinned one, or none.',
  );
  const keyFile = metrics.counter(
    'breakwater_purge_key_file_failures_total',
    'Failures to read or write the file of the pinned keys, by operation.',
    ['operation'],
  );
  const wrong = metrics.counter(
    'breakwater_purge_wrong_signatures_total',
    'Acknowledgements whose signature was missing or wrong; the stream was ended.',
  );
  const kept = metrics.counter(
    'breakwater_purge_evidence_rows_total',
    'Rows of evidence written to the file.',
  );
  const dropped = metrics.counter(
    'breakwater_purge_evidence_dropped_total',
    'Rows of evidence dropped, by reason: queue, full.',
    ['reason'],
  );
  const failures = metrics.counter(
    'breakwater_purge_evidence_failures_total',
    'Failed operations on the file of the evidence.',
    ['operation'],
  );
  const damaged = metrics.counter(
    'breakwater_purge_evidence_damaged_files_total',
    'Damaged files of evidence that were set aside.',
  );
  return {
    keyPinned: () => pinned(),
    keyForgotten: () => forgotten(),
    keyRefused: () => refused(),
    keyFileFailed: (operation) => keyFile({ operation }),
    signatureWrong: () => wrong(),
    kept: (rows) => kept({}, rows),
    dropped: (reason, rows) => dropped({ reason }, rows),
    failed: (operation) => failures({ operation }),
    damaged: () => damaged(),
  };
}
