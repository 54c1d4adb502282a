/**
 * The half of a DNS server that answers: in the main thread, or in several worker threads on one shared port. Either way it is
 * told what is served and how the PoPs stand.
 */
import { type HostPort, parseHostPort } from '../core/runtime/addresses.ts';
import type { MetricsSnapshot } from '../core/runtime/metrics.ts';
import type { NodeContext } from '../core/topology/run-node.ts';
import type { Challenges } from './challenges.ts';
import type { DnsMetrics } from './dns-metrics.ts';
import { createMeasured, type MeasuredNetworks } from './measured/measured.ts';
import { createResponder, dnsNodeOf } from './responder.ts';
import type { PopStanding } from './select.ts';
import { startServer } from './server.ts';
import type { Current } from './sources.ts';
import { startDnsWorkers } from './worker-pool.ts';

export interface Answering {
  /** `host:port` as bound. */
  readonly bound: string;
  takeServed(current: Current): void;
  takePops(pops: readonly PopStanding[]): void;
  takeChallenges(challenges: Challenges): void;
  takeMeasured(networks: MeasuredNetworks): void;
  /** The metrics of other threads; what this one has not counted yet is counted. */
  snapshots(): Promise<MetricsSnapshot[]>;
  close(): Promise<void>;
}

interface Sources {
  served: () => Current;
  pops: () => readonly PopStanding[];
  challenges: () => Challenges;
}

/** Binds the public listener of `context.node`; rejects with the system's error. */
export async function startAnswering(
  context: NodeContext,
  metrics: DnsMetrics,
  sources: Sources,
): Promise<Answering> {
  const { node } = context;
  const { topology, files } = sources.served();
  const { workers: threads } = dnsNodeOf(topology, node.id);
  const listen = addressOf(node.listen);
  if (threads === 1) return answerHere(context, metrics, listen, sources);
  const data = { topology, files };
  return startDnsWorkers(context, {
    nodeId: node.id,
    listen,
    threads,
    data,
    pops: sources.pops(),
    challenges: sources.challenges(),
    measured: [],
  });
}

async function answerHere(
  context: NodeContext,
  metrics: DnsMetrics,
  listen: HostPort,
  sources: Sources,
): Promise<Answering> {
  const { node, clock, random, log } = context;
  const { exempt } = sources.served().topology.limits;
  const deps = { clock, random, log, metrics };
  let measured = createMeasured([]);
  const responder = createResponder(deps, {
    ...sources,
    measured: () => measured,
    nodeId: node.id,
    threads: 1,
  });
  const server = await startServer(deps, { listen, respond: responder.respond, tcp: { exempt } });
  context.metrics.gauge(
    'breakwater_dns_tcp_connections',
    'TCP connections that are open.',
    () => server.tcpConnections,
  );
  return {
    bound: server.bound,
    // These are looked at with each query.
    takeServed() {},
    takePops() {},
    takeChallenges() {},
    takeMeasured(networks) {
      measured = createMeasured(networks);
    },
    async snapshots() {
      responder.flush();
      return [];
    },
    async close() {
      responder.stop();
      await server.close();
    },
  };
}

function addressOf(text: string): HostPort {
  const address = parseHostPort(text);
  if (!address) throw new Error(`${text} is no address to listen on`);
  return address;
}
