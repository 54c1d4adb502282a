/** 10,000 purges a minute, for a whole minute, while the hot pages are read 500 times a second. */
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

test('10,000 purges in a minute: bounded lag and memory, and hot pages still collapse', async (t) => {
  t.diagnostic(
    await checkStorm(network, {
      seconds: 60,
      purgesPerSecond: 167,
      readsPerSecond: 500,
      everyHot: 20,
      everyAll: 500,
      pages,
    }),
  );
});
