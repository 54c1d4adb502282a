/** A small network's configuration for tests of geo-dns, and PoPs in given standings. */
import { parseTopology } from '../../core/topology/load.ts';
import type { Pop } from '../../core/topology/schema.ts';
import type { TopologyWithSecret } from '../../core/topology/secret-file.ts';
import type { PopStanding } from '../../geo-dns/select.ts';

export interface DnsNetworkOptions {
  /** YAML of `sites[0].hosts`. */
  hosts?: string;
  /** YAML of the `dns` list, in place of the plain one. */
  dns?: string;
  dataDir?: string;
}

const pops = `
pops:
  - { id: par, location: { latitude: 48.86, longitude: 2.35 }, listen: "127.0.0.1:0", admin: "127.0.0.1:0", advertise: [192.0.2.1, "2001:db8::1"] }
  - { id: nyc, location: { latitude: 40.71, longitude: -74.01 }, listen: "127.0.0.1:0", admin: "127.0.0.1:0", advertise: [192.0.2.2] }
  - { id: tyo, location: { latitude: 35.68, longitude: 139.69 }, listen: "127.0.0.1:0", admin: "127.0.0.1:0", advertise: [192.0.2.3, 192.0.2.4] }
`;

export const plainDns = `
  - id: ns1
    listen: 127.0.0.1:0
    admin: 127.0.0.1:0
    zone: demo.test
    ttl: 30s
    name: ns1.demo.test
    advertise: [192.0.2.53, "2001:db8::53"]
    geoip: { places: [{ name: Tokyo, networks: [198.18.3.0/24], latitude: 35.68, longitude: 139.69 }, { name: Paris, networks: [198.18.1.0/24, "2001:db8:1::/48"], latitude: 48.86, longitude: 2.35 }] }
`;

/** Paris (IPv4 and IPv6), New York, Tokyo (two addresses); the host www.demo.test; one DNS server. */
export function dnsNetwork(options: DnsNetworkOptions = {}): TopologyWithSecret {
  const { hosts = '[www.demo.test]', dns = plainDns, dataDir = './data' } = options;
  const text = `
network: demo
dataDir: ${dataDir}
secret: a-secret-for-tests
sites: [{ hosts: ${hosts}, origins: [{ url: "http://127.0.0.1:9" }] }]
${pops}
dns: ${dns}
purge: { listen: "127.0.0.1:0", admin: "127.0.0.1:0" }
`;
  return { ...parseTopology(text, '/tmp/breakwater.yaml', {}), secret: 'a-secret-for-tests' };
}

/** PoPs as they stand; those not named are in and idle. */
export function standings(
  all: readonly Pop[],
  changed: Record<string, Partial<PopStanding>> = {},
): PopStanding[] {
  return all.map((pop) => {
    const { standing = 'in', load = 0, ...rest } = changed[pop.id] ?? {};
    return { pop, standing, load, why: standing, ...rest };
  });
}
