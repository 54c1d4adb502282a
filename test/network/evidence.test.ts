/** Evidence of a purge from real nodes, fetched and checked by the command line, over a crash of purge-api. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { breakwater } from '../infra/support/run-process.ts';
import { tokens } from '../support/network/config.ts';
import { startNetwork } from '../support/network/network.ts';

const network = await startNetwork({ pops: [{ id: 'par', shield: ['eu'] }] });
const keysFile = path.join(network.folder, 'keys.txt');

async function run(...args: string[]) {
  const environment = {
    BREAKWATER_API: network.url('purge'),
    BREAKWATER_TOKEN: tokens.all.secret,
  };
  return breakwater(args, { cwd: network.folder, environment });
}

/** The marks of `verify`, by node, and its exit code. */
async function verified(id: string) {
  const fetched = await run('evidence', id, '-o', 'proof.json');
  assert.equal(fetched.code, 0, fetched.stderr);
  const { code, stdout } = await run('verify', 'proof.json', '--fingerprints', keysFile, '--json');
  const { findings, unconfirmed } = JSON.parse(stdout);
  const results = findings.map(
    ({ about, result }: { about: string; result: string }) => `${about} ${result}`,
  );
  return { code, unconfirmed, results: results.sort() };
}

const whole = {
  code: 0,
  unconfirmed: [],
  results: ['entry good', 'eu good', 'par good', 'purge good'],
};

test('the evidence of real nodes holds, by the fingerprints that status shows', async () => {
  const listed = await run('status', '--keys');
  writeFileSync(keysFile, listed.stdout);
  const purged = await network.purge({ tags: ['x'] });
  assert.equal(purged.status, 'converged');
  assert.deepEqual(await verified(purged.id), whole);
});

test('after purge-api was killed it still does, by the same keys', async () => {
  const purged = await network.purge({ tags: ['y'] });
  await network.kill('purge');
  await network.start('purge');
  // What was not written yet the nodes sign again as they reconnect.
  let after = await verified(purged.id);
  while (after.code !== 0) after = await verified(purged.id);
  assert.deepEqual(after, whole);
});

test('a node that was started anew signs with the same key', async () => {
  await network.kill('par');
  await network.start('par');
  const purged = await network.purge({ tags: ['z'] });
  assert.equal(purged.status, 'converged');
  assert.deepEqual(await verified(purged.id), whole);
});
