/**
 * Makes the table of registry regions that geo-dns falls back to, from the facts in `iana-address-space.txt`. Run it after
 * the facts have changed: `node infra/geoip/make-registry-table.ts`. A test compares its result with the file in the
 * repository, so that neither can change alone.
 *
 * Neighbouring networks of one registry and status are joined: the wider a network, the wider the scope of an answer.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { formatAddress, type Network, parseNetwork } from '../../core/runtime/addresses.ts';

const inputFile = path.join(import.meta.dirname, 'iana-address-space.txt');
const outputFile = path.join(import.meta.dirname, '../../geo-dns/locate/registry-regions.ts');

/** Centres lie where the users of a registry are rather than its land; they and the radius are guesses by hand. */
const regions = {
  afrinic: { name: 'Africa', latitude: 4, longitude: 20, radiusKm: 4500 },
  apnic: { name: 'Asia-Pacific', latitude: 25, longitude: 112, radiusKm: 6000 },
  arin: { name: 'North America', latitude: 39, longitude: -93, radiusKm: 2800 },
  lacnic: { name: 'Latin America', latitude: -12, longitude: -57, radiusKm: 4500 },
  ripencc: { name: 'Europe and Middle East', latitude: 49, longitude: 14, radiusKm: 3500 },
} as const;

interface Block {
  region: string;
  status: string;
  networks: Network[];
}

/** The text of `registry-regions.ts` for the facts in `input`. Throws on a line that it does not understand. */
export function makeRegistryTable(input: string): string {
  const blocks = new Map<string, Block>();
  for (const line of input.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [kind = '', region = '', status = '', ...items] = line.trim().split(/\s+/);
    const key = `${region} ${status}`;
    const block = blocks.get(key) ?? { region, status, networks: [] };
    block.networks.push(...items.flatMap((item) => networksOf(kind, item)));
    blocks.set(key, block);
  }
  return render([...blocks.values()]);
}

function networksOf(kind: string, item: string): Network[] {
  if (kind !== 'ipv4/8') return [networkOf(item)];
  const [first = '', last = first] = item.split('-');
  const octets: Network[] = [];
  for (let octet = Number(first); octet <= Number(last); octet += 1) {
    octets.push(networkOf(`${octet}.0.0.0/8`));
  }
  return octets;
}

function networkOf(text: string): Network {
  const network = parseNetwork(text);
  if (!network) throw new Error(`"${text}" is no network`);
  return network;
}

/** Joins pairs of networks that differ in their last bit only, until none is left. */
function joined(networks: readonly Network[]): Network[] {
  const byKey = new Map(networks.map((network) => [keyOf(network), network]));
  const work = [...networks];
  for (let network = work.pop(); network; network = work.pop()) {
    const sibling = siblingOf(network);
    if (network.prefixLength === 0 || !byKey.has(keyOf(network)) || !byKey.has(keyOf(sibling))) {
      continue;
    }
    byKey.delete(keyOf(network));
    byKey.delete(keyOf(sibling));
    const [lower] = [network, sibling].sort(compare);
    const parent = { ...(lower ?? network), prefixLength: network.prefixLength - 1 };
    byKey.set(keyOf(parent), parent);
    work.push(parent);
  }
  return [...byKey.values()].sort(compare);
}

function siblingOf(network: Network): Network {
  const bit = network.prefixLength - 1;
  const bytes = network.bytes.map((byte, index) =>
    index === bit >> 3 ? byte ^ (0x80 >> (bit & 7)) : byte,
  );
  return { ...network, bytes };
}

function compare(a: Network, b: Network): number {
  if (a.family !== b.family) return a.family - b.family;
  const index = a.bytes.findIndex((byte, at) => byte !== b.bytes[at]);
  return index < 0
    ? a.prefixLength - b.prefixLength
    : (a.bytes[index] ?? 0) - (b.bytes[index] ?? 0);
}

function keyOf(network: Network): string {
  return `${formatAddress(network.bytes)}/${network.prefixLength}`;
}

function render(blocks: readonly Block[]): string {
  const region = Object.entries(regions).map(
    ([id, { name, latitude, longitude, radiusKm }]) =>
      `  ${id}: { name: '${name}', latitude: ${latitude}, longitude: ${longitude}, radiusKm: ${radiusKm} },`,
  );
  const table = blocks.flatMap((block) => [
    '  {',
    `    region: ${block.region === 'none' ? 'null' : `'${block.region}'`},`,
    `    status: '${block.status}',`,
    ...renderNetworks(joined(block.networks).map(keyOf)),
    '  },',
  ]);
  return [header, 'export const registryRegions = {', ...region, '} as const;', '', types]
    .concat('export const registryBlocks: readonly RegistryBlock[] = [', table, '];', '')
    .join('\n');
}

/** One line where the formatter wants one, else one network a line. */
function renderNetworks(networks: readonly string[]): string[] {
  const list = networks.map((network) => `'${network}'`);
  const line = `    networks: [${list.join(', ')}],`;
  if (line.length <= 100) return [line];
  return ['    networks: [', ...list.map((item) => `      ${item},`), '    ],'];
}

const header = `/**
 * Made by infra/geoip/make-registry-table.ts from infra/geoip/iana-address-space.txt; do not edit by hand.
 *
 * Which regional registry each part of the address space belongs to: the last resort for a client's place, right about the
 * continent at best. A registry says who handed an address out, not where it is used; \`radiusKm\` is a guess by hand of how
 * far a region's clients are spread around its centre, and a \`legacy\` block may be used anywhere in the world.
 */
`;

const types = `export type RegistryRegion = keyof typeof registryRegions;

export interface RegistryBlock {
  /** Null: no public client has such an address. */
  region: RegistryRegion | null;
  status: 'allocated' | 'legacy' | 'reserved' | 'special';
  networks: readonly string[];
}
`;

if (import.meta.main) {
  writeFileSync(outputFile, makeRegistryTable(readFileSync(inputFile, 'utf8')));
  process.stdout.write(`wrote ${path.relative(process.cwd(), outputFile)}\n`);
}
