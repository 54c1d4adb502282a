import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { loadTopology } from '../../../core/topology/load.ts';
import { demoConfigFile, demoConfigFor } from '../../../infra/demo/demo-config.ts';

test('on Linux the PoPs of the demo have different addresses, each its own listener', () => {
  const { pops } = loadTopology(demoConfigFor('linux', '/nowhere'), {});
  assert.equal(demoConfigFor('linux', '/nowhere'), demoConfigFile);
  const addresses = pops.flatMap((pop) => pop.advertise);
  assert.equal(new Set(addresses).size, pops.length);
  for (const pop of pops) assert.equal(pop.listen.split(':')[0], pop.advertise[0]);
});

test('elsewhere they share 127.0.0.1, on different ports, and keep their files beside the written file', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'breakwater-demo-'));
  try {
    const topology = loadTopology(demoConfigFor('darwin', folder), {});
    for (const pop of topology.pops) assert.deepEqual(pop.advertise, ['127.0.0.1']);
    assert.equal(new Set(topology.pops.map((pop) => pop.listen)).size, topology.pops.length);
    assert.equal(topology.dataDir, path.join(folder, 'demo'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
