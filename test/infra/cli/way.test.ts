import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from '../../../infra/cli/fetch-page.ts';
import { findClient } from '../../../infra/cli/place.ts';
import type { Steering } from '../../../infra/cli/steering.ts';
import { describeWay, formatBytes, stepsOf, type Way } from '../../../infra/cli/way.ts';
import { smallTopology } from '../support/small-network.ts';

const topology = smallTopology();
const miss =
  'small-eu; fwd=uri-miss; fwd-status=200; ttl=60; stored, small-par; fwd=uri-miss; fwd-status=200; stored';

const steering: Steering = {
  server: 'ns1',
  addresses: ['127.0.0.1'],
  ttlSeconds: 30,
  scope: '198.18.3.0/24',
  transport: 'UDP',
  tookMs: 1.25,
  why: {
    pop: 'par',
    reason: 'nearest',
    place: 'Tokyo',
    source: 'places',
    'distance-km': '9711',
  },
  others: ['nyc distance-km=10849 in'],
};

const page: Page = {
  status: 200,
  reason: 'OK',
  rawHeaders: ['X-Cache', 'MISS', 'Age', '0', 'Content-Type', 'text/html; charset=utf-8'],
  bytes: 842,
  timings: { connectMs: 0.31, firstByteMs: 12.04, totalMs: 12.5 },
};

function way(cacheStatus: string | undefined, changes: Partial<Way> = {}): Way {
  const steps = stepsOf(cacheStatus, topology);
  const client = findClient('Tokyo', topology);
  const url = 'http://www.small.test/';
  return { url, method: 'GET', client, steering, pop: 'par', page, steps, ...changes };
}

test('a miss is told from the client to the origin: place, PoP and why, tiers, times, answer', () => {
  assert.deepEqual(describeWay(way(miss), topology), [
    'GET http://www.small.test/ from Tokyo (198.18.3.0/24)',
    '',
    '  client  198.18.3.0/24 · Tokyo · a place of the configuration',
    '  dns     ns1 says 127.0.0.1 · for 30 s · the same for all of 198.18.3.0/24',
    '  pop     par in Paris · the nearest · 9711 km away · next would be nyc, 10849 km',
    '  edge    par: MISS, nothing stored · was answered 200 · stored it',
    '  shield  eu: MISS, nothing stored · was answered 200 · stored it, fresh for 60 s',
    '  origin  answered',
    '  time    dns 1.3 ms · connect 0.3 ms · first byte 12.0 ms · total 12.5 ms',
    '  answer  200 OK · X-Cache: MISS · Age: 0 · 842 B of text/html',
  ]);
});

test('the way of a hit ends at the tier that had it: what came before belongs to another request (RFC 9211 §2)', () => {
  const steps = stepsOf('small-eu; fwd=uri-miss; stored, small-par; hit; ttl=41', topology);
  assert.deepEqual(steps, [{ node: 'par', role: 'edge', did: 'HIT, fresh for 41 s', isHit: true }]);
  const lines = describeWay(way('small-par; hit; ttl=41'), topology);
  assert.ok(lines.every((line) => !line.includes('origin')));
});

test('a hit that is stale says for how long, and a shield that had it ends the way there', () => {
  const [edge, shield] = stepsOf(
    'small-eu; hit; ttl=-3, small-par; fwd=stale; collapsed',
    topology,
  );
  assert.equal(
    edge?.did,
    "stored but no longer fresh, asked on · waited for another request's answer",
  );
  assert.equal(shield?.did, 'HIT, stale for 3 s');
});

test('a miss after a purge is told from a miss of what was never there', () => {
  const [step] = stepsOf('small-par; fwd=uri-miss; stored; detail=purged', topology);
  assert.equal(step?.did, 'MISS, what was stored has been purged · stored it');
});

test('caches of others keep their names; a field that cannot be read tells of no tier', () => {
  assert.deepEqual(stepsOf('"Nginx proxy"; hit', topology)[0], {
    node: 'Nginx proxy',
    role: 'cache',
    did: 'HIT',
    isHit: true,
  });
  assert.deepEqual(stepsOf('par; hit; ttl=', topology), []);
  assert.deepEqual(stepsOf(undefined, topology), []);
});

test('a client whose place is only guessed, or not known, is told so', () => {
  const guessed = { ...steering, why: { pop: 'par', source: 'registry', place: 'APNIC' } };
  const unknown = {
    ...steering,
    why: { pop: 'par', source: 'none', place: 'unknown', reason: 'least-loaded' },
  };
  const client = findClient('203.0.113.7', topology);
  const [guess] = describeWay(way(miss, { steering: guessed, client }), topology).slice(2);
  const [none, , pop] = describeWay(way(miss, { steering: unknown, client }), topology).slice(2);
  assert.match(guess ?? '', /203\.0\.113\.0\/24 · APNIC · a guess, by the registry/);
  assert.match(none ?? '', /203\.0\.113\.0\/24 · its place is not known/);
  assert.match(pop ?? '', /the least loaded, since the place is not known/);
});

test('sizes are in the units of the configuration', () => {
  assert.deepEqual([0, 1023, 1024, 1536, 20 * 2 ** 20, 2 ** 31].map(formatBytes), [
    '0 B',
    '1023 B',
    '1 KiB',
    '1.5 KiB',
    '20 MiB',
    '2 GiB',
  ]);
});

test('where the address is shared, the way says that routing chose the PoP, and which the DNS would have', () => {
  const routes = {
    address: '192.0.2.1',
    routes: [
      { pop: 'par', costKm: 9711, announces: true },
      { pop: 'nyc', costKm: 10849, announces: true },
    ],
  };
  const lines = describeWay(way(miss, { routes }), topology);
  assert.ok(
    lines.includes(
      '  pop     par in Paris · anycast: 192.0.2.1 is par, nyc: routing takes par (9711 km), next nyc (10849 km) · by DNS it would be par',
    ),
    lines.join('\n'),
  );
});
