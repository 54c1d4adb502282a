import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { startChild } from '../runtime/child.ts';
import { changed } from './network.ts';

async function run(t: TestContext, role: string, id: string, secret = 'env:RUN_NODE_SECRET') {
  const folder = mkdtempSync(path.join(tmpdir(), 'breakwater-run-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'network.yaml');
  writeFileSync(file, JSON.stringify(changed((n) => Object.assign(n, { secret }))));
  const environment = { RUN_NODE_SECRET: 'from-outside' };
  const child = startChild(t, '../topology/run-node-process.ts', [role, file, id], { environment });
  return { code: await child.ended(), said: child.output(), problem: child.errors() };
}

test('a node starts with its file, its secret from the environment, and an instance of its own', async (t) => {
  const { code, said } = await run(t, 'edge', 'par');
  assert.deepEqual([code, said], [0, 'par from-outside true true\n']);
});

test('a node of another role says which command runs it', async (t) => {
  const { code, problem } = await run(t, 'edge', 'purge');
  assert.equal(code, 1);
  assert.equal(
    problem,
    '"purge" is a node of the role purge: start it with "breakwater purge-api"\n',
  );
});

test('an unknown id, and a file with problems, end the start with what is wrong', async (t) => {
  const unknown = await run(t, 'edge', 'xyz');
  assert.match(unknown.problem, /has no node "xyz" \(it has: purge, eu, us, par, nyc, ns1\)\n$/);
  const wrong = await run(t, 'edge', 'par', 'env:NOT_SET_ANYWHERE');
  assert.match(wrong.problem, /1 problem\n {2}secret \(line 1\): the environment variable NOT_SET/);
  assert.deepEqual([unknown.code, wrong.code], [1, 1]);
});
