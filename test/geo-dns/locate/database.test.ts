import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { parseAddress } from '../../../core/runtime/addresses.ts';
import { openGeoDatabase } from '../../../geo-dns/locate/database.ts';
import { type MmdbValue, writeMmdb } from '../../support/mmdb-writer.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'breakwater-mmdb-'));
after(() => rmSync(folder, { recursive: true }));

const fileOf = (name: string, bytes: Buffer) => {
  const file = path.join(folder, name);
  writeFileSync(file, bytes);
  return file;
};
const open = async (records: Record<string, MmdbValue>, onUnusable = () => {}) => {
  const name = `${Math.random()}.mmdb`;
  const database = await openGeoDatabase(fileOf(name, writeMmdb(records)), onUnusable);
  return (address: string) => database.lookup(parseAddress(address)?.bytes ?? assert.fail());
};
const nested = {
  location: { latitude: 35.68, longitude: 139.69, time_zone: 'Asia/Tokyo' },
  city: { names: { en: 'Tokyo', ja: '東京' } },
  country: { iso_code: 'JP', names: { en: 'Japan' } },
};
const flat = { latitude: -23.55, longitude: -46.63, city: 'São Paulo', country_code: 'BR' };

test('both shapes of records give a place, with the network for which it is known', async () => {
  const lookup = await open({ '198.18.3.0/24': nested, '2001:db8:7::/48': flat });
  assert.deepEqual(lookup('198.18.3.77'), {
    place: { latitude: 35.68, longitude: 139.69, name: 'Tokyo, JP', country: 'JP' },
    prefixLength: 24,
  });
  assert.deepEqual(lookup('2001:db8:7::1'), {
    place: { latitude: -23.55, longitude: -46.63, name: 'São Paulo, BR', country: 'BR' },
    prefixLength: 48,
  });
});

test('country and continent are told where they are codes, and nothing is made of what is none', async () => {
  const lookup = await open({
    '198.18.3.0/24': { ...nested, continent: { code: 'AS' } },
    '198.18.4.0/24': { ...nested, continent: { code: 'XX' }, country: { iso_code: 'Japan' } },
  });
  const { country, continent } = lookup('198.18.3.1').place ?? {};
  assert.deepEqual([country, continent], ['JP', 'AS']);
  const other = lookup('198.18.4.1').place ?? {};
  assert.ok(!('country' in other) && !('continent' in other));
});

test('a place may have no name', async () => {
  const lookup = await open({ '198.18.3.0/24': { location: { latitude: 1.5, longitude: 2.5 } } });
  assert.deepEqual(lookup('198.18.3.1').place, { latitude: 1.5, longitude: 2.5 });
});

test('an address that the database lacks is unknown, for as wide a network as it lacks', async () => {
  const lookup = await open({ '198.18.3.0/24': nested });
  assert.deepEqual(lookup('198.18.2.1'), { place: undefined, prefixLength: 24 });
  assert.deepEqual(lookup('9.0.0.1'), { place: undefined, prefixLength: 1 });
});

test('a record without a usable place is unknown and counted, not an error', async () => {
  let unusable = 0;
  const lookup = await open(
    {
      '198.18.1.0/24': { country: { iso_code: 'FR' } },
      '198.18.2.0/24': { latitude: 123.5, longitude: 0.5 },
      '198.18.3.0/24': 'Tokyo',
    },
    () => {
      unusable += 1;
    },
  );
  for (const address of ['198.18.1.1', '198.18.2.1', '198.18.3.1']) {
    assert.equal(lookup(address).place, undefined);
  }
  assert.equal(unusable, 3);
});

test('a file that is missing, empty, cut short or something else is refused with what to do', async () => {
  const cut = fileOf('cut.mmdb', writeMmdb({ '198.18.3.0/24': nested }));
  truncateSync(cut, 300);
  for (const [file, problem] of [
    [path.join(folder, 'absent.mmdb'), /absent\.mmdb: no such GeoIP database/],
    [fileOf('empty.mmdb', Buffer.alloc(0)), /empty\.mmdb is damaged or no database/],
    [fileOf('text.mmdb', Buffer.from('hello '.repeat(100))), /text\.mmdb is damaged/],
    [cut, /cut\.mmdb is damaged/],
    [folder, /cannot be read \(EISDIR\)/],
  ] as const) {
    await assert.rejects(
      openGeoDatabase(file, () => {}),
      (error: Error) => problem.test(error.message) && /geoip\.database/.test(error.message),
      file,
    );
  }
});
