/** The guide to a first domain: the file that it gives is one, and the systemd unit starts what it says. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parseTopology } from '../../core/topology/load.ts';

const root = path.join(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const guide = read('docs/first-domain.md');

test('the configuration of the guide is valid, and has what the text speaks of', () => {
  const yaml = /```yaml\n([\s\S]*?)```/.exec(guide)?.[1] ?? assert.fail('there is no file');
  const environment = { BREAKWATER_SECRET: 'x'.repeat(32), PURGE_TOKEN: 'y'.repeat(32) };
  const topology = parseTopology(yaml, '/etc/breakwater/breakwater.yaml', environment);
  assert.deepEqual(
    [topology.pops, topology.dns].map((nodes) => nodes.map(({ id }) => id)),
    [
      ['par', 'nyc'],
      ['ns1', 'ns2'],
    ],
  );
  for (const [unit, role, id] of guide.matchAll(/breakwater@([a-z-]+):(\w+)/g)) {
    const ids = { edge: topology.pops, dns: topology.dns, 'purge-api': [topology.purge] }[
      role ?? ''
    ];
    assert.ok(
      ids?.some((node) => node.id === id),
      unit,
    );
  }
});

test('the unit splits its instance into role and id', () => {
  const command = /ExecStart=(.*)/.exec(read('infra/systemd/breakwater@.service'))?.[1] ?? '';
  assert.match(command, /"\$\$\{NODE%%%%:\*\}" -c \S+ --id "\$\$\{NODE#\*:\}"/);
});
