import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { contains, parseAddress, parseNetwork } from '../../../core/runtime/addresses.ts';
import { loadTopology } from '../../../core/topology/load.ts';
import { topologySchema } from '../../../core/topology/schema.ts';
import { demoOriginAddress } from '../../../infra/cli/find-config.ts';
import { warningsOf } from '../../../infra/cli/warnings.ts';
import { demoConfigFile } from '../../../infra/demo/demo-config.ts';

const topology = loadTopology(demoConfigFile, {});

/** Every key that the schema knows, at any depth. */
function keysOf(schema: unknown): Set<string> {
  const keys = new Set<string>();
  const walk = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return;
    const { properties } = value as { properties?: Record<string, unknown> };
    for (const key of Object.keys(properties ?? {})) keys.add(key);
    for (const inner of Object.values(value)) walk(inner);
  };
  walk(schema);
  return keys;
}

test('the demo configuration is the manual: it mentions every key that there is', () => {
  const text = readFileSync(demoConfigFile, 'utf8');
  const keys = keysOf(z.toJSONSchema(topologySchema, { io: 'input', unrepresentable: 'any' }));
  const missing = [...keys].filter((key) => !new RegExp(`\\b${key}:`).test(text));
  assert.ok(keys.size > 50);
  assert.deepEqual(missing, []);
});

test('it is the network that is promised: Paris, New York, Tokyo; two shields, Tokyo has both in order', () => {
  const rings = Object.fromEntries(topology.pops.map((pop) => [pop.id, pop.shieldRings]));
  assert.deepEqual(rings, { par: [['eu']], nyc: [['us']], tyo: [['us'], ['eu']] });
  assert.deepEqual(
    topology.shields.map((shield) => shield.id),
    ['eu', 'us'],
  );
  assert.deepEqual(
    topology.dns.map((dns) => dns.id),
    ['ns1'],
  );
  assert.deepEqual(warningsOf(topology), []);
});

test('its ten places lie in the networks that are reserved for benchmarks (RFC 2544), and nowhere twice', () => {
  const places = topology.dns[0]?.geoip.places ?? [];
  const reserved = parseNetwork('198.18.0.0/15');
  const networks = places.flatMap((place) => place.networks);
  assert.equal(places.length, 10);
  assert.equal(new Set(networks).size, 10);
  for (const network of networks) {
    const address = parseAddress(network.split('/')[0] ?? '');
    assert.ok(reserved && address && contains(reserved, address.bytes), network);
  }
});

test('its files are kept where git ignores them, and its origin is the one that up starts', () => {
  const root = path.join(import.meta.dirname, '../../..');
  const origins = topology.sites.flatMap((site) => site.origins.map((origin) => origin.url));
  assert.equal(path.relative(root, topology.dataDir), path.join('.breakwater', 'demo'));
  assert.deepEqual([...new Set(origins)], [`http://${demoOriginAddress}`]);
});
