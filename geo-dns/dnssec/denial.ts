/**
 * Proof that something is not there: one NSEC record that begins at the name and ends just behind it, made for each question
 * (compact denial of existence, RFC 9824). It tells nobody which other names there are.
 */
import { createWriter, writeBytes, writeU8 } from '../../core/dns/buffer.ts';
import { labelsOf, type Name, nameOfLabels, writeName } from '../../core/dns/name.ts';
import { classIn, type ResourceRecord, recordTypes } from '../../core/dns/record.ts';
import { typesAt, type Zone, type ZoneNode } from '../zone.ts';

/** A name that has nothing of what was asked for. */
export interface Denial {
  /** `delegation`: the name is the other side's. */
  kind: 'nodata' | 'nxdomain' | 'delegation';
  zone: Zone;
  name: Name;
  /** What the name has, by type, without what was asked for. */
  types: readonly number[];
}

export function denialOf(
  kind: Denial['kind'],
  zone: Zone,
  name: Name,
  asked: number,
  /** What stands for the name, where that is a wildcard. */
  node: ZoneNode | undefined = zone.nodes.get(name),
): Denial {
  const types = node ? typesAt(node, kind === 'delegation') : [];
  return { kind, zone, name, types: types.filter((type) => type !== asked) };
}

/**
 * The NSEC record of `name`, which has `types`; without any: a name that does not exist (§3.1, §3.2). It must not say that there is
 * what was `asked` for: signatures alone are not given out.
 */
export function nsecOf(
  name: Name,
  types: readonly number[] | undefined,
  ttlSeconds: number,
  asked?: number,
): ResourceRecord {
  const { RRSIG, NSEC, NXNAME } = recordTypes;
  const writer = createWriter();
  writeName(writer, nextName(name), false);
  const signatures = asked === RRSIG ? [] : [RRSIG];
  writeBytes(writer, typeBitmap([...(types ?? [NXNAME]), ...signatures, NSEC]));
  const bytes = writer.bytes.subarray(0, writer.length);
  return { name, class: classIn, ttlSeconds, data: { type: 'opaque', code: NSEC, bytes } };
}

/**
 * The name right behind `name` in canonical order: one more label, of a zero byte. A name too long for that is followed by a
 * sibling, its first label one larger (RFC 4471 §3.1.1).
 */
export function nextName(name: Name): Name {
  const labels = labelsOf(name);
  const length = labels.reduce((sum, label) => sum + label.length + 1, 1);
  if (length + 2 <= 255) return nameOfLabels([Buffer.of(0), ...labels]);
  const [first = Buffer.alloc(0), ...rest] = labels;
  const label = Buffer.from(first);
  for (let at = label.length - 1; at >= 0; at -= 1) {
    const byte = label[at] ?? 0;
    if (byte === 0xff) continue;
    label[at] = byte + 1;
    return nameOfLabels([label.subarray(0, at + 1), ...rest]);
  }
  return nextName(nameOfLabels(rest));
}

/** RFC 4034 §4.1.2: for each window of 256 types that has any, its number, the length of its bitmap, and that. */
export function typeBitmap(types: readonly number[]): Buffer {
  const writer = createWriter();
  const windows = [...new Set(types.map((type) => type >> 8))].sort((a, b) => a - b);
  for (const window of windows) {
    const low = types.filter((type) => type >> 8 === window).map((type) => type & 255);
    const bitmap = Buffer.alloc((Math.max(...low) >> 3) + 1);
    for (const type of low) bitmap[type >> 3] = (bitmap[type >> 3] ?? 0) | (0x80 >> (type & 7));
    writeU8(writer, window);
    writeU8(writer, bitmap.length);
    writeBytes(writer, bitmap);
  }
  return writer.bytes.subarray(0, writer.length);
}
