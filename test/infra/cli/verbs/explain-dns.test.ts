import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findClient } from '../../../../infra/cli/place.ts';
import type { Steering } from '../../../../infra/cli/steering.ts';
import { describeSteering } from '../../../../infra/cli/verbs/explain-dns.ts';
import { smallTopology } from '../../support/small-network.ts';

const client = findClient('Tokyo', smallTopology());
const steering: Steering = {
  server: 'ns1',
  addresses: ['192.0.2.1'],
  ttlSeconds: 30,
  scope: '198.18.3.0/24',
  transport: 'UDP',
  tookMs: 1,
  why: {
    pop: 'par',
    reason: 'nearest',
    place: 'Tokyo',
    source: 'places',
    basis: 'subnet',
    'distance-km': '9711',
  },
  others: ['nyc distance-km=10849 load=0.75 load-km=500 in', 'tyo distance-km=0 unhealthy'],
};

test('a steered name is told with place, reason, answer, TTL, scope (RFC 7871), and every PoP in order', () => {
  assert.deepEqual(describeSteering('www.small.test', client, steering), [
    'www.small.test for Tokyo',
    '',
    '  client  198.18.3.0/24',
    '  place   Tokyo (source: places), by the subnet',
    '  pop     par (nearest)',
    '  answer  192.0.2.1 from ns1 over UDP',
    '  ttl     30 s',
    '  scope   198.18.3.0/24',
    '',
    'POP  DISTANCE KM  LOAD  LOAD KM  STATE',
    'par  9711                        in',
    'nyc  10849        0.75  500      in',
    'tyo  0                           unhealthy',
  ]);
});

test('a name with static records has an answer and no PoPs', () => {
  const lines = describeSteering('ns1.small.test', client, { ...steering, why: {}, others: [] });
  assert.ok(lines.includes('  pop     none: the name is no host of a site'));
  assert.ok(!lines.some((line) => line.startsWith('POP')));
});

test('the first PoP is not said to be in when every one is out', () => {
  const why = { ...steering.why, reason: 'fail-open' };
  const lines = describeSteering('www.small.test', client, { ...steering, why, others: [] });
  assert.match(lines.at(-1) ?? '', /^par .*out$/);
});
