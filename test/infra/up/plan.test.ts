import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listenersOf, planNetwork, workersPerNode } from '../../../infra/up/plan.ts';
import { smallNetwork, smallTopology } from '../support/small-network.ts';

test('whoever is asked starts before those who ask', () => {
  const tiers = planNetwork(smallTopology(), { demoOrigin: '127.0.0.1:9000' });
  const ids = tiers.map((tier) => tier.map((process) => process.id));
  assert.deepEqual(ids, [
    ['purge', 'demo-origin'],
    ['eu', 'us'],
    ['par', 'ns1'],
  ]);
});

test('a network without shields has no tier for them', () => {
  const { pops } = smallNetwork();
  const direct = pops.map(({ shield: _, ...pop }) => pop);
  const tiers = planNetwork(smallTopology({ shields: [], pops: direct }), {
    demoOrigin: undefined,
  });
  assert.equal(tiers.length, 2);
});

test('each process is the command line with the verb of its role, the file and its id', () => {
  const processes = planNetwork(smallTopology(), { demoOrigin: undefined }).flat();
  const commands = processes.map((process) => process.args.join(' '));
  const file = '/nowhere/breakwater.yaml';
  assert.deepEqual(commands, [
    `purge-api -c ${file} --id purge`,
    `shield -c ${file} --id eu`,
    `shield -c ${file} --id us`,
    `edge -c ${file} --id par`,
    `dns -c ${file} --id ns1`,
  ]);
});

test('the cores are divided among the caching nodes, and each has at least one worker', () => {
  const topology = smallTopology();
  const workers = [1, 2, 3, 6, 16].map((cores) => workersPerNode(cores, topology));
  assert.deepEqual(workers, [1, 1, 1, 2, 5]);
});

test('a DNS server needs its port for both transports', () => {
  const listeners = listenersOf(planNetwork(smallTopology(), { demoOrigin: undefined }));
  const dns = listeners.filter(({ owner }) => owner === 'ns1.listen');
  assert.deepEqual(
    dns.map(({ transport }) => transport),
    ['tcp', 'udp'],
  );
  assert.equal(listeners.length, 11);
});
