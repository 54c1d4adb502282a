import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTable } from '../../../infra/cli/table.ts';

test('columns are as wide as their widest cell, and lines have no blanks at their end', () => {
  const lines = formatTable(
    ['NODE', 'STATE'],
    [
      ['par', 'ready'],
      ['a-long-name', ''],
    ],
  );
  assert.deepEqual(lines, ['NODE         STATE', 'par          ready', 'a-long-name']);
});

test('a column that is empty in every row is left out', () => {
  assert.deepEqual(formatTable(['A', 'B', 'C'], [['1', '', '3']]), ['A  C', '1  3']);
});

test('colour and letters outside ASCII count as what they take on the screen', () => {
  const [header, row] = formatTable(['A', 'B'], [['\u001b[32mSão\u001b[39m', 'x']]);
  assert.equal(header, 'A    B');
  assert.equal(row, '\u001b[32mSão\u001b[39m  x');
});

test('without rows there is the header only, and no column', () => {
  assert.deepEqual(formatTable(['A'], []), ['']);
});
