/**
 * What no single key of the configuration can say wrong: references, duplicates, addresses that clash, and
 * addresses that somebody needs but nobody gave. Pure; each finding names the key to mend.
 */
import { type HostPort, isLoopback, isWildcard, parseHostPort } from '../runtime/addresses.ts';
import type { Finding, PathPart } from '../runtime/config.ts';
import type { TopologyFile } from './schema.ts';
import { checkSteering } from './steering-checks.ts';
import { checkZones } from './zone-checks.ts';

/** All findings, in no particular order; empty when the network can be started. */
export function crossCheck(topology: TopologyFile): Finding[] {
  return [
    ...duplicateIds(topology),
    ...duplicateHosts(topology),
    ...unknownShields(topology),
    ...clashingListeners(topology),
    ...missingReach(topology),
    ...duplicatePlaces(topology),
    ...checkZones(topology),
    ...checkSteering(topology),
    ...purgeTokens(topology),
    ...originsOutOfRotation(topology),
  ];
}

interface Named {
  id: string;
  path: PathPart[];
  listen: string;
  admin: string;
  reach?: string | undefined;
}

function allNodes(topology: TopologyFile): Named[] {
  const group = (key: 'pops' | 'shields' | 'dns'): Named[] =>
    topology[key].map((node, index) => ({
      id: node.id,
      path: [key, index],
      listen: node.listen,
      admin: node.admin,
      reach: node.reach,
    }));
  const { purge } = topology;
  return [
    ...group('pops'),
    ...group('shields'),
    ...group('dns'),
    { id: purge.id, path: ['purge'], listen: purge.listen, admin: purge.admin, reach: purge.reach },
  ];
}

function duplicateIds(topology: TopologyFile): Finding[] {
  const seen = new Set<string>();
  return allNodes(topology).flatMap(({ id, path }) => {
    if (!seen.has(id)) {
      seen.add(id);
      return [];
    }
    return [{ path: [...path, 'id'], message: `the id "${id}" is used twice` }];
  });
}

function duplicateHosts(topology: TopologyFile): Finding[] {
  const seen = new Set<string>();
  return topology.sites.flatMap((site, siteIndex) =>
    site.hosts.flatMap((host, hostIndex) => {
      if (!seen.has(host)) {
        seen.add(host);
        return [];
      }
      const path = ['sites', siteIndex, 'hosts', hostIndex];
      return [{ path, message: `the host "${host}" is named twice` }];
    }),
  );
}

function unknownShields(topology: TopologyFile): Finding[] {
  const known = new Set(topology.shields.map((shield) => shield.id));
  const choices = [...known].join(', ') || 'none is configured';
  return topology.pops.flatMap((pop, index) =>
    pop.shieldRings
      .flat()
      .filter((id) => !known.has(id))
      .map((id) => ({
        path: ['pops', index, 'shield'],
        message: `there is no shield "${id}" (known: ${choices})`,
      })),
  );
}

function clashingListeners(topology: TopologyFile): Finding[] {
  const taken: Listener[] = [];
  const findings: Finding[] = [];
  for (const node of allNodes(topology)) {
    for (const key of ['listen', 'admin'] as const) {
      const address = parseHostPort(node[key]);
      if (!address || address.port === 0) continue;
      const listener = { ...address, node, key };
      const clash = taken.find((other) => isClash(other, listener));
      if (clash) {
        findings.push({
          path: [...node.path, key],
          message: `${node[key]} is already the address of ${clash.node.id}.${clash.key}`,
        });
      }
      taken.push(listener);
    }
  }
  return findings;
}

interface Listener extends HostPort {
  node: Named;
  key: 'listen' | 'admin';
}

/** Every interface and loopback are addresses of each machine: on different ones the same port is no clash. */
function isClash(a: Listener, b: Listener): boolean {
  if (a.port !== b.port) return false;
  if (a.node === b.node) return a.host === b.host || isWildcard(a.host) || isWildcard(b.host);
  if (a.host !== b.host) return false;
  return !((isWildcard(b.host) || isLoopback(b.host)) && areOnTwoMachines(a.node, b.node));
}

/** As far as the file tells: they are reached at different addresses, and not only from their own machine. */
function areOnTwoMachines(a: Named, b: Named): boolean {
  const [first, second] = [a.reach ?? a.listen, b.reach ?? b.listen];
  const hosts = [first, second].map((text) => parseHostPort(text)?.host ?? '');
  if (hosts.some(isLoopback) || hosts.some(isWildcard)) return false;
  // Two ports of one address may be forwarded to two machines; that is what a `reach` beside a wildcard says.
  return (
    hosts[0] !== hosts[1] || (first !== second && isWildcard(parseHostPort(a.listen)?.host ?? ''))
  );
}

/** Everybody needs purge-api; edges need their shields; geo-dns probes PoPs, and the command line asks geo-dns. */
function missingReach(topology: TopologyFile): Finding[] {
  return allNodes(topology)
    .filter(
      (node) => node.reach === undefined && isWildcard(parseHostPort(node.listen)?.host ?? ''),
    )
    .map((node) => ({
      path: [...node.path, 'listen'],
      message: `${node.listen} is every interface, so others cannot know where to connect: add "reach"`,
    }));
}

function duplicatePlaces(topology: TopologyFile): Finding[] {
  return topology.dns.flatMap((dns, dnsIndex) => {
    const names = new Set<string>();
    const networks = new Set<string>();
    return dns.geoip.places.flatMap((place, placeIndex) => {
      const path = ['dns', dnsIndex, 'geoip', 'places', placeIndex];
      const findings: Finding[] = [];
      const name = place.name.toLowerCase();
      if (names.has(name)) {
        findings.push({
          path: [...path, 'name'],
          message: `the place "${place.name}" is named twice`,
        });
      }
      names.add(name);
      place.networks.forEach((network, index) => {
        if (networks.has(network)) {
          const message = `the network ${network} belongs to another place already`;
          findings.push({ path: [...path, 'networks', index], message });
        }
        networks.add(network);
      });
      return findings;
    });
  });
}

function purgeTokens(topology: TopologyFile): Finding[] {
  const hosts = new Set(topology.sites.flatMap((site) => site.hosts));
  const names = new Set<string>();
  return topology.purge.tokens.flatMap((token, index) => {
    const path = ['purge', 'tokens', index];
    const findings: Finding[] = [];
    if (names.has(token.name)) {
      findings.push({
        path: [...path, 'name'],
        message: `the token "${token.name}" is named twice`,
      });
    }
    names.add(token.name);
    token.hosts.forEach((host, hostIndex) => {
      if (host !== '*' && !hosts.has(host)) {
        const message = `no site has the host "${host}"`;
        findings.push({ path: [...path, 'hosts', hostIndex], message });
      }
    });
    return findings;
  });
}

function originsOutOfRotation(topology: TopologyFile): Finding[] {
  return topology.sites.flatMap((site, index) =>
    site.origins.some((origin) => origin.weight > 0)
      ? []
      : [
          {
            path: ['sites', index, 'origins'],
            message: 'every origin has weight 0: nothing could be fetched',
          },
        ],
  );
}
