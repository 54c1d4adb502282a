/**
 * A client over a bare socket, one connection for each request: it sees interim responses when they come, field lines as they
 * were written, where a message breaks off, and bytes after its end.
 */
import { connect } from 'node:net';
import { type FieldLine, type Framing, framingOf, parseHead, readBody } from './message.ts';

export interface RawRequest {
  port: number;
  method: string;
  target: string;
  version?: string;
  /** Host among them. */
  lines: readonly FieldLine[];
  body?: string | undefined;
  /** How long an answer may take; then what there is counts. */
  limitMs: number;
}

export interface RawInterim {
  status: number;
  lines: readonly FieldLine[];
  /** When it came (`performance.now`). */
  atMs: number;
}

export interface RawResponse {
  status: number;
  reason: string;
  lines: readonly FieldLine[];
  body: Buffer;
  trailers: readonly FieldLine[];
  interim: readonly RawInterim[];
  /** The message came to its end. */
  isComplete: boolean;
  /** What followed its end on the connection. */
  excess: Buffer;
}

/** Sends a request and reads until the connection ends, which it asks for. Undefined: no final head came. */
export async function ask(request: RawRequest): Promise<RawResponse | undefined> {
  const interim: RawInterim[] = [];
  const { bytes, isEnded } = await exchange(request, (seen) => {
    const { heads } = headsOf(seen);
    for (const { status, lines } of heads.slice(interim.length)) {
      if (status < 200) interim.push({ status, lines, atMs: performance.now() });
    }
  });
  return responseOf(bytes, isEnded, request.method, interim);
}

/** What the bytes of a connection say; undefined: no final head is among them. */
export function responseOf(
  bytes: Buffer,
  isEnded: boolean,
  method: string,
  interim: readonly RawInterim[] = [],
): RawResponse | undefined {
  const { heads } = headsOf(bytes);
  const final = heads.at(-1);
  if (!final || final.status < 200) return undefined;
  const { status, reason, lines, end } = final;
  const state = readBody(bytes, end, responseFraming(method, status, lines), isEnded);
  const isComplete = state.kind === 'complete';
  return {
    status,
    reason,
    lines,
    body: Buffer.from(state.body),
    trailers: isComplete ? state.trailers : [],
    interim,
    isComplete,
    excess: isComplete ? bytes.subarray(state.end) : Buffer.alloc(0),
  };
}

/** RFC 9112 §6.3: what has no body whatever its fields say. */
function responseFraming(method: string, status: number, lines: readonly FieldLine[]): Framing {
  if (method === 'HEAD' || status === 204 || status === 304) return { kind: 'none' };
  return framingOf(lines, 'close');
}

interface ResponseHead {
  status: number;
  reason: string;
  lines: readonly FieldLine[];
  end: number;
}

/** Interim heads and the final one, as many as there are. */
function headsOf(bytes: Buffer): { heads: ResponseHead[] } {
  const heads: ResponseHead[] = [];
  for (let from = 0; ; ) {
    const head = parseHead(bytes, from);
    if (!head) return { heads };
    const [, status = '0', reason = ''] =
      /^HTTP\/1\.[01] (\d{3}) ?(.*)$/.exec(head.startLine) ?? [];
    heads.push({ status: Number(status), reason, lines: head.lines, end: head.end });
    if (Number(status) >= 200 || Number(status) < 100) return { heads };
    from = head.end;
  }
}

/** Resolves with all bytes when the peer has ended the connection, or the time is over. Rejects when none can be made. */
function exchange(
  request: RawRequest,
  onBytes: (seen: Buffer) => void,
): Promise<{ bytes: Buffer; isEnded: boolean }> {
  const parts: Buffer[] = [];
  const isKept = request.lines.some(([name]) => name.toLowerCase() === 'connection');
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: request.port });
    const settle = (isEnded: boolean) => {
      clearTimeout(limit);
      socket.destroy();
      resolve({ bytes: Buffer.concat(parts), isEnded });
    };
    const limit = setTimeout(() => settle(false), request.limitMs);
    socket.on('connect', () => socket.write(bytesOf(request), 'latin1'));
    socket.on('data', (part) => {
      parts.push(part);
      // Interim heads stand at the beginning; later pieces need no look.
      if (parts.length <= 8) onBytes(Buffer.concat(parts));
      if (isKept && responseOf(Buffer.concat(parts), false, request.method)?.isComplete) {
        settle(true);
      }
    });
    socket.on('end', () => settle(true));
    socket.on('error', (error) => {
      // A reset after something has come is the end of it, and no good one.
      if (parts.length > 0) settle(false);
      else {
        clearTimeout(limit);
        reject(error);
      }
    });
    socket.on('close', () => settle(true));
  });
}

function bytesOf({ method, target, version = '1.1', lines, body }: RawRequest): string {
  const has = (name: string) => lines.some(([each]) => each.toLowerCase() === name);
  const all = [...lines];
  if (body !== undefined && !has('content-length') && !has('transfer-encoding')) {
    all.push(['Content-Length', String(Buffer.byteLength(body, 'latin1'))]);
  }
  // Ended by the server, so that whatever it sends beyond the message is seen.
  if (!has('connection')) all.push(['Connection', 'close']);
  const head = all.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `${method} ${target} HTTP/${version}\r\n${head}\r\n${body ?? ''}`;
}
