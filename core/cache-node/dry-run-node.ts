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
/** At the same time: each walks through all that is in memory, so many would take the time of requests. */
const maxRunning = 2;

/** Answers purge-api. Throws for a question that is not understood, and while too many are under way. */
export function createDryRun(
  pool: Pick<WorkerPool, 'dryRun'>,
  writer: Pick<WriterHost, 'dryRun'> | undefined,
): (question: unknown) => Promise<DryRunFinding> {
  let running = 0;
  return async (question) => {
    const parsed = dryRunQuestionSchema.parse(question);
    if (running >= maxRunning) throw new Error('too many dry runs at once');
    running += 1;
    try {
      return await dryRun(pool, writer, parsed);
    } finally {
      running -= 1;
    }
  };
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
