/**
 * Which responses a purge will match, hottest first, as one worker knows it: those in its memory, and those on disk that it is
 * told of, by how often it was asked for their URLs. Steps with turns for requests in between, as in a dry run.
 */
import { createDryRunMatch, type DryRunQuestion } from '../purge/dry-run.ts';
import { type HotResponse, hottest, nameOf, type ResponseName } from '../purge/warm.ts';
import { cleanThrough } from './clean-through.ts';
import type { StoredResponse } from './entry.ts';
import type { Heat } from './heat.ts';
import type { MemoryDryRunDeps } from './memory-dry-run.ts';

export interface HottestDeps extends Omit<MemoryDryRunDeps, 'disk'> {
  heat: Pick<Heat, 'of'>;
}

export interface HottestQuestion {
  question: DryRunQuestion;
  /** Responses on disk that the purge will match. */
  onDisk: readonly ResponseName[];
  limit: number;
  limitMs: number;
}

export interface MemoryHottest {
  responses: HotResponse[];
  isComplete: boolean;
}

const keysPerStep = 500;

/** Looks for at most `limitMs`. */
export async function hottestInMemory(
  { clock, memory, index, normalise, heat }: HottestDeps,
  { question, onDisk, limit, limitMs }: HottestQuestion,
): Promise<MemoryHottest> {
  const matches = createDryRunMatch(question, normalise);
  const isHit = (entry: StoredResponse) =>
    entry.part === undefined && cleanThrough(entry, index).kind !== 'hard' && matches(entry);
  const deadlineMs = clock.monotonicMs() + limitMs;
  const found = new Map<string, HotResponse>();
  const add = ({ key, variant }: ResponseName) => {
    const response = { key, variant, heat: heat.of(key) };
    found.set(nameOf(response), response);
  };
  for (const response of onDisk) add(response);
  const keys = memory.keys();
  let at = 0;
  for (; at < keys.length; at += keysPerStep) {
    if (at > 0 && clock.monotonicMs() >= deadlineMs) break;
    for (const key of keys.slice(at, at + keysPerStep)) {
      for (const entry of memory.peek(key)) if (isHit(entry)) add(entry);
    }
    await clock.sleep(0);
  }
  return { responses: hottest([...found.values()], limit), isComplete: at >= keys.length };
}
