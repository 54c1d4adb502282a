import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../../../core/runtime/addresses.ts';
import type { Place } from '../../../core/topology/schema.ts';
import type { GeoDatabase } from '../../../geo-dns/locate/database.ts';
import { createLocate } from '../../../geo-dns/locate/locate.ts';

const place = (name: string, networks: string[]): Place => ({
  name,
  networks,
  latitude: 1,
  longitude: 2,
});
const bytesOf = (address: string) => parseAddress(address)?.bytes ?? assert.fail(address);
const located = (address: string, places: Place[] = [], database?: GeoDatabase) => {
  const result = createLocate({ places, database })(bytesOf(address));
  const { source, prefixLength } = result;
  return [source, result.source === 'none' ? undefined : result.name, prefixLength];
};
/** Knows 198.18.0.0/16, lacks the rest of its /15, and has nothing to say elsewhere. */
const database: GeoDatabase = {
  description: 'fake',
  builtAtMs: 0,
  lookup: (bytes) =>
    bytes[0] === 198 && bytes[1] === 18
      ? { place: { latitude: 3, longitude: 4, name: 'Known' }, prefixLength: 16 }
      : { place: undefined, prefixLength: 16 },
};

test('configured places come before the database, the database before the registry', () => {
  const places = [place('Here', ['198.18.3.0/24'])];
  assert.deepEqual(located('198.18.3.9', places, database), ['places', 'Here', 24]);
  assert.deepEqual(located('198.18.200.9', places, database), ['database', 'Known', 17]);
  assert.deepEqual(located('8.8.8.8', places, database), [
    'registry',
    'North America, legacy block',
    16,
  ]);
});

test('of places that nest the most specific is taken', () => {
  const places = [place('Country', ['10.0.0.0/8']), place('Town', ['10.1.0.0/16'])];
  assert.deepEqual(located('10.1.2.3', places), ['places', 'Town', 16]);
  assert.deepEqual(located('10.200.0.1', places), ['places', 'Country', 9]);
});

test('a source that does not know the address still narrows the network', () => {
  const places = [place('Here', ['41.0.5.0/24'])];
  assert.deepEqual(located('41.0.4.1', places), ['registry', 'Africa', 24]);
  assert.deepEqual(located('41.200.0.1', places), ['registry', 'Africa', 9]);
});

test('the registry that an address belongs to is the last resort, marked as such', () => {
  assert.deepEqual(located('1.1.1.1'), ['registry', 'Asia-Pacific', 8]);
  assert.deepEqual(located('80.1.1.1'), ['registry', 'Europe and Middle East', 4]);
  assert.deepEqual(located('200.1.1.1'), ['registry', 'Latin America', 7]);
  assert.deepEqual(located('25.1.1.1'), ['registry', 'Europe and Middle East, legacy block', 8]);
  assert.deepEqual(located('2a02::1'), ['registry', 'Europe and Middle East', 11]);
  assert.deepEqual(located('2600:1::'), ['registry', 'North America', 12]);
  assert.deepEqual(located('2c0f::1'), ['registry', 'Africa', 12]);
});

test('addresses that no public client has are nowhere, within networks of their own', () => {
  for (const [address, prefixLength] of [
    ['127.0.0.1', 8],
    ['10.1.2.3', 8],
    ['192.168.1.1', 16],
    ['198.18.77.1', 15],
    ['203.0.113.5', 24],
    ['239.0.0.1', 3],
    ['2001:db8::1', 32],
  ] as const) {
    assert.deepEqual(located(address), ['none', undefined, prefixLength], address);
  }
  assert.equal(located('fe80::1')[0], 'none');
  assert.equal(located('::1')[0], 'none');
});
