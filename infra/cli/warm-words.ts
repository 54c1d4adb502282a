/** The warming after a purge (`purge --warm N`) in words. Pure. */
import { z } from 'zod';

/** What the API says of it; fields that a newer one has are kept for `--json`. */
export const warmProgress = z.looseObject({
  state: z.string(),
  responses: z.number(),
  asked: z.number(),
  done: z.number(),
  failed: z.number(),
  silent: z.array(z.string()).default([]),
  problem: z.string().nullish(),
});
export type WarmProgress = z.output<typeof warmProgress>;

export function isWarming(warm: WarmProgress | undefined): boolean {
  return warm !== undefined && (warm.state === 'waiting' || warm.state === 'running');
}

/** `30 of 120 refills`. */
export function warmProgressText({ done, failed, asked }: WarmProgress): string {
  return `${done + failed} of ${asked} refills`;
}

/** The result; nothing when none was wanted. */
export function warmLines(warm: WarmProgress | undefined): string[] {
  if (!warm) return [];
  const { state, responses, asked, done, failed, silent, problem } = warm;
  if (state === 'refused') return [`not warmed: ${problem ?? 'refused'}`];
  const rest = failed > 0 ? `, ${failed} failed` : '';
  const ended = isWarming(warm) ? ' so far' : '';
  return [
    `warmed ${responses} responses: ${done} of ${asked} refills${ended}${rest}`,
    ...(problem ? [`  ended early: ${problem}`] : []),
    ...(silent.length > 0 ? [`  did not say what they hold: ${silent.join(', ')}`] : []),
  ];
}
