/**
 * What a reload may take over and what needs a restart. Pure: compares two configurations as one node sees them and returns
 * the one to run with, and the paths of what changed.
 */
import type { Topology } from './load.ts';
import type { TopologyWithSecret } from './secret-file.ts';

export interface Changes {
  /** The running configuration with everything taken over that can be. */
  merged: TopologyWithSecret;
  /** Paths whose new values are in force now. */
  applied: string[];
  /** Paths whose new values wait for a restart. */
  refused: string[];
}

type Key = keyof TopologyWithSecret;

/** Taken over whole. */
const swappable: readonly Key[] = ['sites', 'trustedProxies', 'debugToken'];
/** Read once, when a node starts; with their names in the file. */
const fixed: readonly [Key, string][] = [
  ['network', 'network'],
  ['dataDir', 'dataDir'],
  ['secret', 'secret'],
  ['leaseMs', 'lease'],
  ['quarantineRevalidateMs', 'quarantineRevalidate'],
  ['onLeaseExpired', 'onLeaseExpired'],
  ['limits', 'limits'],
];
/** Of a node of our own: what may change while it runs. */
const swappableOfNode: ReadonlySet<string> = new Set([
  'location',
  'drain',
  'advertise',
  'zones',
  'geoip',
  'name',
  'probe',
  'shieldRings',
  'rateLimit',
  'nsid',
  'damping',
  'shedding',
  'queryLog',
  'routeCost',
]);

/** Keys that carry their unit here, by their names in the file. */
const namesInFile: Readonly<Record<string, string>> = {
  memoryBytes: 'memory',
  diskBytes: 'disk',
  shieldRings: 'shield',
};

/** Compares `next` with what runs now, for the node `nodeId`. */
export function changesBetween(
  running: TopologyWithSecret,
  next: TopologyWithSecret,
  nodeId: string,
): Changes {
  const applied: string[] = swappable.filter((key) => differ(running[key], next[key]));
  const refused = fixed.filter(([key]) => differ(running[key], next[key])).map(([, name]) => name);
  const merged: TopologyWithSecret = { ...running };
  merged.sites = next.sites;
  merged.trustedProxies = next.trustedProxies;
  merged.debugToken = next.debugToken;
  const pops = mergeNodes('pops', running, next, nodeId, applied, refused);
  const shields = mergeNodes('shields', running, next, nodeId, applied, refused);
  const dns = mergeNodes('dns', running, next, nodeId, applied, refused);
  merged.pops = pops;
  merged.shields = shields;
  merged.dns = dns;
  merged.purge = mergePurge(running, next, applied, refused);
  // The hash tells what file was read; a refused part shows as a mismatch until the restart.
  merged.hash = refused.length === 0 ? next.hash : running.hash;
  return { merged, applied, refused };
}

/** Tokens follow the file; where purge-api listens and what its journal is, does not. */
function mergePurge(
  running: Topology,
  next: Topology,
  applied: string[],
  refused: string[],
): Topology['purge'] {
  const { tokens } = next.purge;
  if (differ(running.purge.tokens, tokens)) applied.push('purge.tokens');
  for (const key of ['id', 'listen', 'reach', 'admin', 'journal'] as const) {
    if (differ(running.purge[key], next.purge[key])) refused.push(`purge.${key}`);
  }
  return { ...running.purge, tokens };
}

/** Other nodes are taken as the file says now; of the node itself only what can change while it runs. */
function mergeNodes<G extends 'pops' | 'shields' | 'dns'>(
  group: G,
  running: Topology,
  next: Topology,
  nodeId: string,
  applied: string[],
  refused: string[],
): Topology[G] {
  const before = new Map<string, object>(running[group].map((node) => [node.id, node]));
  const after = new Map<string, object>(next[group].map((node) => [node.id, node]));
  for (const id of before.keys()) {
    if (after.has(id)) continue;
    if (id === nodeId) refused.push(`${group}.${id}`);
    else applied.push(`${group}.${id}`);
  }
  const merged = [...after].map(([id, node]) => {
    const old = before.get(id);
    if (!old) {
      applied.push(`${group}.${id}`);
      return node;
    }
    if (id !== nodeId) {
      if (differ(old, node)) applied.push(`${group}.${id}`);
      return node;
    }
    return mergeOwn(`${group}.${id}`, old, node, applied, refused);
  });
  const own = before.get(nodeId);
  if (own && !after.has(nodeId)) merged.push(own);
  // The members come from the two lists of this very type.
  return merged as Topology[G];
}

function mergeOwn(
  path: string,
  old: object,
  node: object,
  applied: string[],
  refused: string[],
): object {
  const result: Record<string, unknown> = { ...old };
  const news: Record<string, unknown> = { ...node };
  const olds: Record<string, unknown> = { ...old };
  for (const key of new Set([...Object.keys(news), ...Object.keys(olds)])) {
    if (!differ(olds[key], news[key])) continue;
    const name = `${path}.${namesInFile[key] ?? key}`;
    if (swappableOfNode.has(key)) {
      result[key] = news[key];
      applied.push(name);
    } else refused.push(name);
  }
  return result;
}

function differ(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) !== JSON.stringify(b);
}
