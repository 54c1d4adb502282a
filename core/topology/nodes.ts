/**
 * The nodes of a network as one list, and where each is reached. A node whose `listen` has port 0 writes what it was given
 * into `dataDir/ID/bound.json`; others on the same machine find it there.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type HostPort, parseHostPort } from '../runtime/addresses.ts';
import type { Topology } from './load.ts';
import type { Location } from './schema.ts';

export type Role = 'edge' | 'shield' | 'dns' | 'purge';

export interface NodeSummary {
  id: string;
  role: Role;
  listen: string;
  admin: string;
  reach: string | undefined;
  location: Location | undefined;
}

/** What a node has bound: `host:port` each. */
export interface Bound {
  listen: string;
  admin: string;
}

/** Every node of the file; purge-api first, then shields, edges, DNS: the order in which they are best started. */
export function nodesOf(topology: Topology): NodeSummary[] {
  const { purge } = topology;
  const common = (node: {
    id: string;
    listen: string;
    admin: string;
    reach?: string | undefined;
  }) => ({
    id: node.id,
    listen: node.listen,
    admin: node.admin,
    reach: node.reach,
  });
  return [
    { ...common(purge), role: 'purge', location: undefined },
    ...topology.shields.map(
      (s): NodeSummary => ({ ...common(s), role: 'shield', location: s.location }),
    ),
    ...topology.pops.map(
      (p): NodeSummary => ({ ...common(p), role: 'edge', location: p.location }),
    ),
    ...topology.dns.map((d): NodeSummary => ({ ...common(d), role: 'dns', location: undefined })),
  ];
}

/** The node called `id`. Throws with the ids that there are. */
export function findNode(topology: Topology, id: string): NodeSummary {
  const nodes = nodesOf(topology);
  const node = nodes.find((candidate) => candidate.id === id);
  if (node) return node;
  throw new Error(
    `${topology.file} has no node "${id}" (it has: ${nodes.map((n) => n.id).join(', ')})`,
  );
}

/** The folder of a node's own files. */
export function dataFolder(topology: Topology, id: string): string {
  return path.join(topology.dataDir, id);
}

/** Where others connect to reach the node's `listen`; undefined while that is unknown (port 0, not started yet). */
export function reachOf(topology: Topology, node: NodeSummary): HostPort | undefined {
  const configured = parseHostPort(node.reach ?? node.listen);
  if (configured && configured.port > 0) return configured;
  const bound = readBound(topology, node.id);
  return bound ? parseHostPort(bound.listen) : undefined;
}

/** What the node bound last, as `recordBound` left it. */
export function readBound(topology: Topology, id: string): Bound | undefined {
  try {
    return JSON.parse(readFileSync(boundFile(topology, id), 'utf8')) as Bound;
  } catch {
    // Absent or half-written: the node has not started here, which is an answer and not an error.
    return undefined;
  }
}

/** Says what this node has bound; replaces the file atomically. */
export function recordBound(topology: Topology, id: string, bound: Bound): void {
  const file = boundFile(topology, id);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, `${JSON.stringify(bound)}\n`);
  renameSync(`${file}.new`, file);
}

function boundFile(topology: Topology, id: string): string {
  return path.join(dataFolder(topology, id), 'bound.json');
}
