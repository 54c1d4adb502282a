import assert from 'node:assert/strict';
import { test } from 'node:test';
import { surrogateTags } from '../../../core/http/tags.ts';

/** A field's value as Node hands it over: one character a byte. */
const received = (bytes: Buffer) => ['Surrogate-Key', bytes.toString('latin1')];

test('a tag in UTF-8 is the text that a purge names', () => {
  const raw = received(Buffer.from('été 日本,plain', 'utf8'));
  assert.deepEqual(surrogateTags(raw).tags, ['été', '日本', 'plain']);
});

test('bytes that are no UTF-8 are taken for Latin-1', () => {
  assert.deepEqual(surrogateTags(received(Buffer.from('été', 'latin1'))).tags, ['été']);
});

test('the bound of a tag is in bytes', () => {
  const longest = 'é'.repeat(512);
  const { tags, dropped } = surrogateTags(received(Buffer.from(`${longest} ${longest}é`)));
  assert.deepEqual([tags, dropped], [[longest], 1]);
});
