/**
 * Writes a small GeoIP database in the MaxMind format (version 2.0, 28-bit records, IPv4 networks under ::/96), so that tests
 * need no downloaded one. Values are objects, strings, lists, and numbers (whole ones as uint32, others as doubles).
 */
import { parseNetwork } from '../../core/runtime/addresses.ts';

/** A whole number in a type of its own: other readers insist on those of the metadata. */
interface Sized {
  bits: 16 | 64;
  value: number;
}

type Metadata = { [key: string]: MmdbValue | Sized };

export type MmdbValue = string | number | MmdbValue[] | { [key: string]: MmdbValue };

class TreeNode {
  sides: [TreeNode | MmdbValue | undefined, TreeNode | MmdbValue | undefined] = [
    undefined,
    undefined,
  ];
}

/** The bytes of a database in which each network (`198.18.3.0/24`) has its record. Networks must not nest. */
export function writeMmdb(
  records: Record<string, MmdbValue>,
  builtAtMs = Date.UTC(2026, 0, 1),
): Buffer {
  const root = new TreeNode();
  for (const [network, value] of Object.entries(records)) insert(root, network, value);
  const nodes = [root];
  for (const node of nodes) nodes.push(...node.sides.filter((side) => side instanceof TreeNode));
  const data: Buffer[] = [];
  let dataBytes = 0;
  const recordOf = (side: TreeNode | MmdbValue | undefined): number => {
    if (side === undefined) return nodes.length; // "not in the database"
    if (side instanceof TreeNode) return nodes.indexOf(side);
    const encoded = encode(side);
    const at = dataBytes;
    data.push(encoded);
    dataBytes += encoded.length;
    return nodes.length + 16 + at;
  };
  const tree = nodes.map(({ sides }) => {
    const [left, right] = [recordOf(sides[0]), recordOf(sides[1])];
    const bytes = Buffer.alloc(7);
    bytes.writeUIntBE(left & 0xffffff, 0, 3);
    bytes[3] = ((left >>> 24) << 4) | (right >>> 24);
    bytes.writeUIntBE(right & 0xffffff, 4, 3);
    return bytes;
  });
  const metadata = encode({
    binary_format_major_version: { bits: 16, value: 2 },
    binary_format_minor_version: { bits: 16, value: 0 },
    build_epoch: { bits: 64, value: builtAtMs / 1000 },
    database_type: 'Synthetic-City',
    description: { en: 'made by a test' },
    ip_version: { bits: 16, value: 6 },
    languages: ['en'],
    node_count: nodes.length,
    record_size: { bits: 16, value: 28 },
  });
  const marker = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
  return Buffer.concat([...tree, Buffer.alloc(16), ...data, marker, metadata]);
}

function insert(root: TreeNode, text: string, value: MmdbValue): void {
  const network = parseNetwork(text);
  if (!network) throw new Error(`"${text}" is no network`);
  const isV4 = network.family === 4;
  const bytes = [...(isV4 ? new Array<number>(12).fill(0) : []), ...network.bytes];
  const last = network.prefixLength + (isV4 ? 96 : 0) - 1;
  let node = root;
  for (let bit = 0; bit <= last; bit += 1) {
    const side = ((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
    const next = node.sides[side];
    if (bit === last) node.sides[side] = value;
    else if (next instanceof TreeNode) node = next;
    else node = node.sides[side] = new TreeNode();
  }
}

/** The control byte of a type, and the size in it or behind it (sizes to 284 are enough here). */
function control(type: number, size: number): Buffer {
  const sizeBits = size < 29 ? size : 29;
  const extra = size < 29 ? [] : [size - 29];
  return type < 8
    ? Buffer.from([(type << 5) | sizeBits, ...extra])
    : Buffer.from([sizeBits, type - 7, ...extra]);
}

function encodeSized({ bits, value }: Sized): Buffer {
  const bytes = Buffer.alloc(bits / 8);
  bytes.writeUIntBE(value, Math.max(0, bytes.length - 6), Math.min(6, bytes.length));
  return Buffer.concat([control(bits === 16 ? 5 : 9, bytes.length), bytes]);
}

function encode(value: MmdbValue | Metadata): Buffer {
  if (typeof value === 'string') {
    const bytes = Buffer.from(value);
    return Buffer.concat([control(2, bytes.length), bytes]);
  }
  if (typeof value === 'number') {
    const isWhole = Number.isInteger(value) && value >= 0;
    const bytes = Buffer.alloc(isWhole ? 4 : 8);
    if (isWhole) bytes.writeUInt32BE(value);
    else bytes.writeDoubleBE(value);
    return Buffer.concat([control(isWhole ? 6 : 3, bytes.length), bytes]);
  }
  if (Array.isArray(value)) {
    return Buffer.concat([control(11, value.length), ...value.map(encode)]);
  }
  const entries = Object.entries(value);
  const pairs = entries.flatMap(([key, item]) => [
    encode(key),
    isSized(item) ? encodeSized(item) : encode(item),
  ]);
  return Buffer.concat([control(7, entries.length), ...pairs]);
}

function isSized(value: MmdbValue | Sized): value is Sized {
  return typeof value === 'object' && 'bits' in value;
}
