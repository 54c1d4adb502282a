/** A small network for tests, with free ports: one of each role, and a second shield. JSON, which YAML contains. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseTopology, type Topology } from '../../../core/topology/load.ts';
import { newFolder } from './temp-folder.ts';

const location = { latitude: 48.86, longitude: 2.35, city: 'Paris', country: 'FR' };

/** The file's content; `changes` replace whole top-level keys. */
export function smallNetwork(changes: Record<string, unknown> = {}) {
  const free = '127.0.0.1:0';
  return {
    network: 'small',
    dataDir: './data',
    sites: [{ hosts: ['www.small.test'], origins: [{ url: 'http://127.0.0.1:9000' }] }],
    pops: [
      {
        id: 'par',
        location,
        listen: free,
        admin: free,
        advertise: ['127.0.0.1'],
        shield: ['eu', 'us'],
      },
    ],
    shields: [
      { id: 'eu', location, listen: free, admin: free },
      { id: 'us', location, listen: free, admin: free },
    ],
    dns: [
      {
        id: 'ns1',
        listen: free,
        admin: free,
        zone: 'small.test',
        name: 'ns1.small.test',
        advertise: ['127.0.0.1'],
        geoip: {
          places: [
            { name: 'Tokyo', networks: ['198.18.3.0/24'], latitude: 35.68, longitude: 139.69 },
            { name: 'São Paulo', networks: ['198.18.7.0/24'], latitude: -23.55, longitude: -46.63 },
          ],
        },
      },
    ],
    purge: {
      listen: free,
      admin: free,
      tokens: [
        { name: 'limited', secret: 'limited-secret', hosts: ['www.small.test'] },
        { name: 'all', secret: 'all-secret', hosts: ['*'] },
      ],
    },
    ...changes,
  };
}

/** The topology itself, without a file on disk. */
export function smallTopology(changes: Record<string, unknown> = {}): Topology {
  return parseTopology(JSON.stringify(smallNetwork(changes)), '/nowhere/breakwater.yaml', {});
}

/** A new folder with the network as `breakwater.yaml`. */
export function smallNetworkFolder(changes: Record<string, unknown> = {}): {
  folder: string;
  file: string;
} {
  const folder = newFolder();
  const file = path.join(folder, 'breakwater.yaml');
  writeFileSync(file, JSON.stringify(smallNetwork(changes), null, 2));
  return { folder, file };
}
