/** The installation lock: who waits, and for whom nobody waits. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { acquireLock } from '../../../infra/bootstrap/lock.js';

function createLockFile() {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-lock-'));
  return {
    file: join(folder, 'lock'),
    heldBy(pid: number, host = hostname()) {
      writeFileSync(join(folder, 'lock'), JSON.stringify({ pid, host }));
    },
    unchangedForSeconds(seconds: number) {
      const then = Date.now() / 1000 - seconds;
      utimesSync(join(folder, 'lock'), then, then);
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

function deadPid(): number {
  return spawnSync(process.execPath, ['--version']).pid;
}

/** Takes the lock; a wait ends at once, and rejects. */
async function takeWithoutWait(file: string) {
  const controller = new AbortController();
  const waitedFor: string[] = [];
  const onWait = (holder: string) => {
    waitedFor.push(holder);
    controller.abort(new Error('would wait'));
  };
  try {
    const release = await acquireLock(file, onWait, controller.signal);
    return { waitedFor, release };
  } catch {
    return { waitedFor, release: undefined };
  }
}

test('a free lock is taken at once, names its holder, and is gone when given back', async () => {
  using lock = createLockFile();
  const { release } = await takeWithoutWait(lock.file);
  assert.equal(JSON.parse(readFileSync(lock.file, 'utf8')).pid, process.pid);
  release?.();
  assert.ok(!existsSync(lock.file));
});

test('the lock of a living process is waited for', async () => {
  using lock = createLockFile();
  lock.heldBy(process.pid);
  const { waitedFor, release } = await takeWithoutWait(lock.file);
  assert.deepEqual(waitedFor, [`pid ${process.pid}`]);
  assert.equal(release, undefined);
});

test('the lock of a dead process is taken over', async () => {
  using lock = createLockFile();
  lock.heldBy(deadPid());
  const { waitedFor, release } = await takeWithoutWait(lock.file);
  assert.deepEqual(waitedFor, []);
  release?.();
});

test('a lock of another host is waited for while it is renewed, and taken over when it is not', async () => {
  using lock = createLockFile();
  lock.heldBy(deadPid(), 'another-host');
  lock.unchangedForSeconds(10);
  assert.equal((await takeWithoutWait(lock.file)).waitedFor.length, 1);
  lock.unchangedForSeconds(20);
  const { waitedFor, release } = await takeWithoutWait(lock.file);
  assert.deepEqual(waitedFor, []);
  release?.();
});

test('a lock that is just being written is waited for, not taken for stale', async () => {
  using lock = createLockFile();
  writeFileSync(lock.file, '');
  assert.deepEqual((await takeWithoutWait(lock.file)).waitedFor, ['another process']);
});
