import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { findTools, ownCommand } from '../../../infra/up/tools-at-hand.ts';
import { newFolder } from '../support/temp-folder.ts';

test('the command line is called again the way it was called', () => {
  const script = '/checkout/infra/cli/main.ts';
  const npm = { npm_package_name: 'breakwater' };
  assert.equal(ownCommand(npm, script, '/checkout'), 'npm run -s breakwater --');
  assert.equal(ownCommand({}, script, '/checkout'), 'node infra/cli/main.ts');
  assert.equal(ownCommand({}, script, '/elsewhere'), 'node /checkout/infra/cli/main.ts');
  assert.equal(ownCommand({}, '/usr/local/bin/breakwater', '/'), 'breakwater');
});

test('a program is at hand when PATH has it and it may be run; dig before kdig', () => {
  const folder = newFolder();
  for (const name of ['kdig', 'dig', 'curl']) writeFileSync(path.join(folder, name), '');
  chmodSync(path.join(folder, 'kdig'), 0o755);
  const tools = () => findTools({ PATH: `:${folder}:/nowhere` }, '/x/main.ts', '/x');
  const before = tools();
  chmodSync(path.join(folder, 'dig'), 0o755);
  assert.equal(before.curl, false);
  assert.equal(before.dns, 'kdig');
  assert.equal(tools().dns, 'dig');
});
