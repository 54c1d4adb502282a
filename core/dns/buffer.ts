/**
 * Reading and writing the bytes of a DNS message, with every bound checked. All that can be wrong with a message's bytes
 * is a `WireError`: nothing else is ever thrown by the files of this folder, whatever the bytes are.
 */

/** A message, or what should become one, that breaks the format (RFC 1035 §4.1). */
export class WireError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'WireError';
  }
}

/** A position in a message. `end` is where the present structure ends: the message, or one record's RDATA. */
export interface WireReader {
  readonly bytes: Buffer;
  at: number;
  end: number;
}

export function readU8(reader: WireReader): number {
  const at = advance(reader, 1);
  return reader.bytes.readUInt8(at);
}

export function readU16(reader: WireReader): number {
  const at = advance(reader, 2);
  return reader.bytes.readUInt16BE(at);
}

export function readU32(reader: WireReader): number {
  const at = advance(reader, 4);
  return reader.bytes.readUInt32BE(at);
}

/** A copy of the next `length` bytes, so that a record kept does not keep its whole datagram. */
export function readBytes(reader: WireReader, length: number): Buffer {
  const at = advance(reader, length);
  return Buffer.from(reader.bytes.subarray(at, at + length));
}

function advance(reader: WireReader, length: number): number {
  const { at } = reader;
  if (at + length > reader.end) throw new WireError('the message ends within a field');
  reader.at = at + length;
  return at;
}

/** The longest DNS message: its length has 16 bits over TCP (RFC 1035 §4.2.2). */
export const maxMessageBytes = 65535;

/** A message under construction. `suffixes` maps each name suffix written so far to its offset, for compression. */
export interface WireWriter {
  bytes: Buffer;
  length: number;
  readonly suffixes: Map<string, number>;
}

export function createWriter(): WireWriter {
  return { bytes: Buffer.allocUnsafe(512), length: 0, suffixes: new Map() };
}

export function writeU8(writer: WireWriter, value: number): void {
  const at = reserve(writer, 1);
  writer.bytes.writeUInt8(value, at);
}

export function writeU16(writer: WireWriter, value: number): void {
  const at = reserve(writer, 2);
  writer.bytes.writeUInt16BE(value, at);
}

export function writeU32(writer: WireWriter, value: number): void {
  const at = reserve(writer, 4);
  writer.bytes.writeUInt32BE(value, at);
}

export function writeBytes(writer: WireWriter, bytes: Uint8Array): void {
  const at = reserve(writer, bytes.length);
  writer.bytes.set(bytes, at);
}

/** Writes what `write` writes behind a 16-bit length of it. */
export function writeWithLength(writer: WireWriter, write: () => void): void {
  const lengthAt = reserve(writer, 2);
  const start = writer.length;
  write();
  writer.bytes.writeUInt16BE(writer.length - start, lengthAt);
}

/** The offset of `length` fresh bytes. May replace `writer.bytes`, so it is called before that is looked at. */
function reserve(writer: WireWriter, length: number): number {
  const at = writer.length;
  const needed = at + length;
  if (needed > maxMessageBytes) throw new WireError(`longer than ${maxMessageBytes} bytes`);
  if (needed > writer.bytes.length) {
    const larger = Buffer.allocUnsafe(Math.max(needed, writer.bytes.length * 4));
    writer.bytes.copy(larger, 0, 0, at);
    writer.bytes = larger;
  }
  writer.length = needed;
  return at;
}
