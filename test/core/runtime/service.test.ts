import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { startFailure } from '../../../core/runtime/service.ts';
import { openDatabase } from '../../../core/runtime/sqlite.ts';
import { startChild } from './child.ts';

const file = 'service-process.ts';
const withParent = { hasParent: true };

test('SIGTERM drains within four fifths of the limit, then ends the process well', async (t) => {
  const child = startChild(t, file, ['serve'], { environment: { BREAKWATER_DRAIN_MS: '5000' } });
  await child.says(/started/);
  child.process.kill('SIGTERM');
  assert.equal(await child.ended(), 0);
  assert.match(child.output(), /"reason":"SIGTERM".*draining.*\n.*"limitMs":4000.*\n.*stopped/);
});

test('without a parent SIGINT drains too; a second signal ends at once, unless it comes with the first', async (t) => {
  const child = startChild(t, file, ['slow']);
  await child.says(/started/);
  child.process.kill('SIGINT');
  await child.says(/asked to drain/);
  // The same wish, told twice.
  child.process.kill('SIGTERM');
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.equal(child.process.exitCode, null);
  child.process.kill('SIGINT');
  assert.equal(await child.ended(), 1);
});

test('a drain that does not end is cut at its limit', async (t) => {
  const child = startChild(t, file, ['slow'], { environment: { BREAKWATER_DRAIN_MS: '50' } });
  await child.says(/started/);
  child.process.kill('SIGTERM');
  assert.equal(await child.ended(), 1);
  assert.match(child.output(), /drain limit reached/);
});

test('with a parent SIGINT is the parent’s to act on; its end drains, whatever way it ended', async (t) => {
  const child = startChild(t, file, ['serve'], withParent);
  const [message] = await once(child.process, 'message');
  assert.deepEqual(message, { type: 'started', bound: { listen: 'there' } });
  child.process.kill('SIGINT');
  child.process.kill('SIGHUP');
  await child.says(/took it over/);
  assert.doesNotMatch(child.output(), /draining/);
  child.process.disconnect();
  assert.equal(await child.ended(), 0);
  assert.match(child.output(), /parent is gone/);
});

test('a parent that asked for the drain and goes does not cut it short at once', async (t) => {
  const child = startChild(t, file, ['slow'], withParent);
  await child.says(/started/);
  child.process.kill('SIGTERM');
  await child.says(/asked to drain/);
  child.process.disconnect();
  assert.equal(await child.ended(), 1);
  assert.match(child.output(), /"limitMs":2500.*drain limit reached/);
});

test('SIGHUP reloads; a refused reload is told and the service goes on', async (t) => {
  const child = startChild(t, file, ['serve']);
  await child.says(/started/);
  child.process.kill('SIGHUP');
  await child.says(/took it over/);
  child.process.kill('SIGHUP');
  await child.says(/the file is wrong/);
  child.process.kill('SIGTERM');
  assert.equal(await child.ended(), 0);
});

test('a start that fails is one line on standard error and a message to the parent', async (t) => {
  const taken = await occupied(t);
  const child = startChild(t, file, [String(taken.port)], withParent);
  const [message] = await once(child.process, 'message');
  assert.equal(await child.ended(), 1);
  const line = `127.0.0.1:${taken.port} is in use by another process: stop that one, or change the address in the configuration`;
  assert.equal(child.errors(), `${line}\n`);
  assert.deepEqual(message, { type: 'failed', reason: line });
});

test('a start that fails with a reason of ours says that and no more', async (t) => {
  const child = startChild(t, file, ['text']);
  assert.equal(await child.ended(), 1);
  assert.equal(child.errors(), 'a reason in words\n');
});

async function occupied(t: TestContext): Promise<{ port: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  return server.address() as { port: number };
}

/** The line for what `listen` fails with. */
async function bindFailure(host: string, port: number): Promise<string> {
  const server: Server = createServer();
  const failed = once(server, 'error');
  server.listen({ host, port });
  return startFailure((await failed)[0]);
}

function lineOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return startFailure(error);
  }
  return 'it worked';
}

test('an address that this machine has not got is told as that', async () => {
  assert.match(await bindFailure('192.0.2.1', 80), /^192\.0\.2\.1:80: this machine has no such/);
  assert.match(await bindFailure('2001:db8::1', 80), /^\[2001:db8::1\]:80: this machine has no/);
});

test('a port that needs rights is told apart from a file that does', () => {
  const port = Object.assign(new Error('x'), { code: 'EACCES', address: '0.0.0.0', port: 80 });
  assert.match(startFailure(port), /^0\.0\.0\.0:80 may not be bound by this user: choose a port/);
  const denied = Object.assign(new Error('x'), { code: 'EACCES', path: '/data/par' });
  assert.match(startFailure(denied), /^\/data\/par cannot be written \(EACCES\): change its owner/);
});

test('a data folder below a file, or that is one, is told with its path', (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'breakwater-service-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const letter = path.join(folder, 'letter');
  writeFileSync(letter, '');
  const below = path.join(letter, 'par');
  const make = (name: string) => () => mkdirSync(name, { recursive: true });
  assert.equal(lineOf(make(below)).startsWith(`${below} cannot be written (ENOTDIR)`), true);
  assert.equal(lineOf(make(letter)).startsWith(`${letter} cannot be written (EEXIST)`), true);
  const opened = lineOf(() => openDatabase(folder));
  assert.equal(opened.startsWith(`${folder} cannot be written (SQLITE_CANTOPEN)`), true);
});
