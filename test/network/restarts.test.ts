/**
 * What survives the end of a node, gentle or not: the disk tier, and the truth. A body is either right and whole, or the client
 * sees that it is not.
 */
import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync, truncateSync, writeSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import { bodyOf, digestOf } from '../support/network/bodies.ts';
import type { Received } from '../support/network/client.ts';
import { startNetwork } from '../support/network/network.ts';
import { createGate, type Route } from '../support/network/origin.ts';
import { until } from '../support/network/until.ts';

const network = await startNetwork({
  shields: [{ id: 'eu', memory: '4MiB' }],
  // A memory tier that holds almost nothing: what is a hit comes from disk.
  pops: [
    { id: 'par', shield: ['eu'], memory: '4MiB' },
    // Asks for what the shield has kept, and has nothing itself.
    { id: 'nyc', shield: ['eu'] },
  ],
});
const { origin } = network;

const sizes = [100, 5_000, 70_000, 300_000, 1_200_000];
const sizeOf = (name: string) => sizes[name.length % sizes.length] ?? 0;
const pieceBytes = 100_000;
const expectedOf = (name: string) => bodyOf(name, sizeOf(name));

/** Serves the body of the path, in pieces, so that kills find it half-way. */
const article: Route = async ({ path: name }, response) => {
  const body = expectedOf(name);
  response.writeHead(200, { 'cache-control': 'max-age=3600', 'content-length': body.length });
  const count = Math.ceil(body.length / pieceBytes);
  const pieces = Array.from({ length: count }, (_, n) => {
    return body.subarray(n * pieceBytes, (n + 1) * pieceBytes);
  });
  await pipeline(Readable.from(pieces), response);
};

/** Paths of different sizes under a name; the length of the name chooses. */
const pathsOf = (name: string, count: number) =>
  Array.from({ length: count }, (_, n) => `/${name}/${n}${'-'.repeat(n % sizes.length)}`);

function serve(paths: readonly string[]): void {
  for (const each of paths) origin.on(each, article);
}

function assertRight(name: string, answer: Received): void {
  assert.deepEqual(
    [answer.status, answer.complete, digestOf(answer.body)],
    [200, true, digestOf(expectedOf(name))],
    name,
  );
}

const storedAt = (id: string) => network.metric(id, 'breakwater_disk_stored_responses');

test('a restart keeps the disk tier: the same bodies, older by the time between, without the origin', async () => {
  const paths = pathsOf('kept', 15);
  serve(paths);
  for (const each of paths) assertRight(each, await network.get('par', each));
  await Promise.all([network.terminate('par'), network.terminate('eu')]);
  await origin.stop();
  await Promise.all([network.start('eu'), network.start('par')]);
  for (const each of paths) {
    const answer = await network.get('par', each);
    assertRight(each, answer);
    assert.equal(answer.header('x-cache'), 'HIT');
    assert.ok(Number(answer.header('age')) >= 1, 'it has aged while the node was down');
  }
  await origin.start();
});

for (const victim of ['par', 'eu']) {
  test(`kill -9 of ${victim === 'par' ? 'an edge' : 'a shield'} during writes: never a wrong body, and what was saved is kept`, async () => {
    const saved = pathsOf(`saved-${victim}`, 10);
    serve(saved);
    const before = await storedAt(victim);
    for (const each of saved) await network.get('par', each);
    await until('they are on disk', async () => {
      return (await storedAt(victim)) >= before + saved.length;
    });
    for (let round = 0; round < 3; round += 1) await killDuringWrites(victim, round);
    assert.equal(await network.metric(victim, 'breakwater_disk_damaged_files_total'), 0);
    assert.equal(await network.metric(victim, 'breakwater_disk_damaged_rows_total'), 0);
    await origin.stop();
    for (const each of saved) {
      assertRight(each, await network.get(victim === 'par' ? 'par' : 'nyc', each));
    }
    await origin.start();
  });
}

/** Fetches many new paths at once, and kills the node when some have arrived and others are on their way. */
async function killDuringWrites(victim: string, round: number): Promise<void> {
  const paths = pathsOf(`${victim}-${round}`, 25);
  serve(paths);
  let arrived = 0;
  const killAfter = 4 + round * 7;
  const gone = Promise.withResolvers<void>();
  const answers = paths.map(async (each) => {
    const answer = await network.get('par', each).catch(() => undefined);
    arrived += 1;
    if (arrived === killAfter) network.kill(victim).then(gone.resolve, gone.reject);
    // Cut or refused is honest; whole must be right.
    if (answer?.complete && answer.status === 200) assertRight(each, answer);
  });
  await Promise.all(answers);
  await gone.promise;
  await network.start(victim);
  for (const each of paths) assertRight(each, await network.get('par', each));
}

test('SIGTERM lets a download under way finish, refuses new connections, and ends with 0', async () => {
  const gate = createGate();
  origin.on('/long', async (_, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60' });
    response.write('begun ');
    await gate.opened;
    response.end('and finished');
  });
  const download = await network.open('par', '/long');
  const begun = await download.next();
  const ended = network.node('par').end('SIGTERM');
  await until('it takes no more connections', async () => {
    const probe = { headers: { connection: 'close' } };
    return network.request('par', '/.well-known/breakwater/node', probe).then(
      () => false,
      (error: { code?: string }) => error.code === 'ECONNREFUSED',
    );
  });
  gate.open();
  assert.equal(`${begun}${await download.rest()}`, 'begun and finished');
  assert.ok(download.complete());
  assert.equal(await ended, 'code 0');
  await network.start('par');
});

test('a damaged file is set aside and counted, and the node starts with an empty one', async () => {
  const [one = ''] = pathsOf('damaged', 1);
  serve([one]);
  await network.get('par', one);
  await network.terminate('par');
  const folder = path.join(network.folder, 'data', 'par');
  const file = openSync(path.join(folder, 'cache.db'), 'r+');
  writeSync(file, Buffer.alloc(4096, 'garbage'), 0, 4096, 0);
  closeSync(file);
  // Its write-ahead log would repair what we have just broken.
  truncateSync(path.join(folder, 'cache.db-wal'));
  await network.start('par');
  assertRight(one, await network.get('par', one));
  assert.equal(await network.metric('par', 'breakwater_disk_damaged_files_total'), 1);
  const files = readdirSync(folder);
  assert.ok(files.filter((name) => name.startsWith('cache.db')).length > 1, files.join(' '));
});

test('a second process of a node is refused with what to do, and the first one serves on', async () => {
  const reason = await network.startInVain('par');
  assert.match(reason, /^another process uses .*data\/par: stop it first/);
  assert.equal(reason.trim().split('\n').length, 1);
  assert.equal((await network.admin('par', '/readyz')).status, 200);
});
