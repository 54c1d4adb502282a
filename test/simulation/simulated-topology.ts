/** The network that is simulated: two edges behind one shield, two sites' worth of pages, short leases. */
import { parseTopology } from '../../core/topology/load.ts';
import { type TopologyWithSecret, withSecret } from '../../core/topology/secret-file.ts';

export const edgeIds = ['par', 'nyc'] as const;
export const shieldIds = ['eu'] as const;
export const cachingIds = [...edgeIds, ...shieldIds] as const;
export type CachingId = (typeof cachingIds)[number];

/** Where processes of caching nodes run; the last is a second machine under the id of the first. */
export const places = [...cachingIds, 'par-2'] as const;
export type Place = (typeof places)[number];
/** Those that clients read from. */
export const edgePlaces = [...edgeIds, 'par-2'] as const;

export const nodeIdOf = (place: Place): CachingId => (place === 'par-2' ? 'par' : place);

/** Kept small, so that leases run out many times in a short history. */
export const leaseMs = 2000;
export const revalidateMs = 500;

export const host = 'www.demo.test';
export const originName = '192.0.2.80:80';

const text = `
network: simulated
dataDir: ./nowhere
secret: a-secret-of-the-network
lease: ${leaseMs}ms
quarantineRevalidate: ${revalidateMs}ms
sites:
  - hosts: [${host}]
    origins: [{ url: "http://${originName}" }]
    timeouts: { connect: 1s, firstByte: 3s }
pops:
  - { id: par, location: { latitude: 48, longitude: 2 }, listen: "127.0.0.1:8081", admin: "127.0.0.1:8091", advertise: [127.0.0.1], shield: eu }
  - { id: nyc, location: { latitude: 40, longitude: -74 }, listen: "127.0.0.1:8082", admin: "127.0.0.1:8092", advertise: [127.0.0.1], shield: eu }
shields:
  - { id: eu, location: { latitude: 50, longitude: 8 }, listen: "127.0.0.1:8083", admin: "127.0.0.1:8093" }
purge:
  listen: 127.0.0.1:8500
  admin: 127.0.0.1:8501
  tokens: [{ name: all, secret: token-of-all, hosts: ["*"] }]
`;

export const simulatedTopology: TopologyWithSecret = withSecret(
  parseTopology(text, '/nowhere/breakwater.yaml', {}),
);
