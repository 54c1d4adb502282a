import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { planReload } from '../../purge-api/reload.ts';
import { smallTopology } from '../core/purge/fake-purge-api.ts';

const current = smallTopology();

describe('a changed configuration', () => {
  test('an equal file changes nothing', () => {
    const { applied, refused, topology } = planReload(current, smallTopology());
    assert.deepEqual([applied, refused], [[], []]);
    assert.equal(topology.hash, current.hash);
  });

  test('nodes, sites and tokens are taken', () => {
    const [token] = current.purge.tokens;
    const next = {
      ...current,
      pops: [],
      hash: 'other',
      purge: { ...current.purge, tokens: token ? [token] : [] },
    };
    const { applied, refused, topology } = planReload(current, next);
    assert.deepEqual([applied, refused], [['pops', 'purge.tokens'], []]);
    assert.deepEqual([topology.pops, topology.hash], [[], 'other']);
    assert.equal(topology.purge.tokens.length, 1);
  });

  test('what is read once at the start is refused and stays as it is, the rest is taken all the same', () => {
    const purge = { ...current.purge, listen: '127.0.0.1:9', tokens: [] };
    const next = { ...current, leaseMs: 1, secret: 'other', purge };
    const { applied, refused, topology } = planReload(current, next);
    assert.deepEqual(refused, ['secret', 'lease', 'purge.listen']);
    assert.deepEqual(applied, ['purge.tokens']);
    assert.deepEqual(
      [topology.leaseMs, topology.secret, topology.purge.listen],
      [current.leaseMs, current.secret, current.purge.listen],
    );
  });
});
