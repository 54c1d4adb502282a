import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSelectorLines, purgeBodies } from '../../../infra/cli/purge-selection.ts';

const nothing = { url: [], tag: [], prefix: [], host: [], all: false, soft: false };

test('selectors of all kinds, options and lines of a file alike, are one request', () => {
  const lines = parseSelectorLines('# of today\n\ntag two words \r\nhost a.test\n', 'list');
  const selection = { ...nothing, url: ['http://a/', 'http://b/'], tag: ['news'], soft: true };
  assert.deepEqual(purgeBodies(selection, lines), [
    {
      urls: ['http://a/', 'http://b/'],
      tags: ['news', 'two words'],
      hosts: ['a.test'],
      soft: true,
    },
  ]);
  assert.deepEqual(purgeBodies({ ...nothing, all: true }), [{ everything: true }]);
});

test('no selector is wrong usage, never everything; nor is an empty file', () => {
  assert.throws(() => purgeBodies({ ...nothing, soft: true }), { exitCode: 2 });
  assert.throws(() => purgeBodies({ ...nothing, warm: 5 }), { exitCode: 2 });
  assert.throws(() => purgeBodies(nothing, parseSelectorLines('\n# nothing\n', 'list')), {
    exitCode: 2,
  });
});

test('a line that is not understood refuses the whole file, and says which it is', () => {
  for (const line of ['news', 'tag', 'everything', 'all x', 'TAG x']) {
    assert.throws(() => parseSelectorLines(`tag a\n${line}\n`, 'list'), {
      exitCode: 2,
      message: /^list, line 2: expected "url URL"/,
    });
  }
});

test('1,000 selectors are one request and 1,001 are two, in the order of the file', () => {
  const tags = (count: number) =>
    Array.from({ length: count }, (_, n) => ({ kind: 'tag' as const, text: `t${n}` }));
  assert.equal(purgeBodies(nothing, tags(1000)).length, 1);
  const texts = tags(1001).map(({ text }) => text);
  assert.deepEqual(purgeBodies(nothing, tags(1001)), [
    { tags: texts.slice(0, 1000) },
    { tags: ['t1000'] },
  ]);
});

test('a request stays below the bytes that the API takes', () => {
  const urls = Array.from({ length: 400 }, () => ({
    kind: 'url' as const,
    text: 'ä'.repeat(4000),
  }));
  const bodies = purgeBodies(nothing, urls);
  assert.ok(bodies.length > 1);
  for (const body of bodies) assert.ok(Buffer.byteLength(JSON.stringify(body)) < 2 ** 20);
});

test('--warm goes with one purge: the hottest of each batch would not be the hottest of all', () => {
  const tags = Array.from({ length: 1001 }, (_, n) => `t${n}`);
  assert.deepEqual(purgeBodies({ ...nothing, tag: ['a'], warm: 5 }), [{ tags: ['a'], warm: 5 }]);
  assert.throws(() => purgeBodies({ ...nothing, tag: tags, warm: 5 }), { exitCode: 2 });
});
