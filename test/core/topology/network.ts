/** Configurations for tests of the topology: a small network as plain data, changed in places, written as JSON, which YAML contains. */
import { parseTopology, type Topology, TopologyError } from '../../../core/topology/load.ts';

export type Plain = Record<string, unknown>;

const location = { latitude: 48.86, longitude: 2.35 };

/** Two PoPs, two shields, a DNS server; all addresses differ. */
export function plainNetwork() {
  return {
    network: 'demo',
    secret: 'a-secret-of-the-network',
    sites: [
      { hosts: ['www.demo.test'], origins: [{ url: 'http://127.0.0.1:9000' } as Plain] } as Plain,
    ],
    pops: [
      {
        id: 'par',
        location,
        listen: '127.0.0.1:8081',
        admin: '127.0.0.1:8091',
        advertise: ['192.0.2.1'],
        shield: 'eu',
      } as Plain,
      {
        id: 'nyc',
        location,
        listen: '127.0.0.1:8082',
        admin: '127.0.0.1:8092',
        advertise: ['192.0.2.2'],
      } as Plain,
    ],
    shields: [
      { id: 'eu', location, listen: '127.0.0.1:8181', admin: '127.0.0.1:8191' } as Plain,
      { id: 'us', location, listen: '127.0.0.1:8182', admin: '127.0.0.1:8192' } as Plain,
    ],
    dns: [
      {
        id: 'ns1',
        listen: '127.0.0.1:8053',
        admin: '127.0.0.1:8054',
        zone: 'demo.test',
        name: 'ns1.demo.test',
        advertise: ['192.0.2.53'],
      } as Plain,
    ],
    purge: {
      listen: '127.0.0.1:8500',
      admin: '127.0.0.1:8501',
      tokens: [{ name: 'deploy', secret: 'a-token', hosts: ['www.demo.test'] } as Plain],
    } as Plain,
  };
}

export type PlainNetwork = ReturnType<typeof plainNetwork>;

/** A network with something changed; further keys may be set. */
export function changed(change: (network: PlainNetwork & Plain) => void): Plain {
  const network = plainNetwork();
  change(network);
  return network;
}

export function load(network: Plain, environment: Record<string, string> = {}): Topology {
  return parseTopology(JSON.stringify(network), '/etc/breakwater/network.yaml', environment);
}

/** The problems as `path: message`; none when it can be loaded. */
export function problemsOf(network: Plain, environment: Record<string, string> = {}): string[] {
  try {
    load(network, environment);
    return [];
  } catch (error) {
    if (!(error instanceof TopologyError)) throw error;
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
}
