import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startChild } from './child.ts';

test('a line is an object with its node, level and time; secrets are left out of it', async (t) => {
  const child = startChild(t, 'log-process.ts', []);
  assert.equal(await child.ended(), 0);
  assert.doesNotMatch(child.output(), /hunter2|not said/);
  const lines = child
    .output()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const [top, nested, headers, failed] = lines;
  assert.equal(lines.length, 4);
  assert.deepEqual(
    [top.level, top.service, top.node, top.msg, top.seq],
    ['info', 'edge', 'par', 'top', 1],
  );
  assert.equal(new Date(top.time).toISOString(), top.time);
  assert.equal(nested.purge.name, 'deploy');
  assert.equal(headers.headers.accept, 'text/html');
  assert.deepEqual([failed.err.message, typeof failed.err.stack], ['broken', 'string']);
});
