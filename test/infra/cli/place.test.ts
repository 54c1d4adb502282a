import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findClient } from '../../../infra/cli/place.ts';
import { smallTopology } from '../support/small-network.ts';

const topology = smallTopology();

test('a place is found without regard to case and accents', () => {
  for (const text of ['Tokyo', 'tokyo', 'TOKYO']) {
    assert.equal(findClient(text, topology).network, '198.18.3.0/24');
  }
  assert.equal(findClient('sao paulo', topology).place, 'São Paulo');
});

test('an address speaks for its /24 or /56, a network for itself', () => {
  const networks = ['203.0.113.7', '203.0.0.0/12', '2001:db8:1:2:3::1'].map(
    (text) => findClient(text, topology).network,
  );
  assert.deepEqual(networks, ['203.0.113.0/24', '203.0.0.0/12', '2001:db8:1::/56']);
});

test('an unknown place is wrong usage, and the places that there are are named', () => {
  assert.throws(() => findClient('Atlantis', topology), {
    exitCode: 2,
    message: 'there is no place "Atlantis"; give an address, or one of: Tokyo, São Paulo',
  });
  assert.throws(() => findClient('Atlantis', smallTopology({ dns: [] })), /names no places/);
});
