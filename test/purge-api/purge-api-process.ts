/**
 * Purge-api as a process of its own, for tests that kill it. Arguments: its folder, and the lease or
 * `append-forever` for a journal alone that prints `durable SEQ` for each entry, as fast as it can.
 */
import { systemClock, systemRandom } from '../../core/runtime/deps.ts';
import { startPurgeApi } from '../../purge-api/purge-api.ts';
import { openSqliteJournal } from '../../purge-api/sqlite-journal.ts';
import { smallTopology } from '../core/purge/fake-purge-api.ts';
import { purgeContext } from './builders.ts';

const [folder = '', mode] = process.argv.slice(2);

if (mode === 'append-forever') {
  const { log } = purgeContext(folder, { clock: systemClock, random: systemRandom });
  const journal = openSqliteJournal(
    { clock: systemClock, random: systemRandom, log },
    { file: `${folder}/purge/journal.sqlite`, retentionMs: 86_400_000 },
  );
  for (let n = 0; ; n += 1) {
    const command = {
      soft: false,
      scope: ['*'],
      selectors: [{ kind: 'tag' as const, tag: `t${n}` }],
      by: 'test',
    };
    const group = await Promise.all([1, 2, 3].map(() => journal.append(command)));
    const lines = group.map((result) => ('entry' in result ? `durable ${result.entry.seq}\n` : ''));
    process.stdout.write(lines.join(''));
  }
}

const topology = smallTopology('127.0.0.1:0', { lease: mode ?? '10s' });
const context = purgeContext(folder, { clock: systemClock, random: systemRandom, topology });
const service = await startPurgeApi(context);
process.stdout.write(`listen ${service.bound?.listen}\n`);
