/**
 * The name servers that are measured side by side, all steering one name by the same GeoIP database over the client's subnet
 * (ECS), each on one core: ours, gdnsd (plugin geoip), Knot (mod-geoip) and PowerDNS (backend geoip).
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { writeMmdb } from '../support/mmdb-writer.ts';
import { withDescendants } from './cpu.ts';

export interface DnsPeer {
  name: string;
  port: number;
  processIds(): number[];
  /** Why it has ended, if it has: the end of what it wrote. */
  problem(): string | undefined;
  stop(): void;
}

export const zoneName = 'bench.test';
export const hostName = `www.${zoneName}`;

/** Where the addresses of the two PoPs are, and a client network of each. */
const places = [
  {
    id: 'fra',
    address: '192.0.2.1',
    latitude: 50.11,
    longitude: 8.68,
    country: 'DE',
    continent: 'EU',
  },
  {
    id: 'nyc',
    address: '192.0.2.2',
    latitude: 40.71,
    longitude: -74.01,
    country: 'US',
    continent: 'NA',
  },
];

/** `/24`s of 10.0.0.0/16, by turns near the one PoP and the other. */
export const clientNetworks = Array.from({ length: 64 }, (_, n) => `10.0.${n * 3}.0`);

/** Starts those that this machine has; says on stderr which it has not. */
export function startDnsPeers(folder: string, core: number): DnsPeer[] {
  const database = path.join(folder, 'places.mmdb');
  writeFileSync(database, writeMmdb(Object.fromEntries(clientNetworks.map(recordOf))));
  const plan = { folder, database, core };
  const known: [string, () => DnsPeer][] = [
    ['gdnsd', () => startGdnsd(plan, 15353)],
    ['knotd', () => startKnot(plan, 15363)],
    ['pdns_server', () => startPowerDns(plan, 15373)],
  ];
  const peers = [startOurs(plan, 15343)];
  for (const [command, start] of known) {
    if (spawnSync('sh', ['-c', `command -v ${command}`]).status === 0) peers.push(start());
    else process.stderr.write(`${command} is not installed: left out\n`);
  }
  return peers;
}

/** The value of dnsperf's `-E` for a client subnet of 24 bits (RFC 7871 §6). */
export function ecsOption(network: string): string {
  const bytes = network.split('.').slice(0, 3);
  const hex = bytes.map((byte) => Number(byte).toString(16).padStart(2, '0'));
  return `8:00011800${hex.join('')}`;
}

function recordOf(network: string, index: number): [string, ReturnType<typeof geoRecord>] {
  const place = places[index % places.length];
  if (!place) throw new Error('there are no places');
  return [`${network}/24`, geoRecord(place)];
}

function geoRecord(place: (typeof places)[number]) {
  const { latitude, longitude, country, continent } = place;
  return {
    location: { latitude, longitude },
    country: { iso_code: country },
    continent: { code: continent },
  };
}

interface Plan {
  folder: string;
  database: string;
  core: number;
}

function launch(name: string, port: number, core: number, command: string[]): DnsPeer {
  const child: ChildProcess = spawn('taskset', ['-c', String(core), ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (piece: Buffer) => {
      said = (said + piece.toString()).slice(-2000);
    });
  }
  return {
    name,
    port,
    processIds: () => (child.pid === undefined ? [] : withDescendants(child.pid)),
    problem: () => (child.exitCode === null ? undefined : said),
    stop: () => void child.kill('SIGTERM'),
  };
}

function startOurs({ folder, database, core }: Plan, port: number): DnsPeer {
  const file = path.join(folder, 'breakwater.yaml');
  const pops = places.map(
    ({ id, address, latitude, longitude, country, continent }, n) =>
      `  - { id: ${id}, location: { latitude: ${latitude}, longitude: ${longitude}, country: ${country}, continent: ${continent} },
      listen: 127.0.0.1:${port + 2 + 2 * n}, admin: 127.0.0.1:${port + 3 + 2 * n}, advertise: [${address}] }`,
  );
  writeFileSync(
    file,
    `network: bench
dataDir: ./data
secret: bench-secret
sites:
  - { hosts: [${hostName}], origins: [{ url: "http://127.0.0.1:9" }] }
pops:
${pops.join('\n')}
dns:
  - { id: ns1, listen: 127.0.0.1:${port}, admin: 127.0.0.1:${port + 1}, zone: ${zoneName}, name: ns1.${zoneName},
      advertise: [127.0.0.1], rateLimit: { responsesPerSecond: 0 }, geoip: { database: ${database} } }
purge: { listen: 127.0.0.1:${port + 8}, admin: 127.0.0.1:${port + 9}, tokens: [] }
`,
  );
  const cli = path.join(import.meta.dirname, '../../infra/cli/main.ts');
  const command = [process.execPath, cli, 'dns', '-c', file, '--id', 'ns1'];
  return launch('breakwater', port, core, command);
}

function startGdnsd({ folder, database, core }: Plan, port: number): DnsPeer {
  const home = path.join(folder, 'gdnsd');
  mkdirSync(path.join(home, 'zones'), { recursive: true });
  mkdirSync(path.join(home, 'run'));
  mkdirSync(path.join(home, 'state'));
  const datacenters = places.map(({ id }) => id).join(', ');
  const coordinates = places.map(
    ({ id, latitude, longitude }) => `${id} => [${latitude}, ${longitude}]`,
  );
  const addresses = places.map(({ id, address }) => `${id} => ${address}`);
  writeFileSync(
    path.join(home, 'config'),
    `options => {
  listen => 127.0.0.1:${port}, run_dir => ${home}/run, state_dir => ${home}/state,
  udp_threads => 1, tcp_threads => 1, edns_client_subnet => true
}
plugins => { geoip => {
  maps => { m => { geoip2_db => ${database}, datacenters => [${datacenters}],
    auto_dc_coords => { ${coordinates.join(', ')} } } },
  resources => { www => { map => m, dcmap => { ${addresses.join(', ')} } } }
} }
`,
  );
  writeFileSync(
    path.join(home, 'zones', zoneName),
    `$TTL 30
@ SOA ns1 hostmaster ( 1 7200 1800 259200 900 )
@ NS ns1
ns1 A 127.0.0.1
www DYNA geoip!www
`,
  );
  return launch('gdnsd', port, core, ['gdnsd', '-c', home, 'start']);
}

function startKnot({ folder, database, core }: Plan, port: number): DnsPeer {
  const home = path.join(folder, 'knot');
  mkdirSync(home, { recursive: true });
  const answers = places.map(({ country, address }) => `  - geo: "${country}"\n    A: ${address}`);
  writeFileSync(path.join(home, 'geo.conf'), `${hostName}:\n${answers.join('\n')}\n`);
  writeFileSync(
    path.join(home, `${zoneName}.zone`),
    `$TTL 30
@ SOA ns1 hostmaster 1 7200 1800 259200 900
@ NS ns1
ns1 A 127.0.0.1
www A ${places[0]?.address}
`,
  );
  writeFileSync(
    path.join(home, 'knot.conf'),
    `server:
  listen: 127.0.0.1@${port}
  rundir: ${home}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
  edns-client-subnet: on
database:
  storage: ${home}
mod-geoip:
  - id: g
    config-file: ${home}/geo.conf
    ttl: 30
    mode: geodb
    geodb-file: ${database}
    geodb-key: country/iso_code
zone:
  - domain: ${zoneName}
    storage: ${home}
    file: ${zoneName}.zone
    module: mod-geoip/g
`,
  );
  return launch('knot', port, core, ['knotd', '-c', path.join(home, 'knot.conf')]);
}

function startPowerDns({ folder, database, core }: Plan, port: number): DnsPeer {
  const home = path.join(folder, 'pdns');
  mkdirSync(home, { recursive: true });
  const records = places.map(
    ({ country, address }) => `      ${country.toLowerCase()}.${zoneName}:\n      - a: ${address}`,
  );
  writeFileSync(
    path.join(home, 'zones.yaml'),
    `domains:
  - domain: ${zoneName}
    ttl: 30
    records:
      ${zoneName}:
      - soa: ns1.${zoneName} hostmaster.${zoneName} 1 7200 1800 259200 900
      - ns: ns1.${zoneName}
${records.join('\n')}
    services:
      ${hostName}: '%cc.${zoneName}'
`,
  );
  const options = {
    launch: 'geoip',
    'geoip-zones-file': `${home}/zones.yaml`,
    'geoip-database-files': `mmdb:${database}`,
    'edns-subnet-processing': 'yes',
    'local-address': '127.0.0.1',
    'local-port': String(port),
    'socket-dir': home,
    'config-dir': home,
    'receiver-threads': '1',
    'distributor-threads': '1',
    'cache-ttl': '20',
    daemon: 'no',
    guardian: 'no',
  };
  const flags = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  return launch('powerdns', port, core, ['pdns_server', ...flags]);
}
