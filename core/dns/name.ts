/**
 * Domain names. In the program a name is its presentation form without the final dot, in the case it came in
 * (`wWw.Example.org`; the root is the empty text), with `\.`, `\\` and `\DDD` for bytes that would be ambiguous (RFC 1035
 * §5.1), so that every name of the wire has exactly one text and survives a round trip byte for byte (0x20 included).
 *
 * Invariant: names are compared by `nameKey`, never as they are (RFC 1035 §2.3.3).
 */
import {
  readU8,
  WireError,
  type WireReader,
  type WireWriter,
  writeBytes,
  writeU8,
  writeU16,
} from './buffer.ts';

export type Name = string;

/** RFC 1035 §2.3.4; the length counts the length bytes and the root. */
const maxLabelBytes = 63;
const maxNameBytes = 255;
const headerBytes = 12;
/** A name has at most 127 labels; more pointers than that serve nobody but an attacker. */
const maxPointers = 127;
/** Offsets above this do not fit a compression pointer (RFC 1035 §4.1.4). */
const maxPointer = 0x3fff;

/** The form in which names are equal, and in which maps hold them. Escapes keep this to ASCII letters. */
export function nameKey(name: Name): string {
  return name.toLowerCase();
}

/**
 * Reads a name, following compression pointers. Each pointer must lead to before the start of the segment that it
 * ends (RFC 1035 §4.1.4: "a prior occurrence"), so that the walk always terminates. Leaves the reader behind the name.
 */
export function readName(reader: WireReader): Name {
  let segment: WireReader = reader;
  let segmentStart = reader.at;
  let nameBytes = 1;
  let pointers = 0;
  let name = '';
  for (;;) {
    const length = readU8(segment);
    if (length === 0) return name;
    if (length > maxLabelBytes) {
      if (length < 0xc0) throw new WireError('a label of an unknown kind');
      const target = ((length & 0x3f) << 8) | readU8(segment);
      pointers += 1;
      if (target >= segmentStart || target < headerBytes || pointers > maxPointers) {
        throw new WireError('a compression pointer that does not lead back');
      }
      segmentStart = target;
      segment = { bytes: reader.bytes, at: target, end: reader.bytes.length };
      continue;
    }
    nameBytes += length + 1;
    if (nameBytes > maxNameBytes) throw new WireError('a name of more than 255 bytes');
    const label = readLabel(segment, length);
    name = name === '' ? label : `${name}.${label}`;
  }
}

function readLabel(reader: WireReader, length: number): string {
  const { bytes, at } = reader;
  if (at + length > reader.end) throw new WireError('the message ends within a label');
  reader.at = at + length;
  for (let index = at; index < at + length; index += 1) {
    if (!isPlain(bytes[index] ?? 0)) return escapeLabel(bytes.subarray(at, at + length));
  }
  return bytes.toString('latin1', at, at + length);
}

function isPlain(byte: number): boolean {
  return byte > 0x20 && byte < 0x7f && byte !== 0x2e && byte !== 0x5c;
}

function escapeLabel(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    if (isPlain(byte)) text += String.fromCharCode(byte);
    else if (byte === 0x2e || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`;
    else text += `\\${String(byte).padStart(3, '0')}`;
  }
  return text;
}

/**
 * Writes a name. With `compress`, its longest suffix that the message has already becomes a pointer; suffixes are matched
 * without regard to case, so an answer's owner name takes the spelling of the question. Throws WireError if it is no name.
 */
export function writeName(writer: WireWriter, name: Name, compress: boolean): void {
  const start = writer.length;
  let rest = name;
  while (rest !== '') {
    const key = nameKey(rest);
    const known = compress ? writer.suffixes.get(key) : undefined;
    if (known !== undefined) {
      writeU16(writer, 0xc000 | known);
      return;
    }
    if (writer.length <= maxPointer && !writer.suffixes.has(key)) {
      writer.suffixes.set(key, writer.length);
    }
    const dot = firstDot(rest);
    const label = labelBytes(dot < 0 ? rest : rest.slice(0, dot));
    writeU8(writer, label.length);
    writeBytes(writer, label);
    if (writer.length - start >= maxNameBytes)
      throw new WireError(`"${name}" is too long for a name`);
    rest = dot < 0 ? '' : rest.slice(dot + 1);
  }
  writeU8(writer, 0);
}

/**
 * The name that `text` means where names are relative to `origin`: `@` is the origin, a final dot makes it whole (RFC 1035
 * §5.1). Its escapes come out in our one form. Throws WireError when it is no name.
 */
export function nameOf(text: string, origin: Name): Name {
  if (text === '@') return origin;
  if (text === '.') return '';
  if (/[^!-~]/.test(text)) throw new WireError(`"${text}" is no name: write it in ASCII`);
  let { name, nameBytes, isWhole } = text.includes('\\') ? escapedName(text) : plainName(text);
  if (!isWhole && origin !== '') {
    name += `.${origin}`;
    nameBytes += encodedLength(origin) - 1;
  }
  if (nameBytes > maxNameBytes) throw new WireError(`"${name}" is longer than a name may be`);
  return name;
}

interface WrittenName {
  name: Name;
  /** On the wire. */
  nameBytes: number;
  /** It ended with a dot. */
  isWhole: boolean;
}

function plainName(text: string): WrittenName {
  const labels = text.split('.');
  const isWhole = labels.length > 1 && labels.at(-1) === '';
  if (isWhole) labels.pop();
  for (const label of labels) {
    if (label === '' || label.length > maxLabelBytes) throw noLabel(label);
  }
  const name = isWhole ? text.slice(0, -1) : text;
  return { name, nameBytes: name.length + 2, isWhole };
}

function escapedName(text: string): WrittenName {
  let name = '';
  let nameBytes = 1;
  let rest: string | undefined = text;
  let isWhole = false;
  while (rest !== undefined) {
    const dot: number = firstDot(rest);
    const label = labelBytes(dot < 0 ? rest : rest.slice(0, dot));
    name += `${name === '' ? '' : '.'}${escapeLabel(label)}`;
    nameBytes += label.length + 1;
    isWhole = dot >= 0 && dot === rest.length - 1;
    rest = dot < 0 || isWhole ? undefined : rest.slice(dot + 1);
  }
  return { name, nameBytes, isWhole };
}

function encodedLength(name: Name): number {
  return labelsOf(name).reduce((length, label) => length + label.length + 1, 1);
}

/** The labels as bytes, the first one first. */
export function labelsOf(name: Name): Buffer[] {
  const labels: Buffer[] = [];
  for (let rest: Name | undefined = name; rest; rest = parentOf(rest)) {
    const dot = firstDot(rest);
    labels.push(labelBytes(dot < 0 ? rest : rest.slice(0, dot)));
  }
  return labels;
}

export function nameOfLabels(labels: readonly Uint8Array[]): Name {
  return labels.map(escapeLabel).join('.');
}

/** How many labels a name has, the root's not counted. */
export function labelCount(name: Name): number {
  let count = 0;
  for (let rest: Name | undefined = name; rest; rest = parentOf(rest)) count += 1;
  return count;
}

/** The bytes of one label in presentation form. Throws WireError when it is empty, too long or badly escaped. */
function labelBytes(label: string): Buffer {
  const bytes = label.includes('\\') ? unescapeLabel(label) : Buffer.from(label, 'latin1');
  if (bytes.length === 0 || bytes.length > maxLabelBytes) {
    throw noLabel(label);
  }
  return bytes;
}

function noLabel(label: string): WireError {
  return new WireError(`"${label}" is no label: 1 to ${maxLabelBytes} bytes`);
}

function unescapeLabel(label: string): Buffer {
  const bytes: number[] = [];
  for (let index = 0; index < label.length; index += 1) {
    if (label[index] !== '\\') {
      bytes.push(label.charCodeAt(index));
      continue;
    }
    const digits = label.slice(index + 1, index + 4);
    const isNumber = /^\d{3}$/.test(digits) && Number(digits) < 256;
    const next = label.charCodeAt(index + 1);
    if (!isNumber && !(next > 0x20)) throw new WireError(`"${label}" ends within an escape`);
    bytes.push(isNumber ? Number(digits) : next);
    index += isNumber ? 3 : 1;
  }
  return Buffer.from(bytes);
}

/** The position of the first dot that separates labels; −1 when there is one label only. */
function firstDot(name: Name): number {
  let dot = name.indexOf('.');
  while (dot > 0 && isEscaped(name, dot)) dot = name.indexOf('.', dot + 1);
  return dot;
}

/** True when the character at `index` stands behind an odd number of backslashes. */
function isEscaped(name: Name, index: number): boolean {
  let backslashes = 0;
  while (name[index - 1 - backslashes] === '\\') backslashes += 1;
  return backslashes % 2 === 1;
}

/** The name without its first label; undefined for the root. */
export function parentOf(name: Name): Name | undefined {
  if (name === '') return undefined;
  const dot = firstDot(name);
  return dot < 0 ? '' : name.slice(dot + 1);
}

/** Whether `key` is `ancestor` or below it. Both are keys (see `nameKey`). */
export function isWithin(key: string, ancestor: string): boolean {
  if (key === ancestor || ancestor === '') return true;
  const dot = key.length - ancestor.length - 1;
  return dot > 0 && key[dot] === '.' && !isEscaped(key, dot) && key.endsWith(ancestor);
}
