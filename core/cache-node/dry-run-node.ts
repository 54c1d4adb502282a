/**
 * A dry run of a purge for a whole node: the disk, which all workers share, and what each worker has in memory only, put together so
 * that no response counts twice.
 */
import {
  type DryRunFinding,
  type DryRunQuestion,
  dryRunQuestionSchema,
  maxExamples,
} from '../purge/dry-run.ts';
import type { WorkerPool } from './worker-pool.ts';
import type { WriterHost } from './writer-host.ts';

/** Threads look for so long; purge-api waits a second and a half longer. */
const limitMs = 1500;

/** Answers purge-api. Throws for a question that is not understood. */
export function createDryRun(
  pool: Pick<WorkerPool, 'dryRun'>,
  writer: Pick<WriterHost, 'dryRun'> | undefined,
): (question: unknown) => Promise<DryRunFinding> {
  return async (question) => dryRun(pool, writer, dryRunQuestionSchema.parse(question));
}

async function dryRun(
  pool: Pick<WorkerPool, 'dryRun'>,
  writer: Pick<WriterHost, 'dryRun'> | undefined,
  question: DryRunQuestion,
): Promise<DryRunFinding> {
  const [workers, disk] = await Promise.all([
    pool.dryRun(question, limitMs),
    writer?.dryRun(question, limitMs),
  ]);
  const inMemory = new Set(workers.flatMap((found) => found?.names ?? []));
  const keys = [...inMemory].map((name) => name.slice(0, name.indexOf('\n')));
  const examples = new Set([...(disk?.examples ?? []), ...keys.slice(0, maxExamples)]);
  return {
    matched: inMemory.size + (disk?.matched ?? 0),
    isComplete: (disk?.isComplete ?? true) && workers.every((found) => found?.isComplete === true),
    examples: [...examples].slice(0, maxExamples),
  };
}
