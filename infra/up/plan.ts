/**
 * What `up` starts, decided before anything is started: which processes, in which tiers, with how many workers each.
 * Pure, so that every case is a row of a test.
 */

import type { Topology } from '../../core/topology/load.ts';
import { dataFolder, nodesOf, type Role } from '../../core/topology/nodes.ts';
import { commandOf } from '../../core/topology/run-node.ts';

/** The id of the demo origin among the processes of `up`. */
export const originId = 'demo-origin';

export interface ProcessPlan {
  id: string;
  role: Role | 'origin';
  /** City of the node, for people. */
  place: string;
  /** As configured; what was bound may differ by port. */
  listen: string;
  /** Undefined: the process has none, and is ready as soon as it has started. */
  admin: string | undefined;
  /** Arguments of the command line. */
  args: readonly string[];
  /** Standard output and error go there. */
  logFile: string;
}

export interface PlanOptions {
  /** Where the demo origin listens; undefined: it is not started. */
  demoOrigin: string | undefined;
}

/**
 * The processes of a network, in tiers: a tier is started when the one before it has. Purge-api and the origin come first,
 * because everybody asks them; DNS comes last, so that its first answer already knows who is there.
 */
export function planNetwork(topology: Topology, { demoOrigin }: PlanOptions): ProcessPlan[][] {
  const processes = nodesOf(topology).map(
    (node): ProcessPlan => ({
      id: node.id,
      role: node.role,
      place: node.location?.city ?? '',
      listen: node.listen,
      admin: node.admin,
      args: [commandOf[node.role], '-c', topology.file, '--id', node.id],
      logFile: `${dataFolder(topology, node.id)}/log`,
    }),
  );
  const of = (...roles: ProcessPlan['role'][]) =>
    processes.filter((process) => roles.includes(process.role));
  const origin: ProcessPlan[] =
    demoOrigin === undefined
      ? []
      : [
          {
            id: originId,
            role: 'origin',
            place: '',
            listen: demoOrigin,
            admin: undefined,
            args: ['demo-origin', '--listen', demoOrigin],
            logFile: `${dataFolder(topology, originId)}/log`,
          },
        ];
  const tiers = [[...of('purge'), ...origin], of('shield'), of('edge', 'dns')];
  return tiers.filter((tier) => tier.length > 0);
}

/** Worker threads for each caching node when `cores` are shared by all of them; at least one. */
export function workersPerNode(cores: number, topology: Topology): number {
  const cachingNodes = topology.pops.length + topology.shields.length;
  return Math.max(1, Math.floor(cores / Math.max(1, cachingNodes)));
}

/** Every address that will be bound, with the key of the configuration that names it. */
export function listenersOf(tiers: readonly ProcessPlan[][]): PlannedListener[] {
  return tiers.flat().flatMap((process) => {
    const tcp: PlannedListener = {
      owner: process.id === originId ? 'the demo origin' : `${process.id}.listen`,
      address: process.listen,
      transport: 'tcp',
    };
    return [
      tcp,
      ...(process.role === 'dns' ? [{ ...tcp, transport: 'udp' as const }] : []),
      ...(process.admin === undefined
        ? []
        : [{ owner: `${process.id}.admin`, address: process.admin, transport: 'tcp' as const }]),
    ];
  });
}

export interface PlannedListener {
  owner: string;
  /** `host:port`; port 0 needs no check. */
  address: string;
  transport: 'tcp' | 'udp';
}
