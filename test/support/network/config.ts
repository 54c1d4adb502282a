/** The configuration of a test's network: short to write, free ports everywhere, everything else as the caller says. */

export interface PopPlan {
  id: string;
  /** Shields in order; none: straight to the origins. */
  shield?: string[];
  [key: string]: unknown;
}

export interface ShieldPlan {
  id: string;
  [key: string]: unknown;
}

export interface NetworkPlan {
  /** Sites; default: `siteHost`, whose origin is the test's. */
  sites?: (originUrl: string) => object[];
  pops?: PopPlan[];
  shields?: ShieldPlan[];
  /** Fields of the DNS server `ns1`; none: the network has no DNS server. */
  dns?: object;
  purge?: object;
  /** Further keys of the file's top level. */
  settings?: Record<string, unknown>;
  /** Every node has a folder of its own with a copy of the file, as on machines of their own. */
  apart?: boolean;
}

export const siteHost = 'www.shop.test';
export const free = '127.0.0.1:0';

export const tokens = {
  all: { name: 'all', secret: 'token-for-all', hosts: ['*'] },
} as const;

export const paris = { latitude: 48.86, longitude: 2.35, city: 'Paris', country: 'FR' };
export const newYork = { latitude: 40.71, longitude: -74.01, city: 'New York', country: 'US' };
export const tokyo = { latitude: 35.68, longitude: 139.69, city: 'Tokyo', country: 'JP' };

/** The networks that stand for clients in these places. */
export const clientIn = {
  paris: '198.18.1.0/24',
  newYork: '198.18.2.0/24',
  tokyo: '198.18.3.0/24',
};

const cachingNode = {
  location: paris,
  listen: free,
  admin: free,
  workers: 2,
  memory: '32MiB',
  disk: '256MiB',
};

/** The content of the configuration file; JSON, which YAML contains. */
export function configOf(plan: NetworkPlan, originUrl: string) {
  const { pops = [{ id: 'par', shield: ['eu'] }], shields = [{ id: 'eu' }] } = plan;
  const sites = plan.sites ?? ((url: string) => [{ hosts: [siteHost], origins: [{ url }] }]);
  return {
    network: 'test',
    dataDir: './data',
    secret: 'the secret of a network that lives for a minute',
    lease: '2s',
    sites: sites(originUrl),
    pops: pops.map((pop) => ({ ...cachingNode, advertise: ['192.0.2.1'], ...pop })),
    shields: shields.map((shield) => ({ ...cachingNode, ...shield })),
    dns: plan.dns ? [{ ...dnsServer, ...plan.dns }] : [],
    purge: { listen: free, admin: free, tokens: [tokens.all], ...plan.purge },
    ...plan.settings,
  };
}

const place = (name: string, network: string, { latitude, longitude }: typeof paris) => ({
  name,
  networks: [network],
  latitude,
  longitude,
});

const dnsServer = {
  id: 'ns1',
  listen: free,
  admin: free,
  zone: 'shop.test',
  ttl: '10s',
  name: 'ns1.shop.test',
  advertise: ['192.0.2.53'],
  probe: { interval: '200ms', timeout: '200ms' },
  geoip: {
    places: [
      place('Paris', clientIn.paris, paris),
      place('New York', clientIn.newYork, newYork),
      place('Tokyo', clientIn.tokyo, tokyo),
    ],
  },
};

export type NetworkConfig = ReturnType<typeof configOf>;
