/** A dry run over real nodes says what the purge that follows it matches, at every tier, and changes nothing (DESIGN section 2). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DryRunBody } from '../../purge-api/dry-run.ts';
import { siteHost, tokens } from '../support/network/config.ts';
import { startNetwork } from '../support/network/network.ts';
import { page } from '../support/network/origin.ts';
import { until } from '../support/network/until.ts';

const network = await startNetwork({
  pops: [
    { id: 'par', shield: ['eu'] },
    { id: 'nyc', shield: ['eu'], disk: '0B' },
  ],
});
const { origin } = network;

async function dryRun(what: object): Promise<Record<string, number | null>> {
  const { text, status } = await network.api('/v1/purges', {
    method: 'POST',
    body: JSON.stringify({ ...what, dryRun: true }),
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${tokens.all.secret}`,
    },
  });
  assert.equal(status, 200, text);
  const { nodes } = JSON.parse(text) as DryRunBody;
  return Object.fromEntries(nodes.map(({ node, matched }) => [node, matched]));
}

test('what a dry run counts in memory and on disk is what the purge then matches', async () => {
  for (const path of ['/n/1', '/n/2', '/other']) {
    const tags = path.startsWith('/n/') ? 'news' : 'other';
    origin.on(path, page('text', { 'cache-control': 'max-age=600', 'surrogate-key': tags }));
    for (const pop of ['par', 'nyc']) await network.request(pop, path, { host: siteHost });
  }
  const what = { tags: ['news'], urls: [`http://${siteHost}/n/1`] };
  await until('a dry run finds all', async () => {
    assert.deepEqual(await dryRun(what), { eu: 2, nyc: 2, par: 2 });
    return true;
  });
  const again = await network.request('par', '/n/1', { host: siteHost });
  assert.equal(again.header('x-cache'), 'HIT', 'nothing was touched');
  await network.purge(what);
  assert.deepEqual(await dryRun(what), { eu: 0, nyc: 0, par: 0 });
  assert.deepEqual(await dryRun({ everything: true }), { eu: 1, nyc: 1, par: 1 });
});
