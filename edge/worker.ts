/** A worker thread of an edge: the caching engine in front of the PoP's shields. */
import { runCacheWorker } from '../core/cache-node/worker.ts';
import { createDialer } from '../core/upstream/dial.ts';
import { createOrigins } from '../core/upstream/origins.ts';
import { createShields } from './shields.ts';

runCacheWorker((deps) => {
  const dialer = createDialer(deps);
  const shields = createShields({ ...deps, dialer, origins: createOrigins({ ...deps, dialer }) });
  return {
    ...shields,
    async close() {
      await shields.close();
      await dialer.close();
    },
  };
});
