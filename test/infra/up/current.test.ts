import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { findCurrent, rememberCurrent } from '../../../infra/up/current.ts';
import { newFolder } from '../support/temp-folder.ts';

test('what was started last is found from the same folder and from those below it', () => {
  const folder = newFolder();
  const below = path.join(folder, 'a', 'b');
  mkdirSync(below, { recursive: true });
  const before = findCurrent(below);
  rememberCurrent(folder, '/first.yaml');
  rememberCurrent(folder, '/second.yaml');
  assert.equal(before, undefined);
  assert.equal(findCurrent(folder), '/second.yaml');
  assert.equal(findCurrent(below), '/second.yaml');
});
