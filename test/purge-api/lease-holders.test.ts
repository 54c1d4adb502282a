import assert from 'node:assert/strict';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { openLeaseHolders } from '../../purge-api/lease-holders.ts';
import { temporaryFolder } from './builders.ts';

const fileName = 'lease-holders.json';

test('who was granted a lease last is known to the next process', (t) => {
  const folder = temporaryFolder();
  t.after(() => rmSync(folder, { recursive: true }));
  const holders = openLeaseHolders(path.join(folder, 'new'));
  assert.equal(holders.holder('par'), undefined);
  holders.holds('par', 'a');
  holders.holds('eu', 'b');
  holders.holds('par', 'c');
  const again = openLeaseHolders(path.join(folder, 'new'));
  assert.deepEqual([again.holder('par'), again.holder('eu')], ['c', 'b']);
  assert.deepEqual(readdirSync(path.join(folder, 'new')), [fileName]);
});

test('a file that cannot be read is as none', (t) => {
  const folder = temporaryFolder();
  t.after(() => rmSync(folder, { recursive: true }));
  for (const text of ['{', '[1]', '{"par":5}']) {
    writeFileSync(path.join(folder, fileName), text);
    assert.equal(openLeaseHolders(folder).holder('par'), undefined);
  }
});
