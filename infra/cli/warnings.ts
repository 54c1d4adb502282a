/**
 * What is allowed in a configuration and yet is hardly meant. Pure. A network that lives on loopback addresses only is
 * somebody's laptop or test: what matters on real machines is not held against it.
 */
import { isWildcard, parseAddress, parseHostPort } from '../../core/runtime/addresses.ts';
import type { Topology } from '../../core/topology/load.ts';
import { nodesOf } from '../../core/topology/nodes.ts';
import { serversFor, zoneNames } from './zones.ts';

/** One sentence each, with what to do. */
export function warningsOf(topology: Topology): string[] {
  const anywhere = [...noTokens(topology), ...unsteeredHosts(topology)];
  return isOnLoopback(topology) ? anywhere : [...anywhere, ...inProduction(topology)];
}

function noTokens({ purge }: Topology): string[] {
  if (purge.tokens.length === 0) return ['nobody can purge: "purge.tokens" is empty'];
  if (purge.tokens.some(({ hosts }) => hosts.includes('*'))) return [];
  return ['no token is for all hosts (hosts: ["*"]), so `breakwater reload` has none to use'];
}

/** A host that looks as if it should be steered, because its neighbours are. */
function unsteeredHosts(topology: Topology): string[] {
  if (topology.dns.length === 0) return [];
  return topology.sites
    .flatMap((site) => site.hosts)
    .filter((host) => host.includes('.') && serversFor(host, topology).length === 0)
    .map((host) => {
      const zones = zoneNames(topology).join(', ');
      return `${host} lies in no zone of our DNS (${zones}): its clients come only if other DNS sends them`;
    });
}

function inProduction(topology: Topology): string[] {
  return [
    ...missingSecret(topology),
    ...publicAdmins(topology),
    ...unreachableAdvertised(topology),
    ...lonelyDns(topology),
    ...shortTokens(topology),
  ];
}

function missingSecret({ secret }: Topology): string[] {
  if (secret !== undefined) return [];
  return ['without "secret", nodes on other machines cannot authenticate: openssl rand -hex 32'];
}

function publicAdmins(topology: Topology): string[] {
  return nodesOf(topology)
    .filter(({ admin }) => isWildcard(parseHostPort(admin)?.host ?? ''))
    .map(
      ({ id, admin }) =>
        `${id}: the admin address ${admin} is open to every network; it is for operators only`,
    );
}

function unreachableAdvertised({ pops }: Topology): string[] {
  return pops.flatMap(({ id, listen, advertise }) => {
    const isLocal = isLoopback(parseHostPort(listen)?.host ?? '');
    return advertise
      .filter((address) => isLoopback(address) && !isLocal)
      .map((address) => `${id}: DNS would send clients to ${address}, which is their own machine`);
  });
}

function lonelyDns({ dns }: Topology): string[] {
  if (dns.length !== 1) return [];
  return [
    'there is one DNS server; registries ask for two, and one alone cannot be restarted unnoticed',
  ];
}

const shortSecretLength = 16;

function shortTokens({ purge }: Topology): string[] {
  return purge.tokens
    .filter(({ secret }) => secret.length < shortSecretLength)
    .map(({ name }) => `the secret of the token "${name}" is short enough to be guessed`);
}

function isOnLoopback(topology: Topology): boolean {
  return nodesOf(topology).every(({ listen }) => isLoopback(parseHostPort(listen)?.host ?? ''));
}

function isLoopback(host: string): boolean {
  const address = parseAddress(host);
  if (!address) return false;
  if (address.family === 4) return address.bytes[0] === 127;
  return address.bytes.every((byte, index) => byte === (index === 15 ? 1 : 0));
}
