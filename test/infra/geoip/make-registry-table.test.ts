import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { registryBlocks } from '../../../geo-dns/locate/registry-regions.ts';
import { makeRegistryTable } from '../../../infra/geoip/make-registry-table.ts';

const root = path.join(import.meta.dirname, '../../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

test('the table in the repository is what the script makes of the facts', () => {
  const made = makeRegistryTable(read('infra/geoip/iana-address-space.txt'));
  assert.equal(read('geo-dns/locate/registry-regions.ts'), made);
});

test('every /8 of IPv4 belongs to exactly one line of the facts', () => {
  const octets = read('infra/geoip/iana-address-space.txt')
    .split('\n')
    .filter((line) => line.startsWith('ipv4/8 '))
    .flatMap((line) => line.split(' ').slice(3))
    .flatMap((item) => {
      const [first = '', last = first] = item.split('-');
      return Array.from({ length: Number(last) - Number(first) + 1 }, (_, n) => Number(first) + n);
    });
  const sorted = octets.sort((a, b) => a - b);
  assert.deepEqual(
    sorted,
    Array.from({ length: 256 }, (_, n) => n),
  );
});

test('neighbours of one registry are joined into the widest networks, others are not', () => {
  const made = makeRegistryTable('ipv4/8 arin allocated 64-67 70\nipv4/8 apnic allocated 68');
  assert.match(made, /region: 'arin',\n.*\n {4}networks: \['64\.0\.0\.0\/6', '70\.0\.0\.0\/8'\]/);
  assert.match(made, /region: 'apnic',\n.*\n {4}networks: \['68\.0\.0\.0\/8'\]/);
});

test('a line that is not understood stops the script', () => {
  assert.throws(() => makeRegistryTable('ipv4 arin allocated 64.0.0.1/8'), /64/);
  assert.throws(() => makeRegistryTable('ipv4/8 arin allocated 64-300'), /256/);
});

test('no network stands in the table twice', () => {
  const all = registryBlocks.flatMap((block) => block.networks);
  assert.equal(new Set(all).size, all.length);
});
