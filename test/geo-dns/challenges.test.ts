import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordTypes } from '../../core/dns/record.ts';
import { challengeTtlMs } from '../../core/purge/acme.ts';
import { type Challenges, createChallengeKeeper, lookupBeside } from '../../geo-dns/challenges.ts';
import { buildZones } from '../../geo-dns/zone-build.ts';
import { dnsNetwork, plainDns } from '../support/dns-network.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const value = (letter: string) => letter.repeat(43);
const dns = plainDns.replace(
  'zone: demo.test\n    ttl: 30s',
  'zones: [{ name: demo.test, records: [{ name: _acme-challenge.alias, type: CNAME, value: x.test }, { name: _acme-challenge.both, type: TXT, value: given }, { name: "*.wild", type: A, value: 192.0.2.1 }, { name: sub, type: NS, value: x.test }] }]',
);
const topology = dnsNetwork({ dns });
const zone =
  buildZones(topology, topology.dns[0] ?? assert.fail()).get('demo.test') ?? assert.fail();

const challenges: Challenges = new Map(
  ['www', 'alias', 'both', 'a.b', 'x.wild', 'x.sub'].map((host) => [
    `_acme-challenge.${host}.demo.test`,
    [value('a'), value('b')],
  ]),
);
const find = (name: string, type: 'TXT' | 'A' | 'CNAME') =>
  lookupBeside(challenges, zone, `${name}.demo.test`, recordTypes[type]);
const textsOf = (name: string) => {
  const found = find(name, 'TXT');
  if (found.kind !== 'records') return found.kind;
  return found.records.map(({ data }) => (data.type === 'TXT' ? String(data.strings[0]) : ''));
};

test('the values of a challenge are TXT records of its name, beside those of the zone, in place of an alias', () => {
  assert.deepEqual(textsOf('_acme-challenge.www'), [value('a'), value('b')]);
  assert.deepEqual(textsOf('_acme-challenge.alias'), [value('a'), value('b')]);
  assert.deepEqual(textsOf('_acme-challenge.both'), ['given', value('a'), value('b')]);
  assert.equal(find('_acme-challenge.www', 'A').kind, 'nodata');
  assert.equal(find('_acme-challenge.other', 'TXT').kind, 'nxdomain');
});

test('a name above a challenge exists (RFC 8020), and a wildcard goes on standing for it', () => {
  assert.equal(find('a.b', 'A').kind, 'nodata');
  assert.equal(find('b', 'A').kind, 'nodata');
  assert.equal(find('c', 'A').kind, 'nxdomain');
  assert.equal(find('x.wild', 'A').kind, 'records');
});

test('what is delegated is not ours to prove', () => {
  assert.equal(find('_acme-challenge.x.sub', 'TXT').kind, 'referral');
});

test('a list replaces what there was, and each challenge ends by itself', async () => {
  const clock = createFakeClock();
  const seen: number[] = [];
  const keeper = createChallengeKeeper(clock, (all) => seen.push(all.size));
  const list = (...hosts: [host: string, leftMs: number][]) => ({
    challenges: hosts.map(([host, leftMs]) => ({ host, value: value('a'), leftMs })),
  });
  keeper.take(list(['www.demo.test', 1000], ['demo.test', 2000]));
  assert.deepEqual(
    [...keeper.now().keys()],
    ['_acme-challenge.www.demo.test', '_acme-challenge.demo.test'],
  );
  await clock.advance(1000);
  assert.deepEqual([...keeper.now().keys()], ['_acme-challenge.demo.test']);
  await clock.advance(1000);
  assert.equal(keeper.now().size, 0);
  assert.deepEqual(seen, [2, 1, 0]);
  keeper.take(list(['www.demo.test', 1000]));
  keeper.take(list());
  assert.equal(keeper.now().size, 0);
  for (const wrong of [
    {},
    list(['not a host', 1]),
    list(['www.demo.test', challengeTtlMs + 1]),
    { challenges: [{ host: 'www.demo.test', value: 'short', leftMs: 1 }] },
  ]) {
    assert.throws(() => keeper.take(wrong));
  }
  keeper.stop();
});
