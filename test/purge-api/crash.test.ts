/** Every 202 is in the journal after any crash: purge-api is killed with SIGKILL at the worst moments. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Position, startOf } from '../../core/purge/command.ts';
import { systemClock, systemRandom } from '../../core/runtime/deps.ts';
import { controlRequest } from '../../core/runtime/http-client.ts';
import { silentLog } from '../../core/runtime/log.ts';
import type { PurgeBody } from '../../purge-api/present.ts';
import { openSqliteJournal } from '../../purge-api/sqlite-journal.ts';
import { smallTopology } from '../core/purge/fake-purge-api.ts';
import { temporaryFolder } from './builders.ts';
import { empty, openNode } from './test-node.ts';

const program = fileURLToPath(new URL('purge-api-process.ts', import.meta.url));
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function newFolder(): string {
  const folder = temporaryFolder();
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts the process; `lines` are what it prints. */
function run(...args: string[]) {
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = () => killHard(child);
  ends.push(kill);
  return { kill, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

async function killHard(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function startProcess(folder: string, lease = '50ms') {
  const { lines, kill } = run(folder, lease);
  const { value } = await lines.next();
  const listen = String(value).replace('listen ', '');
  const call = async <Body = PurgeBody>(path: string, json?: unknown, headers = {}) => {
    const response = await controlRequest(`http://${listen}${path}`, {
      method: json === undefined ? 'GET' : 'POST',
      headers: { authorization: 'Bearer token-of-all', ...headers },
      json,
      timeoutMs: 5000,
    });
    return { status: response.status, body: JSON.parse(response.body.toString()) as Body };
  };
  /** Asks again while purge-api waits for nodes that will not come. */
  const purge = async (json: unknown, headers = {}) => {
    let answer = await call('/v1/purges', json, headers);
    while (answer.status === 503) answer = await call('/v1/purges', json, headers);
    return answer;
  };
  const head = async () => {
    const { body } = await call<{ head: Position }>('/v1/nodes');
    return body.head;
  };
  return { call, purge, head, kill, listen };
}

describe('purge-api is killed', () => {
  test('after a 202: the purge is there after the restart, and its number is not given twice', async () => {
    const folder = newFolder();
    const before = await startProcess(folder);
    const { status, body } = await before.purge({ tags: ['news'] });
    await before.kill();
    const after = await startProcess(folder);
    const found = await after.call(`/v1/purges/${body.id}`);
    assert.ok(status === 202 || status === 200);
    assert.deepEqual([found.status, found.body.seq], [200, 1]);
    assert.equal((await after.purge({ tags: ['more'] })).body.seq, 2);
  });

  test('between append and answer: the purge is there after the restart, and goes out to the nodes', async () => {
    const folder = newFolder();
    const before = await startProcess(folder, '10s');
    const nodes = (['par', 'eu'] as const).map((id) =>
      openNode(smallTopology(before.listen), id, empty(), { apply: () => new Promise(() => {}) }),
    );
    await before.purge({ tags: ['first'] });
    // Held back by `wait`: the entry is durable, and the answer never comes.
    const unanswered = assert.rejects(before.call('/v1/purges?wait=60s', { tags: ['second'] }));
    while ((await before.head()).seq < 2) await systemClock.sleep(5);
    await before.kill();
    await unanswered;
    for (const { subscriber } of nodes) void subscriber.stop();
    const after = await startProcess(folder);
    const { identity, seq } = await after.head();
    assert.equal(seq, 2);
    const memory = empty(startOf(identity));
    const node = openNode(smallTopology(after.listen), 'par', memory);
    ends.push(node.subscriber.stop);
    await node.ready;
    const selectors = memory.applied.flatMap((entry) => entry.selectors);
    assert.deepEqual(selectors, [
      { kind: 'tag', tag: 'first' },
      { kind: 'tag', tag: 'second' },
    ]);
  });

  test('between append and answer: sent again under its key it is the same purge, and another body is a conflict', async () => {
    const folder = newFolder();
    const key = { 'idempotency-key': 'deploy-7' };
    const before = await startProcess(folder, '10s');
    const nodes = (['par', 'eu'] as const).map((id) =>
      openNode(smallTopology(before.listen), id, empty(), { apply: () => new Promise(() => {}) }),
    );
    await before.purge({ tags: ['first'] });
    const path = '/v1/purges?wait=60s';
    const unanswered = assert.rejects(before.call(path, { tags: ['second'] }, key));
    while ((await before.head()).seq < 2) await systemClock.sleep(5);
    await before.kill();
    await unanswered;
    for (const { subscriber } of nodes) void subscriber.stop();
    const after = await startProcess(folder);
    const again = await after.purge({ tags: ['second'] }, key);
    const other = await after.purge({ tags: ['other'] }, key);
    assert.deepEqual([again.body.seq, other.status], [2, 409]);
    assert.equal((await after.head()).seq, 2, 'nothing was doubled');
  });

  test('in the middle of appending: all that was durable is there, in one unbroken chain', async () => {
    const folder = newFolder();
    const { lines, kill } = run(folder, 'append-forever');
    let durable = 0;
    while (durable < 60) {
      const { value } = await lines.next();
      durable = Number(String(value).replace('durable ', ''));
    }
    await kill();
    const journal = openSqliteJournal(
      { clock: systemClock, random: systemRandom, log: silentLog },
      { file: `${folder}/purge/journal.sqlite`, retentionMs: 86_400_000 },
    );
    ends.push(journal.close);
    const entries = await journal.after(0, { limit: 1_000_000 });
    assert.ok(entries.length >= durable, `${entries.length} of ${durable} entries`);
    assert.equal(journal.head().seq, entries.length);
  });
});
