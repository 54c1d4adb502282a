/** A worker thread of a shield: the caching engine in front of the origins. */
import { runCacheWorker } from '../core/cache-node/worker.ts';
import { createDialer } from '../core/upstream/dial.ts';
import { createOrigins } from '../core/upstream/origins.ts';

runCacheWorker((deps) => {
  const dialer = createDialer(deps);
  const origins = createOrigins({ ...deps, dialer });
  return {
    ...origins,
    async close() {
      await origins.close();
      await dialer.close();
    },
  };
});
