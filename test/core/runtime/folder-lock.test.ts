import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { FolderInUse, lockFolder } from '../../../core/runtime/folder-lock.ts';
import { startChild } from './child.ts';

function folder(t: TestContext): string {
  const made = mkdtempSync(path.join(tmpdir(), 'breakwater-lock-'));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return path.join(made, 'par');
}

test('a folder that this process holds is refused to another one, with what to do', async (t) => {
  const held = folder(t);
  const lock = lockFolder(held);
  const child = startChild(t, 'folder-lock-process.ts', [held]);
  await child.ended();
  assert.match(child.output(), /^FolderInUse: another process uses .*par: stop it first/);
  lock.release();
  lockFolder(held).release();
});

test('a process that is killed leaves nothing that has to be cleaned up', async (t) => {
  const held = folder(t);
  const child = startChild(t, 'folder-lock-process.ts', [held]);
  await child.says(/locked/);
  assert.throws(() => lockFolder(held), FolderInUse);
  child.process.kill('SIGKILL');
  await child.ended();
  lockFolder(held).release();
});

test('the same process cannot hold a folder twice; other folders are free', (t) => {
  const held = folder(t);
  const lock = lockFolder(held);
  assert.throws(() => lockFolder(held), FolderInUse);
  lockFolder(path.join(held, 'other')).release();
  lock.release();
});

test('a folder that cannot be made is another error than one in use', (t) => {
  const file = folder(t);
  writeFileSync(file, '');
  assert.throws(
    () => lockFolder(file),
    (error: unknown) => {
      assert.equal(error instanceof FolderInUse, false);
      return (error as { code?: string }).code === 'EEXIST';
    },
  );
});
