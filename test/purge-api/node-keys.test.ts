import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { silentLog } from '../../core/runtime/log.ts';
import { createMetrics } from '../../core/runtime/metrics.ts';
import { createEvidenceMetrics } from '../../purge-api/evidence-metrics.ts';
import { openNodeKeys } from '../../purge-api/node-keys.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { makeKey } from '../support/signing-key.ts';
import { temporaryFolder } from './builders.ts';

let folder = '';
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function open() {
  const metrics = createMetrics();
  const deps = { clock: createFakeClock(), log: silentLog };
  const file = path.join(folder, 'node-keys.json');
  const keys = openNodeKeys({ ...deps, metrics: createEvidenceMetrics(metrics) }, file);
  return { keys, file, counted: () => metrics.text() };
}

const first = makeKey();
const other = makeKey();

test('the first key that a node shows is pinned, and still is after a restart', () => {
  const { keys } = open();
  assert.equal(keys.refusalOf('par', first.publicKey), undefined);
  keys.pin('par', first.publicKey);
  assert.equal(open().keys.of('par'), first.publicKey);
  assert.equal(open().keys.refusalOf('par', first.publicKey), undefined);
});

test('another key, or none, is refused, says both fingerprints and what to do, and is counted', async () => {
  const { keys, counted } = open();
  keys.pin('par', first.publicKey);
  const reason = keys.refusalOf('par', other.publicKey) ?? '';
  for (const text of [first.fingerprint, other.fingerprint, 'breakwater forget-key par']) {
    assert.ok(reason.includes(text), reason);
  }
  assert.match(keys.refusalOf('par', undefined) ?? '', /shows no key/);
  assert.match(await counted(), /breakwater_purge_keys_refused_total 2/);
  assert.equal(keys.of('par'), first.publicKey);
});

test('pins are for their node: another may show the same or a different key', () => {
  const { keys } = open();
  keys.pin('par', first.publicKey);
  assert.equal(keys.refusalOf('eu', other.publicKey), undefined);
  assert.equal(keys.refusalOf('__proto__', other.publicKey), undefined);
  assert.match(keys.refusalOf('eu', 'no key') ?? '', /no Ed25519/);
});

test('a node without a key is let in until it has shown one', () => {
  const { keys } = open();
  assert.equal(keys.refusalOf('par', undefined), undefined);
  keys.pin('par', undefined);
  assert.equal(keys.of('par'), undefined);
});

test('a forgotten key makes room for the next, durably', () => {
  const { keys } = open();
  keys.pin('par', first.publicKey);
  assert.equal(keys.forget('par'), true);
  assert.equal(keys.forget('par'), false);
  assert.equal(open().keys.refusalOf('par', other.publicKey), undefined);
});

test('a damaged file is set aside and counted, and all are pinned anew', async () => {
  for (const text of ['{', '{"version":1,"keys":{"par":"x"}}', '[]']) {
    writeFileSync(path.join(folder, 'node-keys.json'), text);
    const { keys, counted } = open();
    assert.equal(keys.of('par'), undefined);
    assert.match(await counted(), /key_file_failures_total\{operation="read"\} 1/);
    const aside = readdirSync(folder).find((name) => name.includes('damaged')) ?? '';
    assert.equal(readFileSync(path.join(folder, aside), 'utf8'), text);
  }
});

test('a file that cannot be written is counted, and the pin holds meanwhile', async () => {
  const { keys, file, counted } = open();
  mkdirSync(`${file}.new`);
  keys.pin('par', first.publicKey);
  assert.match(keys.refusalOf('par', other.publicKey) ?? '', /has signed with/);
  assert.match(await counted(), /key_file_failures_total\{operation="write"\} 1/);
});
