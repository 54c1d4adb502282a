/**
 * Requests between nodes and to the origin, in place of the dialer's connections: heads and bodies take their time, and get lost
 * where a line is cut or a process ends.
 */
import type { RawHeaders } from '../../core/http/headers.ts';
import type { Dialer, Peer } from '../../core/upstream/dial.ts';
import { abortedByCaller, upstreamFailure } from '../../core/upstream/failures.ts';
import type { DialRequest } from '../../core/upstream/outgoing.ts';
import type { Deadline, UpstreamResult } from '../../core/upstream/upstream.ts';
import { createFakeBody } from '../support/fake-upstream.ts';
import type { Chance } from './chance.ts';
import type { Links } from './links.ts';
import type { Asked, Receiver } from './simulated-exchange.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** Whoever takes requests at an address. */
export interface Server {
  process: SimulatedProcess;
  /** Takes a request; the returned call says that the client is gone. */
  take(asked: Asked, receiver: Receiver): () => void;
}

export interface DataWire {
  /** Requests to the peer `name` go to `server` from now on. */
  serve(name: string, server: Server): void;
  /** How a process of the machine `id` asks others. */
  dialerFrom(id: string, process: SimulatedProcess): Dialer;
}

/** Creates the wire with nobody on it. */
export function createDataWire(deps: {
  nowMs: () => number;
  chance: Chance;
  links: Links;
}): DataWire {
  const servers = new Map<string, Server>();
  return {
    serve: (name, server) => void servers.set(name, server),
    dialerFrom: (id, process) => ({
      dial: (peer, request, deadline) =>
        ask({ ...deps, id, process, peer, server: servers.get(peer.name) }, request, deadline),
      close: () => Promise.resolve(),
    }),
  };
}

interface Way {
  nowMs: () => number;
  chance: Chance;
  links: Links;
  id: string;
  process: SimulatedProcess;
  peer: Peer;
  server: Server | undefined;
}

function ask(way: Way, request: DialRequest, deadline: Deadline): Promise<UpstreamResult> {
  const { process, server, peer, id, links } = way;
  const { promise, resolve } = Promise.withResolvers<UpstreamResult>();
  const { clock } = process;
  const requestTimeMs = clock.nowMs();
  let leave = () => {};
  let isOver = false;
  const finish = (result: UpstreamResult) => {
    if (isOver) return;
    isOver = true;
    limit.cancel();
    resolve(result);
  };
  const fail = (kind: 'connect' | 'cut' | 'timeout', isRetryable: boolean) =>
    finish({ ok: false, failure: upstreamFailure(kind, 'simulated', isRetryable) });
  const limit = clock.after(deadline.firstByteMs, () => {
    fail('timeout', false);
    leave();
  });
  request.signal.addEventListener('abort', () => {
    finish({ ok: false, failure: abortedByCaller });
    leave();
  });
  if (!server?.process.isAlive || links.isCut(id, peer.name)) {
    process.later(server?.process.isAlive ? deadline.connectMs : 1, () => fail('connect', true));
    return promise;
  }
  const receiver = receiverOf(way, requestTimeMs, finish, () => fail('cut', true));
  server.process.onKilled(() => receiver.end(false));
  server.process.later(links.delayMs(id, peer.name), () => {
    if (isOver) return;
    const { pathAndQuery, method, hostHeader, headers } = request;
    leave = server.take(
      { method, pathAndQuery, rawHeaders: ['Host', hostHeader, ...headers] },
      receiver,
    );
  });
  return promise;
}

/** What the server says, on its way back: in order, and as a failure where the line is cut. */
function receiverOf(
  { nowMs, links, id, process, peer }: Way,
  requestTimeMs: number,
  finish: (result: UpstreamResult) => void,
  onCut: () => void,
): Receiver {
  const body = createFakeBody();
  const line = {};
  let lastMs = 0;
  let isEnded = false;
  const back = (work: () => void) => {
    if (isEnded) return;
    lastMs = Math.max(lastMs, nowMs() + links.delayMs(peer.name, id));
    if (!links.isCut(peer.name, id)) return process.later(lastMs - nowMs(), work, line);
    isEnded = true;
    // Nothing comes any more; the limit of the deadline, or the end of the connection, says so.
    process.later(3000, cut, line);
  };
  const cut = () => {
    onCut();
    body.fail();
  };
  return {
    head(status, headers) {
      back(() =>
        finish({
          ok: true,
          response: {
            status,
            reason: '',
            headers: [...headers] as RawHeaders,
            body,
            from: { tier: peer.tier, name: peer.name },
            tierHeaders: new Map(),
            requestTimeMs,
            responseTimeMs: process.clock.nowMs(),
          },
        }),
      );
    },
    data: (piece) => back(() => body.push(piece)),
    end(isWhole) {
      back(isWhole ? () => body.end() : cut);
      isEnded = true;
    },
  };
}
