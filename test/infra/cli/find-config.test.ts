import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { findConfig, findNamedConfig } from '../../../infra/cli/find-config.ts';
import { rememberCurrent } from '../../../infra/up/current.ts';
import { newFolder } from '../support/temp-folder.ts';

test('the order is -c, BREAKWATER_CONFIG, ./breakwater.yaml, what was started last', () => {
  const cwd = newFolder();
  const environment = { BREAKWATER_CONFIG: 'env.yaml' };
  const nothing = findConfig(undefined, { cwd, environment: {} });
  rememberCurrent(cwd, '/current.yaml');
  const current = findConfig(undefined, { cwd, environment: {} });
  writeFileSync(path.join(cwd, 'breakwater.yaml'), '');
  const local = findConfig(undefined, { cwd, environment: {} });
  const named = findConfig(undefined, { cwd, environment });
  const option = findConfig('o.yaml', { cwd, environment });
  assert.equal(nothing, undefined);
  assert.deepEqual(current, { file: '/current.yaml', source: 'current' });
  assert.deepEqual(local, { file: path.join(cwd, 'breakwater.yaml'), source: 'folder' });
  assert.deepEqual(named, { file: path.join(cwd, 'env.yaml'), source: 'environment' });
  assert.deepEqual(option, { file: path.join(cwd, 'o.yaml'), source: 'option' });
});

test('up does not take the network that was started last: it has the demo', () => {
  const cwd = newFolder();
  rememberCurrent(cwd, '/current.yaml');
  assert.equal(findNamedConfig(undefined, { cwd, environment: {} }), undefined);
});

test('an empty BREAKWATER_CONFIG is none', () => {
  const found = findConfig(undefined, { cwd: newFolder(), environment: { BREAKWATER_CONFIG: '' } });
  assert.equal(found, undefined);
});
