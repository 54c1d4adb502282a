import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { chunkBytes, type DiskReport } from '../../../core/cache/disk-messages.ts';
import type { DiskTier, DiskWrite } from '../../../core/cache/disk-tier.ts';
import { openWorkerDisk } from '../../../core/cache-node/worker-disk.ts';
import { startWriterHost, type WriterHost } from '../../../core/cache-node/writer-host.ts';
import { startOf } from '../../../core/purge/command.ts';
import { systemClock } from '../../../core/runtime/deps.ts';
import { silentLog } from '../../../core/runtime/log.ts';
import { createMetrics } from '../../../core/runtime/metrics.ts';
import { bodyOf, entryAfter, identity, response } from '../cache/disk-fixture.ts';

interface Host {
  host: WriterHost;
  tier: DiskTier;
  reports: DiskReport[];
  failure: Promise<Error>;
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'breakwater-writer-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function openHost(t: TestContext, file = join(folder(t), 'cache.db')): Promise<Host> {
  const reports: DiskReport[] = [];
  const failure = Promise.withResolvers<Error>();
  const host = await startWriterHost({
    service: 'edge',
    nodeId: 'par',
    logLevel: 'silent',
    disk: { file, budgetBytes: 64 * 2 ** 20 },
    sites: [],
    onReport: (report) => void reports.push(report),
    onFailure: failure.resolve,
  });
  const deps = { clock: systemClock, log: silentLog, metrics: createMetrics() };
  const tier = openWorkerDisk(deps, { file, port: host.connect() });
  t.after(async () => {
    tier.close();
    await host.close().catch(() => {});
  });
  return { host, tier, reports, failure: failure.promise };
}

function over(write: DiskWrite): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  write.onProgress = () => {
    if (write.state !== 'open') resolve(write.state);
  };
  return promise;
}

test('a worker writes through the writer thread and reads by itself; a restart keeps both tiers of truth', async (t) => {
  const file = join(folder(t), 'cache.db');
  const { host, tier } = await openHost(t, file);
  assert.deepEqual(host.journal, { position: null, start: null, entries: [] });
  await host.reset(startOf(identity));
  const body = bodyOf(3 * chunkBytes + 7, 'page');
  const init = response('page', { bodyBytes: body.length, tags: ['news'] });
  const write = tier.begin(init.key);
  const stored = over(write);
  write.append(body);
  write.finish(init, 8);
  assert.equal(await stored, 'stored');
  assert.ok(tier.body(tier.lookup(init.key)[0]?.rowId ?? 0, body.length)?.equals(body));
  const entry = entryAfter(startOf(identity), [{ kind: 'tag', tag: 'other' }]);
  const position = { identity, seq: 1, hash: entry.hash };
  await host.apply([entry], position);
  assert.equal((await host.stats()).responses, 1);
  await host.close();
  const again = await openHost(t, file);
  assert.deepEqual(again.host.journal, { position, start: startOf(identity), entries: [entry] });
  assert.deepEqual(await again.host.contents(), again.host.journal);
  assert.ok(again.tier.lookup(init.key)[0]);
});

test('reports how many responses a purge matched, and refuses entries that do not follow', async (t) => {
  const { host, tier, reports } = await openHost(t);
  await host.reset(startOf(identity));
  const write = tier.begin(response('page').key);
  const stored = over(write);
  write.finish(response('page', { bodyBytes: 0, tags: ['news'] }), 8);
  await stored;
  const first = entryAfter(startOf(identity), [{ kind: 'tag', tag: 'news' }]);
  const at = { identity, seq: 1, hash: first.hash };
  const second = entryAfter(at, [{ kind: 'everything' }]);
  await assert.rejects(host.apply([second], { identity, seq: 2, hash: second.hash }), /lead/);
  await host.apply([first], at);
  while (reports.length === 0) await systemClock.sleep(5);
  assert.deepEqual(reports, [{ type: 'matched', seq: 1, responses: 1 }]);
  assert.match(JSON.stringify(await host.snapshot()), /breakwater_disk_writes_total/);
});

test('says what is wrong when the file cannot be opened', async (t) => {
  await assert.rejects(
    openHost(t, join(folder(t), 'missing', 'cache.db')),
    /missing\/cache\.db cannot be opened/,
  );
});

test('an error that nobody expected in the thread is told, and fails what was asked', async (t) => {
  const { host, failure } = await openHost(t);
  const port = host.connect();
  port.postMessage({ type: 'nonsense' });
  port.unref();
  assert.match((await failure).message, /unhandled case/);
  await assert.rejects(host.flush());
});

test('what is asked after the end is refused, not left waiting', async (t) => {
  const { host } = await openHost(t);
  await host.close();
  await assert.rejects(host.apply([], startOf(identity)), /closed/);
  await host.close();
});
