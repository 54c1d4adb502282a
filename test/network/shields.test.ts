/**
 * From edges to shields (DESIGN section 6): in order, spread over a ring, the next one on failure, straight to the origins at
 * last, and only for those who can prove that they belong to the network.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Received } from '../support/network/client.ts';
import { siteHost } from '../support/network/config.ts';
import { startNetwork } from '../support/network/network.ts';
import { counted, createGate, page } from '../support/network/origin.ts';
import { until } from '../support/network/until.ts';

const strictHost = 'strict.shop.test';
const network = await startNetwork({
  sites: (url) => [
    { hosts: [siteHost], origins: [{ url }] },
    { hosts: [strictHost], origins: [{ url }], originFallback: false },
  ],
  shields: [{ id: 'eu' }, { id: 'us' }],
  pops: [
    // In order.
    { id: 'par', shield: ['eu', 'us'] },
    // Spread over both.
    { id: 'nyc', shield: [['eu', 'us']] as unknown as string[] },
  ],
});
const { origin } = network;

let next = 0;
/** Asks for a page that nobody has asked for before. */
async function fresh(pop: string, host = siteHost): Promise<Received> {
  next += 1;
  const path = `/fresh-${next}`;
  origin.on(path, page('fresh'));
  return network.request(pop, path, { host });
}

/** The shield that an answer came through; undefined: none. */
const shieldOf = ({ header }: Received) => /\b(eu|us);/.exec(header('cache-status') ?? '')?.[1];

const usedAgain = (id: string) =>
  until(`${id} is used`, async () => shieldOf(await fresh('par')) === id);

test('an ordered list is used in order; a ring spreads the keys, and keeps each at its shield', async () => {
  for (let n = 0; n < 10; n += 1) assert.equal(shieldOf(await fresh('par')), 'eu');
  const spread = new Set<string | undefined>();
  for (let n = 0; n < 24; n += 1) spread.add(shieldOf(await fresh('nyc')));
  assert.deepEqual([...spread].sort(), ['eu', 'us']);
});

describe('a shield that dies', () => {
  test('while a GET waits for its head: the next one is asked, and the client waits on', async () => {
    const gate = createGate();
    const answer = counted('waited');
    origin.on('/waited', async (request, response) => {
      if (request.hit === 1) await gate.opened;
      await answer(request, response);
    });
    const waiting = network.get('par', '/waited');
    await until('it is at the origin', () => origin.hits('/waited') === 1);
    await network.kill('eu');
    const answered = await waiting;
    gate.open();
    assert.deepEqual([answered.status, answered.text], [200, 'waited 2']);
    assert.equal(shieldOf(answered), 'us');
  });

  test('is passed over; when both are away the origin is asked; back again, they are used again', async () => {
    assert.equal(shieldOf(await fresh('par')), 'us');
    await network.kill('us');
    const alone = await fresh('par');
    assert.deepEqual([alone.status, alone.text, shieldOf(alone)], [200, 'fresh', undefined]);
    assert.match(alone.header('cache-status') ?? '', /^par; fwd=uri-miss; fwd-status=200; stored$/);
    assert.ok((await network.metric('par', 'breakwater_edge_origin_fallbacks_total')) >= 1);
    await network.start('us');
    await usedAgain('us');
    await network.start('eu');
    await usedAgain('eu');
  });

  test('is not asked for by a site that forbids the way around: 502, and never the origin', async () => {
    await Promise.all([network.kill('eu'), network.kill('us')]);
    origin.on('/strict', page('strict'));
    const answer = await network.request('par', '/strict', { host: strictHost });
    assert.equal(answer.status, 502);
    assert.match(answer.header('proxy-status') ?? '', /^par; error=/);
    assert.equal(origin.hits('/strict'), 0);
    await Promise.all([network.start('eu'), network.start('us')]);
    const back = await until('a shield is asked again', async () => {
      const got = await network.request('par', '/strict', { host: strictHost });
      return got.status === 200 ? got : undefined;
    });
    assert.equal(back.text, 'strict');
  });

  test('while a POST is under way: the client is told, and the POST is not sent twice', async () => {
    await usedAgain('eu');
    const gate = createGate();
    origin.on('/order', async (_, response) => {
      await gate.opened;
      response.writeHead(201).end('ordered');
    });
    const post = network.request('par', '/order', { method: 'POST', body: 'one' });
    await until('it is at the origin', () => origin.hits('/order') === 1);
    await network.kill('eu');
    assert.equal((await post).status, 502);
    gate.open();
    assert.equal(origin.hits('/order'), 1);
    await network.start('eu');
    await usedAgain('eu');
  });
});

test('a shield that is stopped finishes what is under way, and newcomers go to the next one at once', async () => {
  const gate = createGate();
  origin.on('/drained', async (_, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60' });
    response.write('begun ');
    await gate.opened;
    response.end('and finished');
  });
  const download = await network.open('par', '/drained');
  const begun = await download.next();
  const ended = network.node('eu').end('SIGTERM');
  const others = await until('newcomers go elsewhere', async () => {
    const answer = await fresh('par');
    assert.equal(answer.status, 200);
    return shieldOf(answer) === 'us' ? answer : undefined;
  });
  assert.equal(others.text, 'fresh');
  gate.open();
  assert.equal(`${begun}${await download.rest()}`, 'begun and finished');
  assert.ok(download.complete());
  assert.equal(await ended, 'code 0');
  await network.start('eu');
});

test('an edge with another secret is refused by shields and purge-api: never ready, and served by the origin', async () => {
  await network.terminate('nyc');
  const { secret } = network.config;
  network.reconfigure((config) => {
    config.secret = 'another secret';
  });
  await network.node('nyc').start();
  network.reconfigure((config) => {
    config.secret = secret;
  });
  const asked = await network.metric('eu', 'breakwater_cache_requests_total', 'asker="tier"');
  const answer = await fresh('nyc');
  assert.deepEqual([answer.status, answer.text, shieldOf(answer)], [200, 'fresh', undefined]);
  assert.equal((await network.admin('nyc', '/readyz')).status, 503);
  const askedNow = await network.metric('eu', 'breakwater_cache_requests_total', 'asker="tier"');
  assert.equal(askedNow, asked, 'the shield has served nothing to it');
  await network.terminate('nyc');
  await network.start('nyc');
  assert.ok(shieldOf(await fresh('nyc')));
});
