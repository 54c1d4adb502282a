/** The suite as a part of `npm test`: every case of every group in both set-ups, through real processes. */
import assert from 'node:assert/strict';
import * as file from 'node:test';
import { describe, test } from 'node:test';
import { perform } from './perform.ts';
import { complaints } from './report.ts';
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
      for (const theCase of cases) {
        const { id, name: rule, spec } = theCase;
        test(`${rule} (${spec}; ${id})`, () => {
          const played = problems.get(`${setup} ${id}`);
          const found = played ? complaints(theCase, played) : ['was not played'];
          if (found.length > 0) assert.fail(`\n${found.join('\n')}`);
        });
      }
    });
  }
}
