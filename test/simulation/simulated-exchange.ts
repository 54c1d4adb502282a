/**
 * A request and its response as the engine's `handle` sees them, without a socket: what is written is handed on piece by piece.
 * The receiver takes everything at once, so there is no back-pressure.
 */
import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RawHeaders } from '../../core/http/headers.ts';

export interface Asked {
  method: string;
  pathAndQuery: string;
  rawHeaders: readonly string[];
}

export interface Receiver {
  head(status: number, headers: RawHeaders): void;
  data(piece: Buffer): void;
  /** The response is over; `isWhole` false: it was cut. */
  end(isWhole: boolean): void;
}

export interface SimulatedExchange {
  req: IncomingMessage;
  res: ServerResponse;
  /** The client goes away. */
  leave(): void;
}

/** Creates an exchange whose response goes to `receiver`. */
export function createExchange(asked: Asked, receiver: Receiver): SimulatedExchange {
  const socket = Object.assign(new EventEmitter(), {
    remoteAddress: '192.0.2.1',
    destroyed: false,
    writable: false,
    resetAndDestroy() {},
  });
  const req = Object.assign(new EventEmitter(), {
    method: asked.method,
    url: asked.pathAndQuery,
    rawHeaders: [...asked.rawHeaders],
    socket,
    httpVersionMinor: 1,
  });
  const res = new SimulatedResponse(req, socket, receiver);
  const leave = () => {
    socket.destroyed = true;
    req.emit('close');
    res.destroy();
  };
  return {
    req: req as unknown as IncomingMessage,
    res: res as unknown as ServerResponse,
    leave,
  };
}

class SimulatedResponse extends EventEmitter {
  readonly req: EventEmitter;
  readonly socket: EventEmitter;
  readonly #receiver: Receiver;
  destroyed = false;
  headersSent = false;
  writableFinished = false;
  chunkedEncoding = true;
  shouldKeepAlive = true;

  constructor(req: EventEmitter, socket: EventEmitter, receiver: Receiver) {
    super();
    this.req = req;
    this.socket = socket;
    this.#receiver = receiver;
  }

  writeHead(status: number, ...rest: readonly unknown[]): this {
    this.headersSent = true;
    this.#receiver.head(status, flatFields(rest.at(-1)));
    return this;
  }

  write(piece: Buffer | string): boolean {
    if (!this.destroyed && piece.length > 0) this.#receiver.data(Buffer.from(piece));
    return true;
  }

  end(piece?: Buffer): this {
    if (this.destroyed || this.writableFinished) return this;
    if (piece) this.write(piece);
    this.writableFinished = true;
    this.#receiver.end(true);
    queueMicrotask(() => {
      this.emit('finish');
      this.emit('close');
    });
    return this;
  }

  destroy(): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    if (!this.writableFinished) this.#receiver.end(false);
    queueMicrotask(() => this.emit('close'));
    return this;
  }
}

/** Fields as a list or as an object, which Node takes both. */
function flatFields(given: unknown): string[] {
  if (Array.isArray(given)) return given.map(String);
  return Object.entries(given as Record<string, unknown>).flatMap(([name, value]) => [
    name,
    String(value),
  ]);
}
