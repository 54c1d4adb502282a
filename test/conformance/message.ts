/**
 * HTTP/1.1 messages as bytes, for a client and an origin that must see what came and not what a library makes of it: lines
 * in order and as they were written, and whether a message was complete. Lenient where the suite's own words pass, strict
 * where a message's end is concerned.
 */

/** A field line as received: the name as it was written, the value without the whitespace around it. */
export type FieldLine = readonly [name: string, value: string];

export interface Head {
  startLine: string;
  lines: FieldLine[];
  /** Index of the first byte after the head. */
  end: number;
}

export type BodyState =
  | { kind: 'complete'; body: Buffer; trailers: FieldLine[]; end: number }
  /** More is to come; `body` is what there is. */
  | { kind: 'open'; body: Buffer }
  | { kind: 'broken'; body: Buffer; why: string };

export type Framing =
  | { kind: 'none' }
  | { kind: 'length'; bytes: number }
  | { kind: 'chunked' }
  | { kind: 'close' };

/** Parses a head that begins at `from`; undefined while it is not complete. */
export function parseHead(bytes: Buffer, from = 0): Head | undefined {
  const end = bytes.indexOf('\r\n\r\n', from, 'latin1');
  if (end === -1) return undefined;
  const [startLine = '', ...rest] = bytes.toString('latin1', from, end).split('\r\n');
  return { startLine, lines: rest.map(fieldLineOf), end: end + 4 };
}

/** The values of all lines of a field. */
export function valuesOf(lines: readonly FieldLine[], name: string): string[] {
  const wanted = name.toLowerCase();
  return lines.filter(([each]) => each.toLowerCase() === wanted).map(([, value]) => value);
}

/** The lines of a field joined (RFC 9110 §5.3); undefined: there is none. */
export function combined(lines: readonly FieldLine[], name: string): string | undefined {
  const values = valuesOf(lines, name);
  return values.length === 0 ? undefined : values.join(', ');
}

/** How the end of a body is told (RFC 9112 §6.3); `fallback` where no field does. */
export function framingOf(lines: readonly FieldLine[], fallback: 'none' | 'close'): Framing {
  if (combined(lines, 'transfer-encoding')?.toLowerCase() === 'chunked') return { kind: 'chunked' };
  const length = combined(lines, 'content-length');
  if (length !== undefined) return { kind: 'length', bytes: Number(length) };
  return { kind: fallback };
}

/** Reads a body that begins at `from`, as far as it has come. `isEnded`: no more will come. */
export function readBody(
  bytes: Buffer,
  from: number,
  framing: Framing,
  isEnded: boolean,
): BodyState {
  const rest = bytes.subarray(from);
  switch (framing.kind) {
    case 'none':
      return { kind: 'complete', body: Buffer.alloc(0), trailers: [], end: from };
    case 'length': {
      const body = rest.subarray(0, framing.bytes);
      if (body.length < framing.bytes) return { kind: 'open', body };
      return { kind: 'complete', body, trailers: [], end: from + framing.bytes };
    }
    case 'close':
      if (!isEnded) return { kind: 'open', body: rest };
      return { kind: 'complete', body: rest, trailers: [], end: bytes.length };
    case 'chunked':
      return readChunks(bytes, from);
  }
}

function readChunks(bytes: Buffer, from: number): BodyState {
  const parts: Buffer[] = [];
  const soFar = () => Buffer.concat(parts);
  let at = from;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at, 'latin1');
    if (lineEnd === -1) return { kind: 'open', body: soFar() };
    const size = bytes.toString('latin1', at, lineEnd).split(';', 1)[0] ?? '';
    if (!/^[0-9a-f]+$/i.test(size)) {
      return { kind: 'broken', body: soFar(), why: `"${size}" is no chunk size` };
    }
    const length = Number.parseInt(size, 16);
    const start = lineEnd + 2;
    if (length === 0) return readTrailers(bytes, start, soFar());
    parts.push(bytes.subarray(start, start + length));
    if (bytes.length < start + length + 2) return { kind: 'open', body: soFar() };
    if (bytes.toString('latin1', start + length, start + length + 2) !== '\r\n') {
      return { kind: 'broken', body: soFar(), why: 'a chunk does not end where it says' };
    }
    at = start + length + 2;
  }
}

function readTrailers(bytes: Buffer, start: number, body: Buffer): BodyState {
  if (bytes.toString('latin1', start, start + 2) === '\r\n') {
    return { kind: 'complete', body, trailers: [], end: start + 2 };
  }
  const end = bytes.indexOf('\r\n\r\n', start, 'latin1');
  if (end === -1) return { kind: 'open', body };
  const trailers = bytes.toString('latin1', start, end).split('\r\n').map(fieldLineOf);
  return { kind: 'complete', body, trailers, end: end + 4 };
}

function fieldLineOf(line: string): FieldLine {
  const colon = line.indexOf(':');
  if (colon === -1) return [line, ''];
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')];
}
