/**
 * A plain HTTP client over node:http: header fields as they came, and whether a body was complete, which a client that
 * throws at the first irregularity would hide.
 */
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';

export interface Asked {
  /** `http://127.0.0.1:PORT`, where the node listens. */
  base: string;
  path: string;
  host: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  agent: Agent;
  /** The address that the client comes from. */
  localAddress?: string;
  /** Told of interim responses as they come. */
  onInterim?: ((interim: Interim) => void) | undefined;
}

export interface Received {
  status: number;
  rawHeaders: string[];
  /** All fields of the name, joined by a comma; undefined: none. */
  header(name: string): string | undefined;
  body: Buffer;
  text: string;
  /** False: the connection ended before the body did. */
  complete: boolean;
  interim: Interim[];
}

/** An interim response: its status and raw fields. */
export type Interim = [number, ...string[]];

/** A response whose body has not been read. */
export interface Opened {
  status: number;
  header(name: string): string | undefined;
  rawHeaders: string[];
  /** The next piece of the body; undefined at its end, good or bad (`complete`). */
  next(): Promise<Buffer | undefined>;
  /** Reads the rest. */
  rest(): Promise<Buffer>;
  complete(): boolean;
  /** Goes away without reading the rest. */
  abort(): void;
}

/** Connections are kept, and there may be any number of them. */
export function createAgent(): Agent {
  return new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
}

/** Sends a request and reads the whole answer. Rejects when no head comes. */
export async function send(asked: Asked): Promise<Received> {
  const interim: Interim[] = [];
  const onInterim = (received: Interim) => {
    interim.push(received);
    asked.onInterim?.(received);
  };
  const opened = await open({ ...asked, onInterim });
  const body = await opened.rest();
  return {
    status: opened.status,
    rawHeaders: opened.rawHeaders,
    header: opened.header,
    body,
    text: body.toString('utf8'),
    complete: opened.complete(),
    interim,
  };
}

/** Sends a request; resolves with the head. Rejects when none comes. */
export async function open(asked: Asked): Promise<Opened> {
  const response = await headOf(asked);
  const pieces = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const header = (name: string) => headerOf(response.rawHeaders, name);
  const next = async () => {
    try {
      const { value, done } = await pieces.next();
      return done ? undefined : value;
    } catch {
      // The connection broke: `complete` says so.
      return undefined;
    }
  };
  return {
    status: response.statusCode ?? 0,
    rawHeaders: response.rawHeaders,
    header,
    next,
    async rest() {
      const parts: Buffer[] = [];
      for (let part = await next(); part; part = await next()) parts.push(part);
      return Buffer.concat(parts);
    },
    complete: () => response.complete,
    abort: () => response.destroy(),
  };
}

function headOf(asked: Asked): Promise<IncomingMessage> {
  const { base, path, host, method = 'GET', headers = {}, body, agent, localAddress } = asked;
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      hostname,
      port,
      path,
      method,
      agent,
      headers: { host, ...headers },
      ...(localAddress === undefined ? {} : { localAddress }),
    });
    request.on('information', (info) => {
      asked.onInterim?.([info.statusCode, ...info.rawHeaders]);
    });
    request.on('response', resolve);
    request.on('error', reject);
    request.end(body);
  });
}

function headerOf(rawHeaders: readonly string[], name: string): string | undefined {
  const values = rawHeaders.filter(
    (_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name.toLowerCase(),
  );
  return values.length === 0 ? undefined : values.join(', ');
}

/** Sends bytes as they are and returns everything that comes back until the connection ends. */
export function sendRaw(base: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) });
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('connect', () => socket.write(bytes, 'latin1'));
    socket.on('data', (part) => {
      answer += part;
    });
    socket.on('close', () => resolve(answer));
    // A reset after the answer is an end like another.
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)));
  });
}
