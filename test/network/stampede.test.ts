/**
 * Many clients want the same at once (DESIGN section 5): one flight per key in a node and again in the shield, so that N PoPs
 * times M clients are one request to the origin, and everybody is streamed to while it arrives.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { startNetwork } from '../support/network/network.ts';
import { counted, createGate, page } from '../support/network/origin.ts';
import { pause, until } from '../support/network/until.ts';

const pops = ['par', 'nyc', 'tyo'];
const network = await startNetwork({ pops: pops.map((id) => ({ id, shield: ['eu'] })) });
const { origin } = network;

/** Requests under way at a node, as it tells itself. */
async function underWay(id: string): Promise<number> {
  const { text } = await network.get(id, '/.well-known/breakwater/node');
  // Over a capacity of 1000.
  return Math.round((JSON.parse(text) as { load: number }).load * 1000);
}

const allUnderWay = (count: number) =>
  until(`${count} requests wait at each PoP`, async () => {
    const counts = await Promise.all(pops.map(underWay));
    return counts.every((each) => each >= count) && (await underWay('eu')) >= pops.length;
  });

/** `count` requests at every PoP at once. */
const stampede = (count: number, path: string, headers: Record<string, string>[] = [{}]) =>
  pops.flatMap((pop) =>
    Array.from({ length: count }, (_, n) =>
      network.get(pop, path, headers[n % headers.length] ?? {}),
    ),
  );

test('3 PoPs with 300 concurrent cold requests each are 1 request to the origin', async () => {
  const gate = createGate();
  const body = createHash('sha256').update('body').digest('hex').repeat(1000);
  const answer = page(body);
  origin.on('/cold', async (request, response) => {
    await gate.opened;
    await answer(request, response);
  });
  const requests = stampede(300, '/cold');
  await allUnderWay(300);
  gate.open();
  const answers = await Promise.all(requests);
  assert.equal(origin.hits('/cold'), 1);
  assert.equal(answers.length, 900);
  const right = answers.filter(({ status, text, complete }) => {
    return status === 200 && complete && text === body;
  });
  assert.equal(right.length, 900);
  const collapsed = answers.filter(({ header }) => header('cache-status')?.includes('collapsed'));
  assert.ok(collapsed.length >= 895, `${collapsed.length} say that they waited for another one`);
});

test('those who wait get bytes before the origin has finished, and every body is right', async () => {
  const gate = createGate();
  const head = 'a'.repeat(20_000);
  const tail = 'b'.repeat(20_000);
  origin.on('/slow', async (_, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60' });
    response.write(head);
    await gate.opened;
    response.end(tail);
  });
  const opened = await Promise.all(
    pops.flatMap((pop) => Array.from({ length: 40 }, () => network.open(pop, '/slow'))),
  );
  const first = await Promise.all(opened.map((response) => response.next()));
  assert.ok(first.every((piece) => piece && piece.length > 0));
  // One who comes while the body is on its way gets what was there, too.
  const late = await network.open('nyc', '/slow');
  const lateFirst = await late.next();
  assert.equal(lateFirst?.[0], 'a'.charCodeAt(0));
  gate.open();
  const bodies = await Promise.all(
    [...opened, late].map(async (response, n) => {
      const begun = n < first.length ? first[n] : lateFirst;
      return Buffer.concat([begun ?? Buffer.alloc(0), await response.rest()]).toString();
    }),
  );
  assert.ok(bodies.every((body) => body === head + tail));
  assert.ok(opened.every((response) => response.complete()));
  assert.equal(origin.hits('/slow'), 1);
});

test('the first client may go away: those who wait for its fetch get the whole', async () => {
  const gate = createGate();
  origin.on('/left', async (_, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60' });
    response.write('first ');
    await gate.opened;
    response.end('second');
  });
  const leader = await network.open('par', '/left');
  await leader.next();
  const followers = await Promise.all(
    ['par', 'par', 'nyc'].map((pop) => network.open(pop, '/left')),
  );
  leader.abort();
  gate.open();
  const bodies = await Promise.all(followers.map((response) => response.rest()));
  assert.deepEqual(bodies.map(String), ['first second', 'first second', 'first second']);
  assert.equal(origin.hits('/left'), 1);
});

test('variants that are asked for at once are one request each', async () => {
  const gate = createGate();
  const answer = page(({ headers }) => `in ${headers['accept-language']}`, {
    vary: 'Accept-Language',
  });
  origin.on('/languages', async (request, response) => {
    await gate.opened;
    await answer(request, response);
  });
  const requests = stampede(40, '/languages', [
    { 'accept-language': 'fr' },
    { 'accept-language': 'ja' },
  ]);
  await allUnderWay(40);
  gate.open();
  const texts = (await Promise.all(requests)).map(({ text }) => text);
  assert.equal(texts.filter((text) => text === 'in fr').length, 60);
  assert.equal(texts.filter((text) => text === 'in ja').length, 60);
  assert.equal(origin.hits('/languages'), 2);
});

test('what may not be shared is fetched for each, and nobody waits for the other', async () => {
  let gate = createGate();
  gate.open();
  const answer = counted('mine', { 'cache-control': 'private' });
  origin.on('/mine', async (request, response) => {
    // Slow enough that requests which come together travel on connections of their own, to all workers.
    await pause(20);
    await gate.opened;
    await answer(request, response);
  });
  const together = () => Array.from({ length: 20 }, () => network.get('par', '/mine'));
  // Each worker of both tiers learns once that this may not be shared.
  for (let round = 0; round < 3; round += 1) await Promise.all(together());
  gate = createGate();
  const before = origin.hits('/mine');
  const requests = together();
  // All of them are at the origin together, though it answers none.
  await until('all have reached the origin', () => origin.hits('/mine') === before + 20);
  gate.open();
  const texts = (await Promise.all(requests)).map(({ text }) => text);
  assert.equal(new Set(texts).size, 20, 'each has a response of its own');
});

test('a cold stampede on what may not be shared gives each client its own response', async () => {
  origin.on('/each', counted('each', { 'cache-control': 'private' }));
  const answers = await Promise.all(stampede(20, '/each'));
  assert.ok(answers.every(({ status }) => status === 200));
  assert.equal(new Set(answers.map(({ text }) => text)).size, 60);
});

test('a failing origin is not asked once by each of those who wait', async () => {
  const gate = createGate();
  origin.on('/failing', async (_, response) => {
    await gate.opened;
    response.writeHead(503).end('down');
  });
  const requests = stampede(50, '/failing');
  await allUnderWay(50);
  gate.open();
  const answers = await Promise.all(requests);
  assert.ok(answers.every(({ status, text }) => status === 503 && text === 'down'));
  assert.equal(origin.hits('/failing'), 1);
});
