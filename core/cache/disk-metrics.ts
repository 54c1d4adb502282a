/**
 * The metrics of the disk tier: those of the writer thread and those of a worker. One place, so that names, help and labels
 * are the same on both sides.
 */
import type { Metrics } from '../runtime/metrics.ts';

export type DiskWriterMetrics = ReturnType<typeof createDiskWriterMetrics>;
export type DiskReaderMetrics = ReturnType<typeof createDiskReaderMetrics>;

export function createDiskWriterMetrics(metrics: Metrics) {
  return {
    writes: metrics.counter(
      'breakwater_disk_writes_total',
      'Responses that were to be stored on disk, by what became of them',
      ['result'],
    ),
    writtenBytes: metrics.counter(
      'breakwater_disk_written_bytes_total',
      'Bytes of bodies committed to the disk tier',
    ),
    updates: metrics.counter(
      'breakwater_disk_updates_total',
      'Stored heads renewed by a 304, by result',
      ['result'],
    ),
    evictions: metrics.counter(
      'breakwater_disk_evictions_total',
      'Responses that left the disk tier for want of room',
    ),
    variantCap: metrics.counter(
      'breakwater_disk_variant_cap_total',
      'Responses that left because their URL had too many variants',
    ),
    removals: metrics.counter(
      'breakwater_disk_removals_total',
      'Responses removed, by reason: invalidated, replaced, purged, damaged',
      ['reason'],
    ),
    softMarked: metrics.counter(
      'breakwater_disk_soft_marked_total',
      'Responses that the sweeper marked stale after a soft purge',
    ),
    sweeps: metrics.counter(
      'breakwater_disk_sweeps_total',
      'Whole passes of the sweeper over the disk tier',
    ),
    uncounted: metrics.counter(
      'breakwater_disk_uncounted_purges_total',
      'Purges whose matches were not counted because too many waited to be',
    ),
    indexFloor: metrics.counter(
      'breakwater_disk_index_floor_total',
      'Times that the writer’s purge index was full and its floor rose',
    ),
    errors: metrics.counter(
      'breakwater_disk_errors_total',
      'Failed SQLite operations, by what was being done',
      ['operation'],
    ),
    damagedFiles: metrics.counter(
      'breakwater_disk_damaged_files_total',
      'Damaged files of the disk tier that were set aside',
    ),
    ignored: metrics.counter(
      'breakwater_disk_ignored_messages_total',
      'Touches and updates ignored because the queue of the writer was full',
    ),
    commitSeconds: metrics.histogram(
      'breakwater_disk_commit_seconds',
      'How long one batch of writes took',
      [],
      [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
    ),
  };
}

export function createDiskReaderMetrics(metrics: Metrics) {
  return {
    lookups: metrics.counter(
      'breakwater_disk_lookups_total',
      'Lookups of a key in the disk tier, by result',
      ['result'],
    ),
    readBytes: metrics.counter(
      'breakwater_disk_read_bytes_total',
      'Bytes of bodies read from the disk tier',
    ),
    damagedRows: metrics.counter(
      'breakwater_disk_damaged_rows_total',
      'Heads and chunks whose checksum was wrong, each counted as a miss',
      ['part'],
    ),
    errors: metrics.counter(
      'breakwater_disk_read_errors_total',
      'Reads that failed, each counted as a miss',
      ['operation'],
    ),
    refused: metrics.counter(
      'breakwater_disk_refused_writes_total',
      'Writes that a worker gave up because too much of it waited for the disk',
    ),
  };
}
