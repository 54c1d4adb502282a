/**
 * An origin over bare sockets that answers by a script, and misbehaves where the script says so: lines verbatim, interim
 * responses, wrong lengths, illegal chunks, ends in the middle, silence, nobody there.
 *
 * A script belongs to a path prefix, so that many cases share one origin and do not meet.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { Fault } from './case.ts';
import { combined, type FieldLine, framingOf, parseHead, readBody } from './message.ts';

export interface OriginRequest {
  method: string;
  target: string;
  lines: readonly FieldLine[];
  body: string;
  /** The connection has carried a request before. */
  isReused: boolean;
}

/** An answer whose texts are known. */
export interface PlainAnswer {
  status: number;
  reason: string;
  version: '1.0' | '1.1';
  lines: readonly FieldLine[];
  body: Buffer;
  framing: 'length' | 'chunked' | 'close';
  interim: readonly { status: number; lines: readonly FieldLine[] }[];
  interimLeadMs: number;
  trailers: readonly FieldLine[];
  delayMs: number;
  bodyDelayMs: number;
  fault: Fault | undefined;
  /** Told when the final head is about to be sent. */
  onFinal: () => void;
}

export type Script = (request: OriginRequest) => PlainAnswer;

export interface ScriptedOrigin {
  readonly url: string;
  /** Answers what begins with the prefix by the script. */
  on(prefix: string, script: Script): void;
  /** Nobody listens any more, and connections are ended. */
  refuse(): Promise<void>;
  /** Listens again, on the same port. */
  listen(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts an origin on a free port. */
export async function startScriptedOrigin(): Promise<ScriptedOrigin> {
  const scripts = new Map<string, Script>();
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  let port = 0;
  const listen = async () => {
    if (server) return;
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      // Whoever asked is gone: nothing to do.
      socket.on('error', () => socket.destroy());
      serveConnection(socket, (request) => scriptFor(scripts, request.target)?.(request));
    });
    port = await bind(server, port);
  };
  const refuse = async () => {
    const closing = server;
    server = undefined;
    for (const socket of sockets) socket.destroy();
    if (closing) await new Promise((resolve) => closing.close(resolve));
  };
  await listen();
  return {
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    on: (prefix, script) => void scripts.set(prefix, script),
    refuse,
    listen,
    stop: refuse,
  };
}

function bind(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port, backlog: 1024 }, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : 0);
    });
  });
}

/** A prefix ends where a segment or the query does. */
function scriptFor(scripts: ReadonlyMap<string, Script>, target: string): Script | undefined {
  const [, prefix = ''] = /^(\/[^/?]*\/[^/?]*)/.exec(target) ?? [];
  return scripts.get(prefix);
}

/** Reads request after request; the next one is read when the answer before has been sent. */
function serveConnection(
  socket: Socket,
  scriptOf: (request: OriginRequest) => PlainAnswer | undefined,
): void {
  let bytes: Buffer = Buffer.alloc(0);
  let served = 0;
  let isBusy = false;
  const next = () => {
    if (isBusy) return;
    const read = readRequest(bytes, served > 0);
    if (!read) return;
    bytes = bytes.subarray(read.end);
    served += 1;
    isBusy = true;
    const answer = scriptOf(read.request) ?? unknownPath;
    void sendAnswer(socket, read.request, answer).then(() => {
      isBusy = false;
      next();
    });
  };
  socket.on('data', (part) => {
    bytes = Buffer.concat([bytes, part]);
    next();
  });
}

function readRequest(
  bytes: Buffer,
  isReused: boolean,
): { request: OriginRequest; end: number } | undefined {
  const head = parseHead(bytes);
  if (!head) return undefined;
  const body = readBody(bytes, head.end, framingOf(head.lines, 'none'), false);
  if (body.kind !== 'complete') return undefined;
  const [method = '', target = ''] = head.startLine.split(' ');
  const text = body.body.toString('latin1');
  return { request: { method, target, lines: head.lines, body: text, isReused }, end: body.end };
}

const unknownPath: PlainAnswer = {
  status: 404,
  reason: 'Not Found',
  version: '1.1',
  lines: [],
  body: Buffer.from('no case has this path\n'),
  framing: 'length',
  interim: [],
  interimLeadMs: 0,
  trailers: [],
  delayMs: 0,
  bodyDelayMs: 0,
  fault: undefined,
  onFinal: () => {},
};

async function sendAnswer(
  socket: Socket,
  request: OriginRequest,
  answer: PlainAnswer,
): Promise<void> {
  const { fault } = answer;
  await pause(answer.delayMs);
  if (fault?.kind === 'silence') return;
  if (fault?.kind === 'drop' || (fault?.kind === 'drop-reused' && request.isReused)) {
    socket.destroy();
    return;
  }
  for (const { status, lines } of answer.interim) {
    socket.write(`HTTP/1.1 ${status} Interim\r\n${textOfLines(lines)}\r\n`, 'latin1');
  }
  if (answer.interim.length > 0) await pause(answer.interimLeadMs);
  answer.onFinal();
  const head = headOf(answer);
  if (fault?.kind === 'cut-head') {
    socket.end(head.slice(0, head.length / 2), 'latin1');
    return;
  }
  socket.write(head, 'latin1');
  await pause(answer.bodyDelayMs);
  sendBody(socket, request, answer);
}

function sendBody(socket: Socket, { method, lines }: OriginRequest, answer: PlainAnswer): void {
  const { body, fault, framing, status } = answer;
  if (fault?.kind === 'bytes') {
    socket.end(fault.text, 'latin1');
    return;
  }
  const hasBody = method !== 'HEAD' && status !== 204 && status !== 304;
  const isLast = combined(lines, 'connection')?.toLowerCase() === 'close';
  const isEnded = isLast || framing === 'close' || answer.version === '1.0';
  if (!hasBody) {
    if (isEnded) socket.end();
    return;
  }
  if (fault?.kind === 'cut' || fault?.kind === 'stall') {
    const part = body.subarray(0, fault.afterBytes);
    socket.write(framing === 'chunked' ? chunkOf(part) : part);
    if (fault.kind === 'cut') socket.end();
    return;
  }
  if (framing === 'chunked') {
    socket.write(chunkOf(body));
    socket.write(`0\r\n${textOfLines(answer.trailers)}\r\n`, 'latin1');
  } else {
    socket.write(body);
  }
  if (isEnded || fault?.kind === 'length') socket.end();
}

function headOf(answer: PlainAnswer): string {
  const { status, reason, version, lines, body, framing, fault } = answer;
  const all: FieldLine[] = [...lines];
  const isFramed = combined(lines, 'content-length') ?? combined(lines, 'transfer-encoding');
  const mayHaveBody = status !== 204 && status !== 304;
  if (fault?.kind === 'length') all.push(['Content-Length', fault.says]);
  else if (isFramed === undefined && mayHaveBody && fault?.kind !== 'bytes') {
    if (framing === 'chunked') all.push(['Transfer-Encoding', 'chunked']);
    else if (framing === 'length') all.push(['Content-Length', String(body.length)]);
    else all.push(['Connection', 'close']);
  }
  return `HTTP/${version} ${status} ${reason}\r\n${textOfLines(all)}\r\n`;
}

function chunkOf(body: Buffer): Buffer {
  if (body.length === 0) return body;
  return Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')]);
}

function textOfLines(lines: readonly FieldLine[]): string {
  return lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
}

function pause(ms: number): Promise<void> {
  return ms === 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}
