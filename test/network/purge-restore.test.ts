/**
 * A journal that is put back from a copy lacks entries that nodes have applied. With `purge-api restore`, and without it, nothing
 * that was purged meanwhile is served again, and no number means two things (DESIGN section 4, "Starts and losses").
 */
import assert from 'node:assert/strict';
import { copyFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { breakwater } from '../infra/support/run-process.ts';
import { siteHost } from '../support/network/config.ts';
import { type Network, startNetwork } from '../support/network/network.ts';
import { page } from '../support/network/origin.ts';
import { until } from '../support/network/until.ts';

interface Head {
  identity: string;
  seq: number;
}

async function headOf(network: Network): Promise<Head> {
  const { text } = await network.api('/v1/journal');
  return (JSON.parse(text) as { head: Head }).head;
}

/** A network whose journal is put back from before its second purge. */
async function turnedBack(hooks: Parameters<typeof startNetwork>[1]) {
  const network = await startNetwork({ pops: [{ id: 'par', shield: ['eu'] }] }, hooks);
  const file = path.join(network.folder, network.config.dataDir, 'purge', 'journal.sqlite');
  const restore = () =>
    breakwater(['purge-api', 'restore', '-c', path.join(network.folder, 'breakwater.yaml')]);
  network.origin.on(
    '/page',
    page(({ hit }) => `text ${hit}`, { 'cache-control': 'max-age=600' }),
  );
  const get = () => network.request('par', '/page', { host: siteHost });
  await network.purge({ tags: ['first'] });
  await network.terminate('purge');
  copyFileSync(file, `${file}.copy`);
  await network.start('purge');
  await until('the purge is taken', async () => {
    return (await network.purge({ tags: ['second'] })).httpStatus === 200;
  });
  const before = await headOf(network);
  const { text } = await get();
  assert.equal((await get()).header('x-cache'), 'HIT');
  await network.terminate('purge');
  for (const suffix of ['-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
  copyFileSync(`${file}.copy`, file);
  return { network, before, text, get, restore };
}

/** All that was held counts as purged, and purges take effect under the new identity. */
async function assertBegunAnew({
  network,
  before,
  text,
  get,
}: Awaited<ReturnType<typeof turnedBack>>) {
  const purged = await until('a purge converges', async () => {
    const answer = await network.purge({ tags: ['third'] });
    return answer.httpStatus === 200 && answer;
  });
  assert.notEqual(purged.nodes[0]?.cursor?.identity, before.identity);
  const { identity, seq } = await headOf(network);
  assert.deepEqual([identity === before.identity, seq], [false, 2]);
  const answer = await get();
  assert.notEqual(answer.text, text);
  assert.equal(answer.header('x-cache'), 'MISS');
  for (const id of ['par', 'eu']) {
    assert.ok((await network.metric(id, 'breakwater_purge_resets_total')) >= 1);
  }
}

test('restored: refused while purge-api runs; then every node is reset, and nothing old is served', async (t) => {
  const turned = await turnedBack({ after: t.after.bind(t), afterEach: t.afterEach.bind(t) });
  const { code, stdout } = await turned.restore();
  assert.equal(code, 0);
  assert.match(
    stdout,
    /has a new identity: [0-9a-f]{32}\nIt ends with entry 1\. Start purge-api now/,
  );
  await turned.network.start('purge');
  const refused = await turned.restore();
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /is in use by another process/);
  await assertBegunAnew(turned);
  assert.equal(
    await turned.network.metric('purge', 'breakwater_purge_identities_renewed_total'),
    0,
  );
});

test('not restored: the nodes tell that entries are missing, with the same result, and it is counted', async (t) => {
  const turned = await turnedBack({ after: t.after.bind(t), afterEach: t.afterEach.bind(t) });
  await turned.network.start('purge');
  await assertBegunAnew(turned);
  assert.equal(
    await turned.network.metric('purge', 'breakwater_purge_identities_renewed_total'),
    1,
  );
});
