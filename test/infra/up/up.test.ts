import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import type { UpEvent } from '../../../infra/up/events.ts';
import { stopLimitMs } from '../../../infra/up/supervisor.ts';
import { allGone, isAlive, type Running, startProcess } from '../support/run-process.ts';
import { smallNetwork, smallNetworkFolder } from '../support/small-network.ts';

const driver = path.join(import.meta.dirname, 'up-with-stand-ins.ts');

type Network = ReturnType<typeof smallNetworkFolder>;

function startUp(network: Network, misbehaviour = ''): Running {
  return startProcess(driver, [network.file], {
    cwd: network.folder,
    environment: { STAND_IN_MISBEHAVES: misbehaviour },
  });
}

async function nextEvent<K extends UpEvent['event']>(up: Running, event: K) {
  const line = await up.line((text) => (JSON.parse(text) as UpEvent).event === event);
  return JSON.parse(line) as Extract<UpEvent, { event: K }>;
}

function eventsIn(stdout: string): UpEvent[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as UpEvent);
}

const pidsOf = (ready: Extract<UpEvent, { event: 'ready' }>) =>
  ready.nodes.map((node) => node.pid ?? 0);

const notesOf = (network: Network, id: string) =>
  readFileSync(path.join(network.folder, 'data', id, 'notes'), 'utf8');

test('starts purge-api before shields, shields before edges and DNS, and says what each has bound', async () => {
  const network = smallNetworkFolder();
  const up = startUp(network);
  const ready = await nextEvent(up, 'ready');
  up.child.kill('SIGTERM');
  const { stdout, code } = await up.finished;
  const started = eventsIn(stdout).flatMap((event) =>
    event.event === 'started' ? [event.id] : [],
  );
  assert.equal(code, 0);
  assert.equal(started[0], 'purge');
  assert.deepEqual(started.slice(1, 3).sort(), ['eu', 'us']);
  assert.deepEqual(started.slice(3).sort(), ['ns1', 'par']);
  assert.ok(ready.nodes.every((node) => node.state === 'ready' && !node.listen.endsWith(':0')));
});

test('leaves the name of its configuration for commands that are run beside it, and a secret for single nodes', async () => {
  const network = smallNetworkFolder();
  const up = startUp(network);
  await nextEvent(up, 'ready');
  up.child.kill('SIGTERM');
  await up.finished;
  const current = readFileSync(path.join(network.folder, '.breakwater/current'), 'utf8');
  assert.equal(current.trim(), network.file);
  assert.match(readFileSync(path.join(network.folder, 'data/secret'), 'utf8'), /^[0-9a-f]{64}\n$/);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`on ${signal} every node drains and no process is left`, async () => {
    const network = smallNetworkFolder();
    const up = startUp(network);
    const ready = await nextEvent(up, 'ready');
    up.child.kill(signal);
    const { code, stdout } = await up.finished;
    const stopped = eventsIn(stdout).at(-1);
    assert.equal(code, 0);
    assert.deepEqual(pidsOf(ready).filter(isAlive), []);
    assert.ok(stopped?.event === 'stopped' && stopped.killed.length === 0);
    for (const { id } of ready.nodes) assert.match(notesOf(network, id), /drained/);
  });
}

test('a node that hangs is killed, so that Ctrl-C takes less than 3 s', async () => {
  const network = smallNetworkFolder();
  const up = startUp(network);
  const ready = await nextEvent(up, 'ready');
  process.kill(ready.nodes.find((node) => node.id === 'eu')?.pid ?? 0, 'SIGSTOP');
  up.child.kill('SIGINT');
  const { stdout } = await up.finished;
  const stopped = eventsIn(stdout).at(-1);
  assert.deepEqual(pidsOf(ready).filter(isAlive), []);
  assert.ok(stopped?.event === 'stopped' && stopLimitMs < 3000);
  assert.deepEqual(stopped.killed, ['eu']);
});

test('a node that takes long to drain ends by itself when its time is up', async () => {
  const network = smallNetworkFolder();
  const up = startUp(network, 'drags eu');
  const ready = await nextEvent(up, 'ready');
  up.child.kill('SIGINT');
  const { stdout } = await up.finished;
  const stopped = eventsIn(stdout).at(-1);
  assert.deepEqual(pidsOf(ready).filter(isAlive), []);
  assert.ok(stopped?.event === 'stopped' && stopped.killed.length === 0);
});

test('kill -9 of up leaves no process: the nodes see their channel close, and drain', async () => {
  const network = smallNetworkFolder();
  const up = startUp(network);
  const ready = await nextEvent(up, 'ready');
  up.child.kill('SIGKILL');
  await allGone(pidsOf(ready));
  for (const { id } of ready.nodes) assert.match(notesOf(network, id), /drained/);
});

test('kill -9 of up while its nodes are only starting leaves no process either', async () => {
  const network = smallNetworkFolder();
  const up = startUp(network);
  const first = await nextEvent(up, 'started');
  up.child.kill('SIGKILL');
  const { stdout } = await up.finished;
  const started = eventsIn(stdout).flatMap((event) =>
    event.event === 'started' ? [event.pid] : [],
  );
  await allGone([first.pid, ...started]);
  // A new network gets its ports and its lock, so nothing of the old one holds them.
  const again = startUp(network);
  await nextEvent(again, 'ready');
  again.child.kill('SIGTERM');
  assert.equal((await again.finished).code, 0);
});

test('a node that dies is started again, counted, and said in one line', async () => {
  const network = smallNetworkFolder();
  const up = startUp(network);
  const ready = await nextEvent(up, 'ready');
  process.kill(ready.nodes.find((node) => node.id === 'par')?.pid ?? 0, 'SIGKILL');
  const ended = await nextEvent(up, 'ended');
  const restarted = await nextEvent(up, 'restarted');
  up.child.kill('SIGTERM');
  await up.finished;
  assert.deepEqual(ended, {
    event: 'ended',
    id: 'par',
    why: 'signal SIGKILL',
    delayMs: 250,
    restart: 1,
  });
  assert.equal(restarted.id, 'par');
  assert.equal(isAlive(restarted.pid), false);
});

test('a node that cannot start ends the whole network with its reason, and nothing is left running', async () => {
  const network = smallNetworkFolder();
  const { code, stdout } = await startUp(network, 'fails us').finished;
  const events = eventsIn(stdout);
  const pids = events.flatMap((event) => (event.event === 'started' ? [event.pid] : []));
  const failed = events.at(-1);
  assert.equal(code, 1);
  assert.ok(failed?.event === 'failed');
  assert.match(failed.reason, /^us could not start: out of luck \(its log: .*us\/log\)$/);
  assert.deepEqual(pids.filter(isAlive), []);
});

test('a node that ends without a word before it has started is a failed start too', async () => {
  const network = smallNetworkFolder();
  const { code, stdout } = await startUp(network, 'crashes ns1').finished;
  const failed = eventsIn(stdout).at(-1);
  assert.equal(code, 1);
  assert.ok(failed?.event === 'failed');
  assert.match(failed.reason, /ns1 could not start: it ended with code 7/);
});

test('a port in use is one line with the key to change, before anything is started', async () => {
  const squatter = createServer();
  await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve));
  const { port } = squatter.address() as { port: number };
  const { shields } = smallNetwork();
  const taken = [{ ...shields[0], listen: `127.0.0.1:${port}` }, shields[1]];
  const { code, stdout } = await startUp(smallNetworkFolder({ shields: taken })).finished;
  squatter.close();
  const events = eventsIn(stdout);
  assert.equal(code, 1);
  assert.deepEqual(events, [
    {
      event: 'failed',
      reason: `127.0.0.1:${port} (eu.listen) is in use by another process: stop that one, or change the addresses in breakwater.yaml.`,
    },
  ]);
});

test('a data folder that cannot be written is one line with what to do', async () => {
  const network = smallNetworkFolder({ dataDir: './file/data' });
  writeFileSync(path.join(network.folder, 'file'), 'a file where a folder is wanted');
  const { code, stdout } = await startUp(network).finished;
  const [failed] = eventsIn(stdout);
  assert.equal(code, 1);
  assert.ok(failed?.event === 'failed');
  assert.match(
    failed.reason,
    /file\/data cannot be written \(ENOTDIR\): change its owner, or "dataDir"/,
  );
});

test('a second up on the same data folder is refused, naming the process of the first', async () => {
  const network = smallNetworkFolder();
  const first = startUp(network);
  await nextEvent(first, 'ready');
  const second = await startUp(network).finished;
  first.child.kill('SIGTERM');
  await first.finished;
  const [failed] = eventsIn(second.stdout);
  assert.equal(second.code, 1);
  assert.ok(failed?.event === 'failed');
  assert.match(
    failed.reason,
    new RegExp(`another .breakwater up. \\(process ${first.child.pid}\\)`),
  );
});

test('SIGHUP reaches every node; a file that has become wrong reaches none', async () => {
  const network = smallNetworkFolder();
  const up = startUp(network);
  const ready = await nextEvent(up, 'ready');
  up.child.kill('SIGHUP');
  const { told } = await nextEvent(up, 'reload');
  writeFileSync(network.file, '{ "network": "small" }');
  up.child.kill('SIGHUP');
  const refused = await nextEvent(up, 'reload-refused');
  up.child.kill('SIGTERM');
  await up.finished;
  assert.equal(told, ready.nodes.length);
  assert.match(refused.reason, /sites \(line 1\): is missing/);
  for (const { id } of ready.nodes)
    assert.equal(notesOf(network, id).match(/reloaded/g)?.length, 1);
});

test('the output of each node is in its log file, and its environment says how many workers it may have', async () => {
  const network = smallNetworkFolder();
  const up = startUp(network);
  await nextEvent(up, 'ready');
  up.child.kill('SIGTERM');
  await up.finished;
  assert.ok(existsSync(path.join(network.folder, 'data/par/log')));
  assert.match(notesOf(network, 'par'), /started with [1-9]\d* workers/);
});
