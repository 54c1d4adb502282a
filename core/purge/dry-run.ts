/**
 * What a purge would hit: the contract between purge-api and a caching node (`request` with what=dry-run on a node's stream), and
 * the judgement, which is the purge index's own, so that a dry run cannot differ from the purge that follows it.
 */
import { z } from 'zod';
import { type JournalEntry, type Position, selectorSchema, startOf } from './command.ts';
import { createPurgeIndex, type Normaliser, type Purgeable } from './index.ts';

export const dryRunQuestionSchema = z.strictObject({
  soft: z.boolean(),
  /** The hosts of the token; `['*']` for all. */
  scope: z.array(z.string()).min(1),
  selectors: z.array(selectorSchema).min(1),
});
export type DryRunQuestion = z.output<typeof dryRunQuestionSchema>;

/** URLs shown as examples. */
export const maxExamples = 10;
/** Responses that are in memory only, and are told apart by name so that none counts twice. */
export const maxNamed = 10_000;

export const dryRunFindingSchema = z.object({
  /** Stored responses, each once, wherever its copies are. */
  matched: z.number().int().min(0),
  /** False: the time was over before all had been looked at; there are at least so many. */
  isComplete: z.boolean(),
  /** A few of their keys. */
  examples: z.array(z.string()).max(maxExamples),
});
export type DryRunFinding = z.output<typeof dryRunFindingSchema>;

/** An entry that no journal has: newer than any label of `identity`. */
export function imaginedEntry(question: DryRunQuestion, seq: number): JournalEntry {
  const { soft, scope, selectors } = question;
  return { seq, id: 'dry-run', atMs: 0, soft, scope, selectors, hash: '' };
}

/** Whether the purge would match a response, as the index of a node would judge it. */
export function createDryRunMatch(
  question: DryRunQuestion,
  normalise: Normaliser,
): (response: Purgeable) => boolean {
  const start: Position = startOf('dry-run');
  const index = createPurgeIndex(
    { identity: start.identity, start, maxEntries: Number.POSITIVE_INFINITY },
    normalise,
  );
  index.apply(imaginedEntry(question, 1));
  return (response) => {
    const { hardSeq, softSeq } = index.lastMatch(response);
    return hardSeq > 0 || softSeq > 0;
  };
}
