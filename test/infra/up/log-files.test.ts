import assert from 'node:assert/strict';
import { closeSync, existsSync, readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import {
  lastWords,
  openLogFile,
  pickLastWords,
  rotateLogFile,
} from '../../../infra/up/log-files.ts';
import { newFolder } from '../support/temp-folder.ts';

const newFile = () => path.join(newFolder(), 'node', 'log');

test('at the limit a log stays, above it its content moves to one old file', async () => {
  const file = newFile();
  const { fd } = openLogFile(file);
  writeSync(fd, '12345');
  const atLimit = await rotateLogFile(file, 5);
  writeSync(fd, '6');
  const above = await rotateLogFile(file, 5);
  assert.deepEqual([atLimit, above], [false, true]);
  assert.equal(readFileSync(`${file}.old`, 'utf8'), '123456');
  closeSync(fd);
});

test('whoever has the log open goes on writing to the new one, from its beginning', async () => {
  const file = newFile();
  const { fd } = openLogFile(file);
  writeSync(fd, 'before');
  await rotateLogFile(file, 1);
  writeSync(fd, 'after');
  closeSync(fd);
  assert.equal(readFileSync(file, 'utf8'), 'after');
});

test('an old file is replaced, so that there are never more than two', async () => {
  const file = newFile();
  for (const text of ['first', 'second']) {
    const { fd } = openLogFile(file);
    writeSync(fd, text);
    closeSync(fd);
    await rotateLogFile(file, 1);
  }
  assert.equal(readFileSync(`${file}.old`, 'utf8'), 'second');
  assert.equal(existsSync(`${file}.old.old`), false);
});

test('the last words of a node are those of its last life', () => {
  const file = newFile();
  const { fd } = openLogFile(file);
  writeSync(fd, 'Error: long ago\n');
  const { bytes, fd: again } = openLogFile(file);
  writeSync(again, '{"level":"info"}\n');
  const silent = lastWords(file, bytes);
  writeSync(again, 'no such port\n{"level":"info"}\n');
  assert.equal(silent, undefined);
  assert.equal(lastWords(file, bytes), 'no such port');
  closeSync(fd);
  closeSync(again);
});

test('of a stack trace, the line that names the error is what matters', () => {
  const text =
    'file:///x.ts:3\n  throw new E();\n\nTypeError: nothing works\n    at x.ts:3\n\nNode.js v24\n';
  assert.equal(pickLastWords(text), 'TypeError: nothing works');
});
