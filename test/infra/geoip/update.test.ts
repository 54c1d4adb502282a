import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { systemRandom } from '../../../core/runtime/deps.ts';
import { databaseIn } from '../../../infra/geoip/archive.ts';
import { fetchFile } from '../../../infra/geoip/fetch.ts';
import { type UpdateOptions, updateGeoip } from '../../../infra/geoip/update.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { type MmdbValue, writeMmdb } from '../../support/mmdb-writer.ts';
import { newFolder } from '../support/temp-folder.ts';

const nested: MmdbValue = {
  location: { latitude: 37.75, longitude: -97.82 },
  country: { iso_code: 'US' },
};
const flat: MmdbValue = { latitude: 37.75, longitude: -97.82, country_code: 'US' };
const february = Date.UTC(2026, 1, 1);
const older = writeMmdb({ '8.8.8.0/24': nested });
const newer = writeMmdb({ '8.8.8.0/24': flat }, february);
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** A tar archive with one file, as MaxMind's: in a folder that is named after the day. */
function tarOf(name: string, bytes: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write(bytes.length.toString(8).padStart(11, '0'), 124);
  header.write('ustar', 257);
  const padding = Buffer.alloc((512 - (bytes.length % 512)) % 512);
  return Buffer.concat([header, bytes, padding, Buffer.alloc(1024)]);
}

type Answer = { status?: number; body?: Buffer | string; location?: string };

/** A provider on this machine: path with query → answer; what was asked is kept. */
async function setUp(t: TestContext, answers: Record<string, Answer>, present?: Buffer) {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    const { status = 200, body = '', location } = answers[request.url ?? ''] ?? { status: 404 };
    response.writeHead(status, location === undefined ? {} : { location });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const folder = newFolder();
  const file = path.join(folder, 'city.mmdb');
  if (present) writeFileSync(file, present);
  const update = (options: Partial<UpdateOptions>) =>
    updateGeoip(
      { clock: createFakeClock(Date.UTC(2026, 1, 2)), random: systemRandom, fetch: fetchFile },
      { from: `${base}/city`, file, bases: { dbip: base, maxmind: base }, ...options },
    );
  const isAsBefore = () => {
    assert.deepEqual(readdirSync(folder), present ? ['city.mmdb'] : []);
    if (present) assert.deepEqual(readFileSync(file), present);
  };
  return { asked, base, file, update, isAsBefore };
}

test('DB-IP: the file of this month, or of the last where that is not out yet; nothing is left beside', async (t) => {
  const { asked, file, update } = await setUp(t, {
    '/free/dbip-city-lite-2026-01.mmdb.gz': { body: gzipSync(newer) },
  });
  const updated = await update({ from: 'dbip' });
  assert.deepEqual(updated, {
    description: 'Synthetic-City of 2026-02-01',
    bytes: newer.length,
    isSame: false,
  });
  assert.deepEqual(readFileSync(file), newer);
  assert.deepEqual(readdirSync(path.dirname(file)), ['city.mmdb']);
  assert.deepEqual(
    asked.map(({ url }) => url),
    ['/free/dbip-city-lite-2026-02.mmdb.gz', '/free/dbip-city-lite-2026-01.mmdb.gz'],
  );
});

test('GeoLite2: with the user’s account, out of its archive, by its checksum', async (t) => {
  const archive = gzipSync(tarOf('GeoLite2-City_20260201/GeoLite2-City.mmdb', newer));
  const where = '/geoip/databases/GeoLite2-City/download?suffix=tar.gz';
  const { asked, file, update } = await setUp(
    t,
    {
      [where]: { body: archive },
      [`${where}.sha256`]: { body: `${sha256(archive)}  GeoLite2-City_20260201.tar.gz\n` },
    },
    older,
  );
  await assert.rejects(update({ from: 'maxmind' }), /give --account ID and --key/);
  await update({ from: 'maxmind', account: { id: '42', key: 'secret' } });
  assert.deepEqual(readFileSync(file), newer);
  const expected = `Basic ${Buffer.from('42:secret').toString('base64')}`;
  assert.ok(asked.every(({ headers }) => headers.authorization === expected));
});

test('the account’s key goes to the provider, not to where a redirect leads; no message holds it', async (t) => {
  const elsewhere = await setUp(t, { '/signed?token=1': { body: gzipSync(newer) } });
  const where = '/geoip/databases/GeoLite2-City/download?suffix=tar.gz';
  const { update } = await setUp(t, {
    [where]: { status: 302, location: `${elsewhere.base}/signed?token=1` },
    [`${where}.sha256`]: { body: sha256(gzipSync(newer)) },
  });
  await update({ from: 'maxmind', account: { id: '42', key: 'secret' } });
  assert.equal(elsewhere.asked[0]?.headers.authorization, undefined);
  const failing = await setUp(t, {});
  await assert.rejects(
    failing.update({ from: 'maxmind', account: { id: '42', key: 'secret' } }),
    (error: Error) => /answers 404/.test(error.message) && !error.message.includes('secret'),
  );
});

const cut = gzipSync(newer).subarray(0, -20);
const broken: [title: string, Answer, Partial<UpdateOptions>, RegExp][] = [
  ['is not there', { status: 404 }, {}, /answers 404/],
  ['is empty', { body: '' }, {}, /damaged or no database/],
  ['is a page', { body: '<html>'.repeat(200) }, {}, /damaged or no database/],
  ['is cut in its gzip', { body: cut }, {}, /damaged/],
  ['is cut in the database', { body: newer.subarray(0, 300) }, {}, /damaged or no database/],
  ['is another than was named', { body: newer }, { sha256: 'ab'.repeat(32) }, /has the SHA-256/],
  [
    'is an archive without a database',
    { body: gzipSync(tarOf('a.txt', newer)) },
    {},
    /holds no \.mmdb/,
  ],
  [
    'has no places',
    { body: writeMmdb({ '8.8.8.0/24': { autonomous_system_number: 15169 } }, february) },
    {},
    /a city database is needed/,
  ],
];
for (const [title, answer, options, problem] of broken) {
  test(`what ${title} is refused, and the present file stays`, async (t) => {
    const { update, isAsBefore } = await setUp(t, { '/city': answer }, older);
    await assert.rejects(update(options), problem);
    isAsBefore();
  });
}

test('an older one is not taken unless it is wanted', async (t) => {
  const { update, isAsBefore, file } = await setUp(t, { '/city': { body: older } }, newer);
  await assert.rejects(update({}), /older than the present Synthetic-City of 2026-02-01/);
  isAsBefore();
  await update({ force: true });
  assert.deepEqual(readFileSync(file), older);
});

test('a present file that is damaged is no hindrance, and neither is a folder that is not there yet', async (t) => {
  const { update, file } = await setUp(t, { '/city': { body: newer } }, Buffer.from('rubbish'));
  await update({});
  assert.deepEqual(readFileSync(file), newer);
  const deeper = path.join(path.dirname(file), 'new', 'city.mmdb');
  await update({ file: deeper });
  assert.deepEqual(readFileSync(deeper), newer);
});

test('a small archive that unpacks to too much is refused', async () => {
  const bomb = gzipSync(Buffer.alloc(10_000_000));
  await assert.rejects(databaseIn(bomb, 1_000_000), /unpacks to more than 1000000 bytes/);
});

test('plain HTTP is for this machine only, also behind a redirect, and redirects have an end', async (t) => {
  await assert.rejects(fetchFile('http://192.0.2.1/city', {}), /is not https/);
  const { base } = await setUp(t, {
    '/away': { status: 302, location: 'http://192.0.2.1/city' },
    '/loop': { status: 302, location: '/loop' },
  });
  await assert.rejects(fetchFile(`${base}/away`, {}), /192\.0\.2\.1 is not https/);
  await assert.rejects(fetchFile(`${base}/loop`, {}), /more than 5 redirects/);
});
