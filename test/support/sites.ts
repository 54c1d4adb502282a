/** Sites for tests, as the configuration file would give them. */
import { type Site, topologySchema } from '../../core/topology/schema.ts';

/** A site of www.demo.test (unless told otherwise); `overrides` are keys of the configuration file. */
export function siteWith(overrides: Record<string, unknown> = {}): Site {
  const topology = topologySchema.parse({
    network: 'demo',
    sites: [
      { hosts: ['www.demo.test'], origins: [{ url: 'http://origin.test:80' }], ...overrides },
    ],
    pops: [
      {
        id: 'par',
        location: { latitude: 48.86, longitude: 2.35 },
        listen: '127.0.0.1:8081',
        admin: '127.0.0.1:8091',
        advertise: ['127.0.0.1'],
      },
    ],
    purge: { listen: '127.0.0.1:8500', admin: '127.0.0.1:8501' },
  });
  const [site] = topology.sites;
  if (!site) throw new Error('there is one');
  return site;
}
