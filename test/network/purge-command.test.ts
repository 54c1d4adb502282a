/**
 * `breakwater purge` over real nodes: what a user is told when all have applied a purge, when one is away, and when it is away for
 * longer than its lease (DESIGN section 4).
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { breakwater } from '../infra/support/run-process.ts';
import { siteHost } from '../support/network/config.ts';
import { startNetwork } from '../support/network/network.ts';
import { page } from '../support/network/origin.ts';
import { until } from '../support/network/until.ts';

const network = await startNetwork({
  pops: [
    { id: 'par', shield: ['eu'] },
    { id: 'tok-1', shield: ['eu'] },
  ],
});
const config = path.join(network.folder, 'breakwater.yaml');
const cli = (verb: string, ...args: string[]) => breakwater([verb, '-c', config, ...args]);

test('when every node has applied it: how long it took, and what each has to show for it', async () => {
  network.origin.on('/page', page('text', { 'surrogate-key': 'news' }));
  await network.request('par', '/page', { host: siteHost });
  const { code, stdout } = await cli('purge', '--tag', 'news', '--wait', '10s');
  assert.match(stdout, /^converged in \d+ ms: 3 nodes\n/);
  assert.match(stdout, /par +edge +acknowledged +1 +20\S+Z +1$/m);
  assert.equal(code, 0);
});

test('a file of selectors is one entry, and a key makes a second time the same', async () => {
  const file = path.join(network.folder, 'selectors');
  writeFileSync(file, `# all kinds\ntag a\nurl http://${siteHost}/page\nhost ${siteHost}\n`);
  const args = ['--from-file', file, '--tag', 'b', '--idempotency-key', 'deploy-7', '--json'];
  const runs = [await cli('purge', ...args), await cli('purge', ...args)];
  const [first, second] = runs.map(({ stdout }) => JSON.parse(stdout));
  assert.equal(first.selectors.length, 4);
  assert.deepEqual([second.id, second.seq], [first.id, first.seq]);
});

test('a node that is away is named with since when; once its lease has run out, with what follows', async () => {
  await network.kill('tok-1');
  const early = await cli('purge', '--tag', 'news', '--wait', '200ms');
  assert.equal(early.code, 3);
  assert.match(early.stdout, /^not converged.*tok-1 unreachable since \d\d:\d\d/);
  const late = await until('the lease has run out', async () => {
    const run = await cli('purge', '--tag', 'news', '--wait', '5s');
    return run.stdout.includes('quarantined') && run;
  });
  assert.equal(late.code, 3, 'strict: nobody has asked for less');
  assert.match(
    late.stdout,
    /^not converged: tok-1 unreachable since \d\d:\d\d, quarantined: DNS no longer hands it out\n/,
  );
  const accepting = await cli('purge', '--tag', 'news', '--wait', '5s', '--accept-quarantined');
  assert.equal(accepting.code, 0);
  assert.match(accepting.stdout, /^converged in \d+ ms: 2 nodes; without tok-1 unreachable since/);
  const { stdout } = await cli('status');
  assert.match(
    stdout,
    /^tok-1 is quarantined \(unreachable since \d\d:\d\d\): DNS no longer hands/m,
  );
});

test('a dry run says of it that it has not been looked at', async () => {
  const { code, stdout } = await cli('purge', '--all', '--dry-run');
  assert.equal(code, 1);
  assert.match(stdout, /^a dry run: nothing was purged\n/);
  assert.match(stdout, /tok-1 +edge +not connected$/m);
});
