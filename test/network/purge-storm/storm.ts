/**
 * A storm of purges over a network that is read at the same time: so many a second, for so long. Most name things of their own; some
 * name the hot pages, and some everything. What it costs is measured where it is paid: at the origin, in memory, in lag.
 */
import type { Network } from '../../support/network/network.ts';
import type { Route } from '../../support/network/origin.ts';
import { createPurging } from '../../support/network/purging.ts';
import { pause } from '../../support/network/until.ts';

export interface StormPlan {
  seconds: number;
  purgesPerSecond: number;
  readsPerSecond: number;
  /** Every so many purges one names the hot pages. */
  everyHot: number;
  /** Every so many purges one is of everything; 0: none. */
  everyAll: number;
  pages: readonly string[];
}

export interface Storm {
  purges: number;
  /** Purges that match the hot pages. */
  hotPurges: number;
  reads: number;
  bad: string[];
  /** Milliseconds from sending a purge to hearing that it has converged, of one at a time, ascending. */
  lagsMs: number[];
  /** The origin's busiest moment. */
  mostAtOnce: number;
  originRequests: number;
}

const tickMs = 20;

/** Lets it blow; resolves when all that was begun has ended. */
export async function runStorm(network: Network, plan: StormPlan): Promise<Storm> {
  const { pages } = plan;
  const pops = network.config.pops.map(({ id }) => id);
  const { converge } = createPurging(network);
  const storm: Storm = {
    purges: 0,
    hotPurges: 0,
    reads: 0,
    bad: [],
    lagsMs: [],
    mostAtOnce: 0,
    originRequests: 0,
  };
  const route = hotPage(storm);
  for (const page of pages) network.origin.on(page, route);
  let isOver = false;
  const sampling = (async () => {
    while (!isOver) {
      const sentMs = performance.now();
      await converge({ tags: ['sample'] });
      storm.lagsMs.push(performance.now() - sentMs);
      await pause(tickMs);
    }
  })();
  const reading = atRate('read', plan.readsPerSecond, plan.seconds, async (n) => {
    const page = pages[n % pages.length] ?? '';
    const answer = await network.get(pops[n % pops.length] ?? '', page);
    storm.reads += 1;
    if (answer.status !== 200 || !answer.complete) storm.bad.push(`read: ${answer.status}`);
  });
  const purging = atRate('purge', plan.purgesPerSecond, plan.seconds, async (n) => {
    const isAll = plan.everyAll > 0 && n % plan.everyAll === 0;
    const isHot = isAll || n % plan.everyHot === 0;
    storm.purges += 1;
    if (isHot) storm.hotPurges += 1;
    const { httpStatus } = await network.purge(whatOf(n, isAll, isHot), { wait: '0s' });
    if (httpStatus !== 202 && httpStatus !== 200) storm.bad.push(`purge: ${httpStatus}`);
  });
  storm.bad.push(...(await Promise.all([reading, purging])).flat());
  isOver = true;
  await sampling;
  storm.lagsMs.sort((a, b) => a - b);
  return storm;
}

/** Every kind of selector in turn. */
function whatOf(n: number, isAll: boolean, isHot: boolean): object {
  if (isAll) return { everything: true };
  if (isHot) return { tags: ['hot'] };
  const cold = `http://www.shop.test/cold/${n}`;
  if (n % 3 === 0) return { urls: [cold], soft: n % 2 === 0 };
  return n % 3 === 1 ? { prefixes: [`${cold}/`] } : { tags: [`cold-${n}`] };
}

function hotPage(storm: Storm): Route {
  let underWay = 0;
  return async (_, response) => {
    underWay += 1;
    storm.originRequests += 1;
    storm.mostAtOnce = Math.max(storm.mostAtOnce, underWay);
    await pause(5);
    response.writeHead(200, { 'cache-control': 'max-age=600', 'surrogate-key': 'hot' });
    response.end('hot');
    underWay -= 1;
  };
}

/** Calls `act` so often a second, whether the last one has ended or not; resolves with what went wrong. */
async function atRate(
  what: string,
  perSecond: number,
  seconds: number,
  act: (n: number) => Promise<void>,
): Promise<string[]> {
  const bad: string[] = [];
  const waiting = new Set<Promise<void>>();
  const total = perSecond * seconds;
  const begunMs = performance.now();
  for (let n = 0; n < total; ) {
    const due = Math.min(total, ((performance.now() - begunMs) / 1000) * perSecond);
    for (; n < due; n += 1) {
      const acting = act(n).catch((error: Error) => void bad.push(`${what}: ${error.message}`));
      waiting.add(acting);
      void acting.finally(() => waiting.delete(acting));
    }
    await pause(tickMs);
  }
  await Promise.all(waiting);
  return bad;
}
