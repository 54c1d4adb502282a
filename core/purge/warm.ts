/**
 * Warming after a purge: the contract between purge-api and a caching node (`request` with what=warm on a node's stream). Before
 * the purge a node is asked which of its responses the purge will match, hottest first; after it, to fetch some of them anew.
 *
 * Invariant: a node fetches only at or behind the position of the purge, by its ordinary engine; nothing that is stored is made
 * valid by it.
 */
import { z } from 'zod';
import { positionSchema } from './command.ts';
import { dryRunQuestionSchema } from './dry-run.ts';

/** Responses that one purge may warm. */
export const maxWarmed = 10_000;
/** Responses of one `refill`: small, so that progress is known and an end comes soon. */
export const maxRefill = 100;

const responseSchema = z.strictObject({
  /** `scheme://host/path?query` in normal form. */
  key: z.string().min(1).max(10_000),
  /** What selects it among those of its URL (http/vary). */
  variant: z.string().max(10_000),
});
/** A stored response by its name. */
export type ResponseName = z.output<typeof responseSchema>;

export const warmOrderSchema = z.discriminatedUnion('step', [
  z.strictObject({
    step: z.literal('find'),
    question: dryRunQuestionSchema,
    limit: z.number().int().min(1).max(maxWarmed),
  }),
  z.strictObject({
    step: z.literal('refill'),
    /** Of the purge: before it is reached nothing is fetched. */
    position: positionSchema,
    responses: z.array(responseSchema).min(1).max(maxRefill),
    /** No new fetch begins after so long, and what is under way is given up. */
    limitMs: z.number().int().min(1).max(60_000),
  }),
]);
export type WarmOrder = z.output<typeof warmOrderSchema>;
export type RefillOrder = Omit<Extract<WarmOrder, { step: 'refill' }>, 'step'>;

const hotResponseSchema = responseSchema.extend({
  /** Recent requests for its URL; compared only with others of the same answer, and added up over nodes. */
  heat: z.number().min(0),
});
export type HotResponse = z.output<typeof hotResponseSchema>;

export const warmFindingSchema = z.object({
  /** Hottest first; of the same heat, the most recently used first. */
  responses: z.array(hotResponseSchema).max(maxWarmed),
  /** False: the time was over before all had been looked at. */
  isComplete: z.boolean(),
});
export type WarmFinding = z.output<typeof warmFindingSchema>;

export const refillReportSchema = z.object({
  done: z.number().int().min(0),
  failed: z.number().int().min(0),
  /** Too many failures in a row, or no time left: the rest was not tried, and counts as failed. */
  stopped: z.boolean(),
});
export type RefillReport = z.output<typeof refillReportSchema>;

export function nameOf({ key, variant }: ResponseName): string {
  return `${key}\n${variant}`;
}

/** Hottest first. Stable: what came first of the same heat stays first. */
export function hottest<T extends { heat: number }>(responses: readonly T[], limit: number): T[] {
  return [...responses].sort((a, b) => b.heat - a.heat).slice(0, limit);
}
