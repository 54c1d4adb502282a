import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { readKeyFile, writeKeyFile } from '../../../geo-dns/dnssec/key-file.ts';
import { dsOf, keyTagOf, makeKey, signingKeyOf, zoneKeysOf } from '../../../geo-dns/dnssec/keys.ts';
import { publishWaitMs, retireWaitMs, rollKeys } from '../../../geo-dns/dnssec/rollover.ts';

test('tag and DS are those of the example of RFC 6605 §6.1', () => {
  const publicKey =
    'GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==';
  const dnskey = Buffer.concat([Buffer.of(1, 1, 3, 13), Buffer.from(publicKey, 'base64')]);
  const tag = keyTagOf(dnskey);
  assert.equal(tag, 55648);
  const { privateKey } = signingKeyOf(makeKey('active', 0));
  assert.equal(
    dsOf('Example.net', { tag, dnskey, privateKey }).toString('hex'),
    'd9600d02b4c8c1fe2e7477127b27115656ad6256f424625bf5c1e2770ce6d6e37df61d17',
  );
});

test('of a zone’s keys exactly one is active; a retired one is no more wanted at the parent', () => {
  const [one, two] = [makeKey('active', 0), makeKey('published', 0)];
  const { active, published, wanted } = zoneKeysOf([one, two]);
  assert.deepEqual([published.length, wanted.length], [2, 2]);
  assert.equal(active.tag, published[0]?.tag);
  assert.equal(zoneKeysOf([one, { ...two, state: 'retired' }]).wanted.length, 1);
  assert.throws(() => zoneKeysOf([two]), /exactly one/);
  assert.throws(() => zoneKeysOf([one, one]), /exactly one/);
});

test('a rollover publishes, activates, removes, and waits before each until caches have forgotten', () => {
  let now = 1000;
  const states = (keys: readonly { state: string }[]) => keys.map(({ state }) => state).join(' ');
  const step = (keys: Parameters<typeof rollKeys>[0]) => {
    const rolled = rollKeys(keys, now, false);
    return rolled.ok ? rolled : assert.fail(`wait ${rolled.waitMs} ms`);
  };
  const first = step([makeKey('active', now)]);
  assert.deepEqual([first.step, states(first.keys)], ['published', 'active published']);
  now += publishWaitMs - 1;
  assert.deepEqual(rollKeys(first.keys, now, false), { ok: false, waitMs: 1 });
  assert.ok(rollKeys(first.keys, now, true).ok);
  now += 1;
  const second = step(first.keys);
  assert.deepEqual([second.step, states(second.keys)], ['activated', 'retired active']);
  now += retireWaitMs - 1;
  assert.deepEqual(rollKeys(second.keys, now, false), { ok: false, waitMs: 1 });
  now += 1;
  const third = step(second.keys);
  assert.deepEqual([third.step, states(third.keys)], ['removed', 'active']);
  assert.equal(third.keys[0]?.privateKey, first.keys[1]?.privateKey);
});

function newFile(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'breakwater-keys-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return path.join(folder, 'dnssec', 'demo.test.json');
}

test('a key file is its owner’s only, and reads as it was written', (t) => {
  const file = newFile(t);
  const keys = [makeKey('active', 1_000_000), makeKey('published', 2_000_000)];
  writeKeyFile(file, 'demo.test', keys);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(readKeyFile(file, 'demo.test').stored, keys);
});

test('a key file that is missing, open to others, of another zone or damaged is refused with what to do', (t) => {
  const file = newFile(t);
  assert.throws(
    () => readKeyFile(file, 'demo.test'),
    /no keys: run "breakwater dnssec keygen demo/,
  );
  writeKeyFile(file, 'demo.test', [makeKey('active', 0)]);
  assert.throws(() => readKeyFile(file, 'other.test'), /holds the keys of demo.test/);
  chmodSync(file, 0o640);
  assert.throws(() => readKeyFile(file, 'demo.test'), /others can read it: chmod 600/);
  chmodSync(file, 0o600);
  for (const [content, problem] of [
    ['{', /JSON/],
    ['{"zone":"demo.test","keys":[]}', /keys: Too small/],
    ['{"zone":"demo.test","keys":[{"state":"odd"}]}', /keys.0.state/],
  ] as const) {
    writeFileSync(file, content);
    assert.throws(() => readKeyFile(file, 'demo.test'), problem);
  }
  writeKeyFile(file, 'demo.test', [{ ...makeKey('active', 0), privateKey: 'x' }]);
  assert.throws(() => readKeyFile(file, 'demo.test'), /demo\.test\.json: /);
});
