import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { takeOverInstances } from '../../../core/cache-node/instances.ts';
import { maxSucceeded } from '../../../core/purge/command.ts';

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'breakwater-instances-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('each start learns of those before it in the same folder, the latest first', (t) => {
  const folder = newFolder(t);
  assert.deepEqual(takeOverInstances(folder, 'a'), []);
  assert.deepEqual(takeOverInstances(folder, 'b'), ['a']);
  assert.deepEqual(takeOverInstances(folder, 'c'), ['b', 'a']);
});

test('as many as a hello may name', (t) => {
  const folder = newFolder(t);
  for (let n = 0; n < 40; n += 1) takeOverInstances(folder, `i${n}`);
  const earlier = takeOverInstances(folder, 'last');
  assert.deepEqual([earlier.length, earlier[0]], [maxSucceeded, 'i39']);
});

test('a copy of the folder proves nobody’s death', (t) => {
  const folder = newFolder(t);
  takeOverInstances(folder, 'a');
  const copy = path.join(newFolder(t), 'copy');
  cpSync(folder, copy, { recursive: true });
  assert.deepEqual(takeOverInstances(copy, 'b'), []);
});

test('a list that cannot be read costs a wait, and nothing else', (t) => {
  const folder = newFolder(t);
  takeOverInstances(folder, 'a');
  writeFileSync(path.join(folder, 'instances.json'), '{"writtenIn":');
  assert.deepEqual(takeOverInstances(folder, 'b'), []);
  assert.deepEqual(takeOverInstances(folder, 'c'), ['b']);
});
