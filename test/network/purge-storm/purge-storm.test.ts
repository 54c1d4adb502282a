/**
 * Purges in great number under load: nobody falls behind for good, nothing grows without bound, and hot pages are still fetched once for
 * all who want them. `npm run soak` lets it blow for a whole minute.
 */
import { test } from 'node:test';
import { startNetwork } from '../../support/network/network.ts';
import { checkStorm, pages } from './check.ts';

const network = await startNetwork({
  pops: [
    { id: 'par', shield: ['eu'] },
    { id: 'nyc', shield: ['eu'] },
  ],
});
await network.ready('purge');

test('10,000 purges a minute: bounded lag and memory, and hot pages still collapse', async (t) => {
  t.diagnostic(
    await checkStorm(network, {
      seconds: 4,
      purgesPerSecond: 167,
      readsPerSecond: 200,
      everyHot: 20,
      everyAll: 0,
      pages,
    }),
  );
});

test('everything purged again and again at 500 requests/s: the origin is asked once for each page and purge', async (t) => {
  t.diagnostic(
    await checkStorm(network, {
      seconds: 3,
      purgesPerSecond: 5,
      readsPerSecond: 500,
      everyHot: 1,
      everyAll: 1,
      pages,
    }),
  );
});
