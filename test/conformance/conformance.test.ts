/** The suite as a part of `npm test`: every case of every group in both set-ups, through real processes. */
import assert from 'node:assert/strict';
import * as file from 'node:test';
import { describe, test } from 'node:test';
import { perform } from './perform.ts';
import { startStages } from './stages.ts';
import { casesNamed, groups } from './suite.ts';

const setups = ['edge', 'tiers'] as const;
const stages = await startStages(casesNamed(undefined) ?? [], setups, file);
const results = await perform(stages.filter(({ isShipped }) => !isShipped));
const problems = new Map(
  results.map((result) => [`${result.stage} ${result.id}`, result.problems]),
);

for (const setup of setups) {
  for (const { name, cases } of groups) {
    describe(`${setup}: ${name}`, () => {
      for (const { id, name: rule, spec } of cases) {
        test(`${rule} (${spec}; ${id})`, () => {
          const found = problems.get(`${setup} ${id}`) ?? ['was not played'];
          if (found.length > 0) assert.fail(`\n${found.join('\n')}`);
        });
      }
    });
  }
}
