import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { breakwater } from '../support/run-process.ts';
import { newFolder } from '../support/temp-folder.ts';

/** A folder with a configuration of two zones, the first of which is to be signed. */
function setUp() {
  const folder = newFolder();
  const config = `
network: demo
secret: a-secret-for-tests
sites: [{ hosts: [www.demo.test], origins: [{ url: "http://127.0.0.1:9" }] }]
pops: [{ id: par, location: { latitude: 48.86, longitude: 2.35 }, listen: "127.0.0.1:0", admin: "127.0.0.1:0", advertise: [192.0.2.1] }]
dns: [{ id: ns1, listen: "127.0.0.1:0", admin: "127.0.0.1:0", name: ns1.demo.test, advertise: [192.0.2.1], zones: [{ name: demo.test, dnssec: {} }, { name: plain.test }] }]
purge: { listen: "127.0.0.1:0", admin: "127.0.0.1:0" }
`;
  writeFileSync(path.join(folder, 'breakwater.yaml'), config);
  const dnssec = (...args: string[]) => breakwater(['dnssec', ...args], { cwd: folder });
  return { file: path.join(folder, 'data', 'dnssec', 'demo.test.json'), dnssec };
}

test('dnssec keygen makes a key once; ds shows it, and its DS; roll replaces it in three steps', async () => {
  const { file, dnssec } = setUp();
  const made = await dnssec('keygen', 'Demo.test.');
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /^key \d+ {2}active/m);
  const [line = ''] = /demo\.test\. IN DS \d+ 13 2 [0-9a-f]{64}/.exec(made.stdout) ?? [];
  assert.notEqual(line, '');
  const content = readFileSync(file, 'utf8');
  const again = await dnssec('keygen', 'demo.test');
  assert.equal(again.code, 1);
  assert.match(again.stderr, /exists; "breakwater dnssec roll demo.test" replaces/);
  assert.equal(readFileSync(file, 'utf8'), content);
  const shown = JSON.parse((await dnssec('ds', 'demo.test', '--json')).stdout) as { ds: string[] };
  assert.deepEqual(shown.ds, [line]);
  assert.match((await dnssec('roll', 'demo.test')).stdout, /active[\s\S]*published/);
  const early = await dnssec('roll', 'demo.test');
  assert.equal(early.code, 1);
  assert.match(early.stderr, /safe in 2 h/);
  assert.match((await dnssec('roll', 'demo.test', '--now')).stdout, /retired[\s\S]*active/);
  const last = await dnssec('roll', 'demo.test', '--now');
  assert.doesNotMatch(last.stdout, /retired|published/);
  assert.ok(!last.stdout.includes(line));
});

test('dnssec says what is missing: the zone, its being signed, its keys', async () => {
  const { file, dnssec } = setUp();
  for (const [zone, problem] of [
    ['other.test', /has no zone "other.test"/],
    ['plain.test', /add "dnssec: \{\}" to it/],
    ['demo.test', /no keys: run "breakwater dnssec keygen demo.test"/],
  ] as const) {
    const { code, stderr } = await dnssec('ds', zone);
    assert.equal(code, 1);
    assert.match(stderr, problem);
  }
  assert.ok(!existsSync(file));
});
