/** A certificate authority convinces itself of our names by DNS-01 (RFC 8555 §8.4): real processes, and Pebble. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { siteHost } from '../support/network/config.ts';
import { startNetwork } from '../support/network/network.ts';
import { createAcmeClient, startPebble } from '../support/pebble.ts';

test('a challenge that was given to the API proves a host and a wildcard, and one that was taken back does not', async (t) => {
  const network = await startNetwork({ shields: [], pops: [{ id: 'par' }], dns: {} }, t);
  const pebble = await startPebble(new URL(network.url('ns1')).host);
  t.after(() => pebble.stop());
  const client = await createAcmeClient(pebble);
  const publish = async (host: string, value: string) => {
    const { status } = await network.api('/v1/acme-challenges', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ host, value }),
    });
    assert.equal(status, 201);
  };
  const site = await client.order(siteHost);
  await publish(siteHost, site.value);
  assert.equal((await site.check()).status, 'valid');

  // Two values at one name, as for a certificate for the apex and all below it.
  const [apex, wildcard] = [await client.order('shop.test'), await client.order('*.shop.test')];
  await publish('shop.test', apex.value);
  await publish('shop.test', wildcard.value);
  assert.equal((await wildcard.check()).status, 'valid');
  assert.equal((await apex.check()).status, 'valid');

  const late = await client.order('late.shop.test');
  await publish('late.shop.test', late.value);
  const taken = await network.api('/v1/acme-challenges/late.shop.test', { method: 'DELETE' });
  assert.equal(taken.status, 204);
  assert.equal((await late.check()).status, 'invalid');
});
