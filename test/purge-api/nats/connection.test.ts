/** How purge-api shows a nats-server who it is, what it does where it is refused, and what it warns of. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterEach, test } from 'node:test';
import { systemClock, systemRandom } from '../../../core/runtime/deps.ts';
import { type Log, silentLog } from '../../../core/runtime/log.ts';
import { createMetrics } from '../../../core/runtime/metrics.ts';
import type { NatsSettings } from '../../../core/topology/journal-schema.ts';
import { openNatsJournal } from '../../../purge-api/nats/nats-journal.ts';
import { purge } from '../../contract/journal.contract.ts';
import { freePort, startNatsServer } from '../../support/nats-server.ts';

const certificate = path.join(import.meta.dirname, '../../fixtures/localhost.pem');
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function start(more: string) {
  const server = await startNatsServer(more);
  ends.push(server.remove);
  return server.address;
}

/** Appends one purge over a connection of its own; returns the warnings of the start. */
async function purgeOver(settings: Omit<NatsSettings, 'stream'>): Promise<string[]> {
  const warnings: string[] = [];
  const log: Log = Object.assign(Object.create(silentLog), {
    warn: (_fields: object, message: string) => warnings.push(message),
  });
  const journal = await openNatsJournal(
    { clock: systemClock, random: systemRandom, log, metrics: createMetrics() },
    {
      settings: { ...settings, stream: 'test' },
      ...{ retentionMs: 86_400_000, clientName: 'test' },
      onReplaced: () => {},
      onGrown: () => {},
    },
  );
  ends.push(journal.close);
  assert.equal((await journal.append(purge('x'))).kind, 'appended');
  return warnings;
}

test('by user and password; a wrong one is refused at once, and said', async () => {
  const servers = [await start('authorization { user: purge, password: right }')];
  await purgeOver({ servers, user: 'purge', password: 'right' });
  const wrong = purgeOver({ servers, user: 'purge', password: 'wrong' });
  await assert.rejects(wrong, /the journal "test" at 127\.0\.0\.1:\d+: .*Authorization/i);
  await assert.rejects(purgeOver({ servers }), /Authorization/i);
});

test('by token', async () => {
  const servers = [await start('authorization { token: right }')];
  await purgeOver({ servers, token: 'right' });
  await assert.rejects(purgeOver({ servers, token: 'wrong' }), /Authorization/i);
});

test('over TLS, and by a certificate of its own', async () => {
  const files = `cert_file: "${certificate}", key_file: "${certificate}"`;
  const servers = [await start(`tls { ${files}, ca_file: "${certificate}", verify: true }`)];
  const pem = readFileSync(certificate, 'utf8');
  await purgeOver({ servers, tls: { ca: pem, certificate: pem, key: pem } });
});

test('a server that does not sync at each write is warned of, once, whether it says so or not', async () => {
  const port = await freePort();
  const servers = [await start(`http: 127.0.0.1:${port}`)];
  for (const monitor of [undefined, `http://127.0.0.1:${port}`]) {
    const warnings = await purgeOver({ servers, monitor });
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /power cut.*sync_interval: always/);
  }
});

test('no warning where the monitoring address says that it does', async () => {
  const varz = { jetstream: { config: { store_dir: '/x', sync_interval: 1, sync_always: true } } };
  const http = createServer((_request, response) => response.end(JSON.stringify(varz)));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  ends.push(() => http.close());
  const { port } = http.address() as AddressInfo;
  const servers = [await start('')];
  assert.deepEqual(await purgeOver({ servers, monitor: `http://127.0.0.1:${port}/` }), []);
});

test('a purge that is larger than the server takes is refused, and those beside it are not', async () => {
  const server = await startNatsServer('max_payload: 64KB');
  ends.push(server.remove);
  const settings = { servers: [server.address], stream: 'small' };
  const journal = await openNatsJournal(
    { clock: systemClock, random: systemRandom, log: silentLog, metrics: createMetrics() },
    {
      ...{ settings, retentionMs: 86_400_000, clientName: 'test' },
      onReplaced: () => {},
      onGrown: () => {},
    },
  );
  ends.push(journal.close);
  const results = await Promise.allSettled([
    journal.append(purge('one')),
    journal.append(purge('x'.repeat(70_000))),
    journal.append(purge('two')),
  ]);
  assert.deepEqual(
    results.map((result) =>
      result.status === 'rejected'
        ? /raise max_payload/.test(result.reason.message)
        : 'entry' in result.value && result.value.entry.seq,
    ),
    [1, true, 2],
  );
});
