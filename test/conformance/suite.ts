/** All cases of the suite, by group. */
import type { Case, Group } from './case.ts';
import { age } from './cases/age.ts';
import { freshness } from './cases/freshness.ts';

export const groups: readonly Group[] = [freshness, age];

/** The cases of a group or the case of an id; everything without a word. Undefined: there is no such. */
export function casesNamed(word: string | undefined): Case[] | undefined {
  if (word === undefined) return groups.flatMap(({ cases }) => cases);
  const group = groups.find(({ name }) => name === word);
  if (group) return [...group.cases];
  const found = groups.flatMap(({ cases }) => cases).filter(({ id }) => id === word);
  return found.length > 0 ? found : undefined;
}
