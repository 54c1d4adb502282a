/** A storm, and what must hold of it whatever its length: the tests run a short one, `npm run soak` the full minute. */
import assert from 'node:assert/strict';
import { memoryOf } from '../../support/network/memory.ts';
import type { Network } from '../../support/network/network.ts';
import { until } from '../../support/network/until.ts';
import { runStorm, type StormPlan } from './storm.ts';

export const pages = Array.from({ length: 10 }, (_, n) => `/hot/${n}`);
const MIB = 2 ** 20;
/**
 * What a process may grow by. Most of it is garbage of requests that is not collected before there is need (measured: 350 MiB
 * after a minute of 500 requests/s, with or without purges; of 5,000 purges alone 20 MiB).
 */
const growthBytes = 512 * MIB;

/** Runs the storm and asserts; returns what it was, in a line. */
export async function checkStorm(network: Network, plan: StormPlan): Promise<string> {
  const nodes = ['purge', 'eu', ...network.config.pops.map(({ id }) => id)];
  const residentOf = () => nodes.map((id) => memoryOf(network.node(id).pid).residentBytes);
  const before = residentOf();
  const storm = await runStorm(network, plan);
  const growth = residentOf().map((bytes, index) => bytes - (before[index] ?? 0));
  assert.deepEqual(storm.bad.slice(0, 5), []);
  await until('nobody lags', async () => {
    const lags = nodes.slice(1).map((id) => network.metric(id, 'breakwater_purge_lag_entries'));
    return (await Promise.all(lags)).every((lag) => lag === 0);
  });
  // One fetch of a page for each purge of it; a second one where an edge has heard of the purge before its shield.
  const { pages: hot } = plan;
  const mostRequests = hot.length * (2 * storm.hotPurges + 2);
  assert.ok(storm.originRequests <= mostRequests, `${storm.originRequests} of ${mostRequests}`);
  assert.ok(storm.mostAtOnce <= 2 * hot.length, `${storm.mostAtOnce} at once at the origin`);
  for (const [index, id] of nodes.entries()) {
    const grown = growth[index] ?? 0;
    assert.ok(grown < growthBytes, `${id} has grown by ${Math.round(grown / MIB)} MiB`);
  }
  const quantile = (q: number) =>
    Math.round(storm.lagsMs[Math.floor(q * storm.lagsMs.length)] ?? 0);
  const { purges, reads, originRequests, mostAtOnce } = storm;
  return (
    `${purges} purges and ${reads} reads in ${plan.seconds} s: converged after ${quantile(0.5)} ms (P50), ` +
    `${quantile(0.99)} ms (P99); ${originRequests} requests at the origin, at most ${mostAtOnce} at once; ` +
    `memory grew by ${growth.map((bytes) => Math.round(bytes / MIB)).join(', ')} MiB (${nodes.join(', ')})`
  );
}
