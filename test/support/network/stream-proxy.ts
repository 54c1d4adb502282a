/**
 * A proxy between a node and purge-api, under the control of a test: it cuts the stream, holds one direction or both back as a
 * partition does (connections stay, nothing comes through), delays, and loses, repeats or reorders single messages.
 *
 * Invariants: bytes of a message are never changed or divided; what is not touched keeps its order; what was held back comes
 * through when it is let go, unless the connection has been cut meanwhile.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createFrameReader, type Frame } from './stream-frames.ts';

/** From purge-api to the node, and from the node to purge-api. */
export type Direction = 'down' | 'up';

/** What becomes of a message; `late`: it comes after the next one of its direction, or after a moment. */
export type Fate = 'pass' | 'drop' | 'twice' | 'late';

export type Judge = (direction: Direction, message: Record<string, unknown>) => Fate;

export interface StreamProxy {
  /** `127.0.0.1:PORT`, where the node dials. */
  readonly listen: string;
  /** Ends all connections; the node may dial again. */
  cut(): void;
  /** Nothing comes through in these directions until `letGo`. */
  hold(...directions: Direction[]): void;
  letGo(): void;
  /** New connections are refused until told otherwise. */
  refuse(isRefusing: boolean): void;
  /** Everything arrives so much later. */
  delay(ms: number): void;
  /** Decides about every message from now on; undefined: all pass. */
  judge(judge: Judge | undefined): void;
  /** Messages of a type that have been passed on so far, in a direction. */
  passed(direction: Direction, type: string): number;
  stop(): Promise<void>;
}

const lateMs = 500;

interface Settings {
  held: Set<Direction>;
  delayMs: number;
  judge: Judge | undefined;
  passed: Map<string, number>;
}

/** One direction of one connection. */
interface Lane {
  letGo(): void;
}

/** Starts a proxy to where `targetOf` says at each connection; undefined: nobody is there. */
export async function startStreamProxy(targetOf: () => string | undefined): Promise<StreamProxy> {
  const sockets = new Set<Socket>();
  const lanes = new Set<Lane>();
  let isRefusing = false;
  const settings: Settings = {
    held: new Set(),
    delayMs: 0,
    judge: undefined,
    passed: new Map(),
  };
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // A connection that breaks is what this proxy is for; its other side is closed.
    socket.on('error', () => {});
  };
  const server = createServer((node) => {
    keep(node);
    const target = isRefusing ? undefined : targetOf();
    if (target === undefined) {
      node.destroy();
      return;
    }
    const { hostname, port } = new URL(target);
    const purgeApi = connect({ host: hostname, port: Number(port), noDelay: true });
    keep(purgeApi);
    const own = [
      openLane(node, purgeApi, 'up', settings),
      openLane(purgeApi, node, 'down', settings),
    ];
    for (const lane of own) lanes.add(lane);
    node.on('close', () => {
      for (const lane of own) lanes.delete(lane);
    });
  });
  const port = await listenOn(server);
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    listen: `127.0.0.1:${port}`,
    cut,
    hold: (...directions) => {
      for (const direction of directions) settings.held.add(direction);
    },
    letGo() {
      settings.held.clear();
      for (const lane of lanes) lane.letGo();
    },
    refuse: (value) => {
      isRefusing = value;
    },
    delay: (ms) => {
      settings.delayMs = ms;
    },
    judge: (judge) => {
      settings.judge = judge;
    },
    passed: (direction, type) => settings.passed.get(`${direction} ${type}`) ?? 0,
    stop() {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function openLane(from: Socket, to: Socket, direction: Direction, settings: Settings): Lane {
  const read = createFrameReader();
  const way = createWay(direction, settings);
  let late: Frame | undefined;
  const put = (frame: Frame) => {
    if (frame.message) count(settings, direction, frame.message);
    if (!to.destroyed) to.write(frame.bytes);
  };
  const putLate = () => {
    if (late) put(late);
    late = undefined;
  };
  const take = (frame: Frame) => {
    const fate = frame.message ? (settings.judge?.(direction, frame.message) ?? 'pass') : 'pass';
    if (fate === 'drop') return;
    if (fate === 'late' && !late) {
      late = frame;
      setTimeout(() => way.send(putLate), lateMs);
      return;
    }
    put(frame);
    if (fate === 'twice') put(frame);
    if (frame.message) putLate();
  };
  from.on('data', (bytes) => {
    for (const frame of read(bytes)) way.send(() => take(frame));
  });
  // A partition hides the end as well.
  from.on('close', () => way.send(() => to.destroy()));
  return { letGo: way.letGo };
}

/** The way of a direction: what is sent arrives in order, after the delay of that moment, and not while it is held. */
function createWay(direction: Direction, settings: Settings) {
  const underWay: { dueMs: number; arrive: () => void }[] = [];
  let timer: NodeJS.Timeout | undefined;
  const drain = () => {
    clearTimeout(timer);
    timer = undefined;
    for (let next = underWay[0]; next; next = underWay[0]) {
      if (settings.held.has(direction)) return;
      const leftMs = next.dueMs - performance.now();
      if (leftMs > 0) {
        timer = setTimeout(drain, Math.ceil(leftMs));
        return;
      }
      underWay.shift();
      next.arrive();
    }
  };
  return {
    send(arrive: () => void) {
      underWay.push({ dueMs: performance.now() + settings.delayMs, arrive });
      if (!timer) drain();
    },
    letGo: drain,
  };
}

function count({ passed }: Settings, direction: Direction, message: Record<string, unknown>): void {
  const name = `${direction} ${message.type}`;
  passed.set(name, (passed.get(name) ?? 0) + 1);
}

function listenOn(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, () => {
      const address = server.address();
      if (typeof address === 'object' && address) resolve(address.port);
    });
  });
}
