/**
 * A worker thread of a DNS server: listens on the port that all of them share, and answers from its own copy of zones and places
 * and from the standing of the PoPs that the main thread tells.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { parseHostPort } from '../core/runtime/addresses.ts';
import { systemClock, systemRandom } from '../core/runtime/deps.ts';
import { createLog } from '../core/runtime/log.ts';
import { createMetrics } from '../core/runtime/metrics.ts';
import { createDnsMetrics } from './dns-metrics.ts';
import { createMeasured } from './measured/measured.ts';
import { createResponder } from './responder.ts';
import { startServer } from './server.ts';
import { loadSources } from './sources.ts';
import type { DnsWorkerStart, FromDnsWorker, ToDnsWorker } from './worker-messages.ts';

if (parentPort) await run(parentPort, workerData as DnsWorkerStart);

async function run(parent: NonNullable<typeof parentPort>, start: DnsWorkerStart): Promise<void> {
  const { nodeId, threads, data } = start;
  const log = createLog({ service: 'dns', node: nodeId });
  const registry = createMetrics();
  const metrics = createDnsMetrics(registry);
  const deps = { clock: systemClock, random: systemRandom, log, metrics };
  const tell = (message: FromDnsWorker) => parent.postMessage(message);
  let { pops, challenges } = start;
  let measured = createMeasured(start.measured);
  let { current } = await loadSources(deps, data.topology, nodeId, { files: data.files });
  const { respond, flush, stop } = createResponder(deps, {
    nodeId,
    served: () => current,
    pops: () => pops,
    challenges: () => challenges,
    measured: () => measured,
    threads,
  });
  const { exempt } = data.topology.limits;
  const server = await startServer(deps, {
    listen: start.listen,
    respond,
    tcp: { exempt },
    sharesPort: true,
  });
  registry.gauge(
    'breakwater_dns_tcp_connections',
    'TCP connections that are open.',
    () => server.tcpConnections,
  );
  // One after the other: a later configuration must not be overtaken by an earlier one.
  let loading: Promise<void> = Promise.resolve();
  const takeServed = async ({ topology }: DnsWorkerStart['data']) => {
    ({ current } = await loadSources(deps, topology, nodeId, current));
  };
  parent.on('message', (message: ToDnsWorker) => {
    switch (message.type) {
      case 'pops':
        pops = message.pops;
        break;
      case 'challenges':
        challenges = message.challenges;
        break;
      case 'measured':
        measured = createMeasured(message.measured);
        break;
      case 'served':
        loading = loading
          .then(() => takeServed(message.data))
          .catch((error: unknown) => {
            log.error({ err: error }, 'a worker could not take the configuration over');
          });
        break;
      case 'snapshot':
        flush();
        void registry.snapshot().then((snapshot) => {
          tell({ type: 'snapshot', call: message.call, metrics: snapshot });
        });
        break;
      case 'close':
        stop();
        void server.close().then(() => {
          log.flush();
          tell({ type: 'closed' });
        });
        break;
    }
  });
  tell({ type: 'listening', port: parseHostPort(server.bound)?.port ?? 0 });
}
