/**
 * What a purge would hit in the memory of one worker. It looks at everything, so it goes a step at a time with turns for requests in
 * between, and no longer than a limit; nothing is used, moved or made more recent.
 */
import { createDryRunMatch, type DryRunQuestion, maxNamed } from '../purge/dry-run.ts';
import type { Normaliser, PurgeIndex } from '../purge/index.ts';
import type { Clock } from '../runtime/deps.ts';
import { cleanThrough } from './clean-through.ts';
import type { DiskTier } from './disk-tier.ts';
import type { StoredResponse } from './entry.ts';
import type { MemoryTier } from './memory-tier.ts';
import { replaces, variantWithPart } from './part.ts';

export interface MemoryFinding {
  /** Names of responses that are not on disk, which is looked at elsewhere: key, line feed, variant. At most `maxNamed`. */
  names: string[];
  isComplete: boolean;
}

export interface MemoryDryRunDeps {
  clock: Clock;
  memory: Pick<MemoryTier, 'keys' | 'peek'>;
  disk: Pick<DiskTier, 'lookup'> | undefined;
  index: PurgeIndex;
  normalise: Normaliser;
}

const keysPerStep = 500;

/** Looks for at most `limitMs`. */
export async function dryRunInMemory(
  { clock, memory, disk, index, normalise }: MemoryDryRunDeps,
  question: DryRunQuestion,
  limitMs: number,
): Promise<MemoryFinding> {
  const matches = createDryRunMatch(question, normalise);
  const deadlineMs = clock.monotonicMs() + limitMs;
  const isHit = (entry: StoredResponse) =>
    // What a purge has killed already would not be hit again.
    cleanThrough(entry, index).kind !== 'hard' && matches(entry) && !isOnDisk(disk, entry);
  const names: string[] = [];
  const keys = memory.keys();
  for (let at = 0; at < keys.length; at += keysPerStep) {
    for (const key of keys.slice(at, at + keysPerStep)) {
      for (const entry of memory.peek(key)) {
        if (!isHit(entry)) continue;
        if (names.length >= maxNamed) return { names, isComplete: false };
        names.push(`${entry.key}\n${variantWithPart(entry)}`);
      }
    }
    if (clock.monotonicMs() >= deadlineMs && at + keysPerStep < keys.length) {
      return { names, isComplete: false };
    }
    await clock.sleep(0);
  }
  return { names, isComplete: true };
}

function isOnDisk(disk: MemoryDryRunDeps['disk'], entry: StoredResponse): boolean {
  return disk?.lookup(entry.key).some((row) => replaces(entry, row)) ?? false;
}
