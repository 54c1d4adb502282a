/**
 * Purge-api is dead for ten leases while clients go on reading: the origins pay at most one request for each URL, edge and
 * `quarantineRevalidate`, nobody notices, and what changes at the origin is seen (DESIGN section 4, "Without a lease").
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startNetwork } from '../support/network/network.ts';
import { createPurging } from '../support/network/purging.ts';
import { pause, until } from '../support/network/until.ts';

const leaseMs = 600;
const revalidateMs = 1000;
const urls = Array.from({ length: 20 }, (_, n) => `/page/${n}`);
const pops = ['par', 'nyc'];
const readsPerSecond = 500;

const network = await startNetwork({
  pops: pops.map((id) => ({ id, shield: ['eu'] })),
  settings: { lease: `${leaseMs}ms`, quarantineRevalidate: `${revalidateMs}ms` },
});
const { origin } = network;
const { converge } = createPurging(network);

/** What the origin has, and how busy it is. */
const state = { version: 1, underWay: 0, most: 0, confirmed: 0 };
for (const url of urls) {
  origin.on(url, async (request, response) => {
    state.underWay += 1;
    state.most = Math.max(state.most, state.underWay);
    const etag = `"${state.version}"`;
    await pause(5);
    const isConfirmed = request.headers['if-none-match'] === etag;
    if (isConfirmed) state.confirmed += 1;
    response.writeHead(isConfirmed ? 304 : 200, { etag, 'cache-control': 'max-age=600' });
    response.end(isConfirmed ? undefined : etag);
    state.underWay -= 1;
  });
}
const originRequests = () => urls.reduce((sum, url) => sum + origin.hits(url), 0);

interface Reading {
  count: number;
  bad: string[];
  /** Reads that returned what the origin had replaced more than `quarantineRevalidate` before they began. */
  old: number;
  slowestMs: number;
}

/** Reads all URLs at all PoPs, so many a second, until told to stop. */
function startReading(oldestAt: () => number) {
  const reading: Reading = { count: 0, bad: [], old: 0, slowestMs: 0 };
  let isOver = false;
  const tickMs = 20;
  const readOne = async (n: number) => {
    const oldest = oldestAt();
    const begunMs = performance.now();
    const answer = await network.get(
      pops[n % pops.length] ?? '',
      urls[(n >> 1) % urls.length] ?? '',
    );
    reading.count += 1;
    reading.slowestMs = Math.max(reading.slowestMs, performance.now() - begunMs);
    if (answer.status !== 200 || !answer.complete) reading.bad.push(`${answer.status}`);
    if (Number(answer.text.replaceAll('"', '')) < oldest) reading.old += 1;
  };
  const run = async () => {
    const waiting = new Set<Promise<void>>();
    const begunMs = performance.now();
    for (let n = 0; !isOver; ) {
      const due = ((performance.now() - begunMs) / 1000) * readsPerSecond;
      for (; n < due; n += 1) {
        const read = readOne(n).catch((error: Error) => void reading.bad.push(error.message));
        waiting.add(read);
        void read.finally(() => waiting.delete(read));
      }
      await pause(tickMs);
    }
    await Promise.all(waiting);
    return reading;
  };
  const done = run();
  return {
    reading,
    stop() {
      isOver = true;
      return done;
    },
  };
}

test(`ten leases without purge-api at ${readsPerSecond} requests/s: the origin is asked no more often than promised`, async (t) => {
  await network.ready('purge');
  for (const url of urls) await Promise.all(pops.map((pop) => network.get(pop, url)));
  const leased = originRequests();
  await network.kill('purge');
  await until('nobody holds a lease any more', async () => {
    const states = await Promise.all(
      ['eu', ...pops].map(async (id) => (await network.admin(id, '/readyz')).status),
    );
    return states.every((status) => status === 503);
  });
  assert.equal(originRequests(), leased, 'under a lease nobody asks');
  let oldest = 1;
  const begunMs = performance.now();
  const { reading, stop } = startReading(() => oldest);
  while (performance.now() - begunMs < 10 * leaseMs) {
    const changedAtMs = performance.now();
    state.version += 1;
    const isForced = () => performance.now() - changedAtMs > revalidateMs;
    await until('every validation from before the change is too old', isForced);
    oldest = state.version;
  }
  await stop();
  const seconds = (performance.now() - begunMs) / 1000;
  const asked = originRequests() - leased;
  t.diagnostic(
    `${reading.count} reads in ${seconds.toFixed(1)} s, ${asked} at the origin (${state.confirmed} were 304), at most ${state.most} at once`,
  );
  assert.deepEqual(reading.bad, []);
  assert.equal(reading.old, 0, 'reads of what had been replaced for longer than promised');
  const periods = Math.ceil((seconds * 1000) / revalidateMs) + 1;
  assert.ok(asked <= urls.length * pops.length * periods, `${asked} in ${periods} periods`);
  assert.ok(asked < reading.count / 2, `${asked} of ${reading.count} reads`);
  // What takes longer than that is asked for once more meanwhile: nobody joins a request that is too old.
  const overlapping = 1 + Math.ceil(reading.slowestMs / revalidateMs);
  assert.ok(state.most <= urls.length * pops.length * overlapping, `${state.most} at once`);
  // It comes back, and all is as before.
  await network.start('purge');
  await network.ready('purge');
  await Promise.all(['eu', ...pops].map((id) => network.ready(id)));
  await converge({ everything: true });
  for (const pop of pops)
    assert.equal((await network.get(pop, '/page/0')).text, `"${state.version}"`);
});
