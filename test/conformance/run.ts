/**
 * `npm run conformance`: plays the suite against an edge and through edge → shield → origin, prints the table and what has
 * failed, and writes both as JSON. `--only GROUP|ID`, `--setup edge|tiers`, `--workers N` (of each
 * node, default 2), `--json FILE`. Ends with 1 when a case has failed.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { SetupName } from './judge.ts';
import { perform } from './perform.ts';
import { reportOf, textOfReport } from './report.ts';
import { startStages } from './stages.ts';
import { casesNamed, groups } from './suite.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const usage =
  'npm run conformance -- [--only GROUP|ID] [--setup edge|tiers] [--workers N] [--json FILE]\n';

// Whoever started us is gone or wants an end: the nodes hold a channel to us and end as well.
process.once('disconnect', () => process.exit(1));
process.channel?.unref();

process.exitCode = await main();

async function main(): Promise<number> {
  const asked = askedFor();
  if (!asked) {
    process.stderr.write(usage);
    return 2;
  }
  const { cases, setups, workers, file } = asked;
  const began = performance.now();
  const ends: (() => Promise<void>)[] = [];
  const hooks = { after: (run: () => Promise<void>) => void ends.push(run), afterEach: () => {} };
  const results = await perform(await startStages(cases, setups, hooks, workers));
  for (const end of ends.toReversed()) await end();
  const report = reportOf(groups, setups, results);
  process.stdout.write(textOfReport(report, setups));
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  process.stdout.write(`\n${results.length} cases in ${seconds} s, written to ${file}\n`);
  mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  return report.failures.length === 0 ? 0 : 1;
}

function askedFor() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string' },
        setup: { type: 'string' },
        workers: { type: 'string', default: '2' },
        json: { type: 'string', default: path.join(root, '.breakwater/conformance.json') },
      },
    });
    const cases = casesNamed(values.only);
    const { setup } = values;
    if (!cases || (setup !== undefined && setup !== 'edge' && setup !== 'tiers')) return undefined;
    const setups: SetupName[] = setup ? [setup] : ['edge', 'tiers'];
    const workers = Number(values.workers);
    return workers > 0 ? { cases, setups, workers, file: values.json } : undefined;
  } catch {
    return undefined;
  }
}
