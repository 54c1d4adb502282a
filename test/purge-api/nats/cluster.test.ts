/** The NATS journal on three servers: what one machine's loss must not cost. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { systemClock, systemRandom } from '../../../core/runtime/deps.ts';
import { silentLog } from '../../../core/runtime/log.ts';
import { createMetrics } from '../../../core/runtime/metrics.ts';
import { openNatsJournal } from '../../../purge-api/nats/nats-journal.ts';
import { purge } from '../../contract/journal.contract.ts';
import { type NatsServer, startNatsCluster } from '../../support/nats-server.ts';

let servers: NatsServer[] = [];
before(async () => {
  servers = await startNatsCluster();
});
after(() => Promise.all(servers.map((server) => server.remove())));

test('has three copies by itself, and goes on when the server that leads it dies', async () => {
  const addresses = servers.map(({ address }) => address);
  const replaced: string[] = [];
  const journal = await openNatsJournal(
    { clock: systemClock, random: systemRandom, log: silentLog, metrics: createMetrics() },
    {
      settings: { servers: addresses, stream: 'cluster' },
      ...{ retentionMs: 86_400_000, clientName: 'test' },
      onReplaced: (reason) => replaced.push(reason),
      onGrown: () => {},
    },
  );
  const group = (name: string) =>
    Promise.all(Array.from({ length: 50 }, (_, n) => journal.append(purge(`${name}${n}`))));
  await group('before');
  const connection = await connect({ servers: addresses });
  const { config, cluster } = await (await jetstreamManager(connection)).streams.info('cluster');
  await connection.close();
  assert.equal(config.num_replicas, 3);
  const leader = servers[Number(cluster?.leader?.slice(1))];
  await leader?.kill();
  let isBack = false;
  while (!isBack) {
    isBack = await journal.append(purge('first after')).then(
      () => true,
      () => false,
    );
  }
  await group('after');
  const entries = await journal.after(0, { limit: 1000 });
  assert.deepEqual(
    entries.map(({ seq }) => seq),
    entries.map((_, index) => index + 1),
  );
  const tags = new Set(entries.map(({ selectors }) => JSON.stringify(selectors)));
  assert.equal(tags.size, 101);
  assert.deepEqual([journal.head().seq, replaced], [entries.length, []]);
  await journal.close();
});
