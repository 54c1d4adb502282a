/** The committed lock files: what they pin, and that they name no registry. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isNewEnough } from '../../../infra/bootstrap/plan.js';

interface LockEntry {
  version?: string;
  integrity?: string;
  resolved?: string;
}

function readPackages(name: string): [string, LockEntry][] {
  const file = new URL(`../../../${name}`, import.meta.url);
  const lock: { packages: Record<string, LockEntry> } = JSON.parse(readFileSync(file, 'utf8'));
  return Object.entries(lock.packages).filter(([path]) => path !== '');
}

const RUNTIME = 'infra/bootstrap/runtime/package-lock.json';

for (const name of ['package-lock.json', RUNTIME]) {
  test(`${name} has an integrity hash for each package, and no registry's address`, () => {
    for (const [path, { integrity, resolved }] of readPackages(name)) {
      assert.match(integrity ?? '', /^sha512-/, path);
      assert.equal(resolved, undefined, path);
    }
  });
}

test('each runtime package is pinned to an exact version that is new enough', () => {
  const file = new URL('../../../infra/bootstrap/runtime/package.json', import.meta.url);
  const pinned = JSON.parse(readFileSync(file, 'utf8')).optionalDependencies;
  const locked = readPackages(RUNTIME).map(([path, { version }]) => {
    assert.ok(isNewEnough(version ?? ''), path);
    return [path.replace('node_modules/', ''), version];
  });
  assert.deepEqual(Object.fromEntries(locked), pinned);
});
