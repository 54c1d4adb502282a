/** All cases of the suite, by group. */
import type { Case, Group } from './case.ts';
import { age } from './cases/age.ts';
import { cacheGroups } from './cases/cache-groups.ts';
import { cacheStatus } from './cases/cache-status.ts';
import { conditional } from './cases/conditional.ts';
import { dates } from './cases/dates.ts';
import { fields } from './cases/fields.ts';
import { freshness } from './cases/freshness.ts';
import { head } from './cases/head.ts';
import { interim } from './cases/interim.ts';
import { invalidation } from './cases/invalidation.ts';
import { keys } from './cases/keys.ts';
import { messages } from './cases/messages.ts';
import { methods } from './cases/methods.ts';
import { ranges, sliced } from './cases/ranges.ts';
import { requestDirectives } from './cases/requests.ts';
import { authorization, setCookie } from './cases/sharing.ts';
import { stale } from './cases/stale.ts';
import { stored } from './cases/storing.ts';
import { targeted } from './cases/targeted.ts';
import { update304 } from './cases/update-304.ts';
import { validation } from './cases/validation.ts';
import { variants } from './cases/vary.ts';

export const groups: readonly Group[] = [
  freshness,
  age,
  dates,
  stored,
  fields,
  update304,
  validation,
  conditional,
  stale,
  requestDirectives,
  variants,
  invalidation,
  methods,
  head,
  keys,
  authorization,
  setCookie,
  ranges,
  sliced,
  targeted,
  cacheStatus,
  cacheGroups,
  interim,
  messages,
];

/** The cases of a group or the case of an id; everything without a word. Undefined: there is no such. */
export function casesNamed(word: string | undefined): Case[] | undefined {
  if (word === undefined) return groups.flatMap(({ cases }) => cases);
  const group = groups.find(({ name }) => name === word);
  if (group) return [...group.cases];
  const found = groups.flatMap(({ cases }) => cases).filter(({ id }) => id === word);
  return found.length > 0 ? found : undefined;
}
