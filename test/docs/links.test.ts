/** Links to a heading: the heading exists. That the files exist is checked by test/tidy.test.ts. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { listFiles } from '../support/tidy/source.ts';
import { withoutFences } from './markdown.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

/** The anchors that a reader's Markdown viewer makes of the headings. */
function anchorsOf(text: string): Set<string> {
  const headings = [...withoutFences(text).matchAll(/^#+ (.+)$/gm)];
  return new Set(
    headings.map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s-]/gu, '')
        .trim()
        .replaceAll(' ', '-'),
    ),
  );
}

/** Links of `text`, the file's content, whose heading does not exist. */
function deadAnchors(file: string, text: string): string[] {
  return [...withoutFences(text).matchAll(/\]\(([^)\s]*)#([^)\s]+)\)/g)].flatMap(
    ([, target = '', anchor = '']) => {
      if (/^[a-z]+:/i.test(target)) return [];
      const other = path.posix.join(path.posix.dirname(file), target);
      const page = target === '' ? text : existsSync(path.join(root, other)) ? read(other) : '';
      return anchorsOf(page).has(anchor) ? [] : [`${file}: there is no heading #${anchor}`];
    },
  );
}

test('every link to a heading has one', () => {
  const problems = listFiles(root, ['.md']).flatMap((file) => deadAnchors(file, read(file)));
  assert.deepEqual(problems, []);
});

test('not so: a heading that is no more', () => {
  const text = '# One, two\n[a](#one-two) [b](#three) [c](docs/operations.md#nowhere)';
  assert.equal(deadAnchors('README.md', text).length, 2);
});
