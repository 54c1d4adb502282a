import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import {
  fingerprintOf,
  isPublicKey,
  isSignedBy,
  keyFileName,
  loadSigningKey,
} from '../../../core/runtime/signing-key.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'breakwater-key-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a key is made once, readable by its owner only, and found again', () => {
  const made = loadSigningKey(folder);
  const found = loadSigningKey(folder);
  assert.equal(found.publicKey, made.publicKey);
  assert.deepEqual(readdirSync(folder), [keyFileName]);
  assert.equal(statSync(path.join(folder, keyFileName)).mode & 0o777, 0o600);
});

test('a half-written draft of an earlier start is no key, and is written over', () => {
  writeFileSync(path.join(folder, `${keyFileName}.new`), '-----BEGIN');
  loadSigningKey(folder);
  assert.deepEqual(readdirSync(folder), [keyFileName]);
});

test('a file that is no Ed25519 key ends the start with what to do, and is left as it is', () => {
  const file = path.join(folder, keyFileName);
  for (const text of ['', 'no key']) {
    writeFileSync(file, text);
    assert.throws(() => loadSigningKey(folder), /node-key\.pem is no Ed25519 key.*forget-key/);
    assert.equal(readFileSync(file, 'utf8'), text);
  }
});

test('a signature is good for its text and its key, and for nothing else', () => {
  const key = loadSigningKey(folder);
  const signature = key.sign('text');
  assert.ok(isSignedBy(key.publicKey, 'text', signature));
  assert.ok(!isSignedBy(key.publicKey, 'Text', signature));
  assert.ok(!isSignedBy(key.publicKey, 'text', key.sign('other')));
  rmSync(path.join(folder, keyFileName));
  assert.ok(!isSignedBy(loadSigningKey(folder).publicKey, 'text', signature));
});

test('what is malformed is no key and no signature, and throws nothing', () => {
  const { publicKey, sign } = loadSigningKey(folder);
  const rsa =
    'MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAL8eJ5AKoIsjURpcEoGubZMxLD7+kT+TLr7UkvEtFrRhDDKMtuIIq19FrL4pUIMymPMSLBn3hJLe30Dw48GQM4UCAwEAAQ==';
  for (const text of ['', 'x', `${publicKey} `, publicKey.replace(/=+$/, '-'), rsa]) {
    assert.equal(isPublicKey(text), false, text);
    assert.equal(isSignedBy(text, 'text', sign('text')), false);
  }
  for (const signature of ['', 'x', `${sign('text')}\n`, sign('text').slice(4)]) {
    assert.equal(isSignedBy(publicKey, 'text', signature), false, signature);
  }
});

test('a fingerprint is written as ssh writes it', () => {
  assert.match(fingerprintOf(loadSigningKey(folder).publicKey), /^SHA256:[A-Za-z0-9+/]{43}$/);
});
