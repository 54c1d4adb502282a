/**
 * The streams between nodes and purge-api, in place of WebSockets. They behave as TCP does where that is a promise (a connection
 * that works loses nothing), and worse where the protocol says that it does not mind: entries, acknowledgements, renewals and
 * leases may come twice and in another order, and single messages get lost on a connection that ends soon after.
 */
import { every, type Timer } from '../../core/runtime/deps.ts';
import type { DialDuplex, Duplex, DuplexHandlers } from '../../core/runtime/duplex.ts';
import type { Chance } from './chance.ts';
import { type Connection, type End, newConnection, newEnd } from './connection.ts';
import type { Links } from './links.ts';
import type { SimulatedProcess } from './simulated-process.ts';

export interface Listening {
  id: string;
  process: SimulatedProcess;
  /** Whose connection it is, by its Authorization field; undefined: nobody's. */
  authorise(authorization: string): string | undefined;
  accept(duplex: Duplex, nodeId: string): DuplexHandlers;
}

export interface ControlWire {
  /** The process takes connections from now on, until it dies. */
  listen(listening: Listening): void;
  /** How a process of the machine `id` dials. */
  dialFrom(id: string, process: SimulatedProcess): DialDuplex;
  /** Breaks the connections of a machine, as a router that forgets them. */
  breakAll(id: string): void;
}

export interface WireManners {
  /** Of messages that may be: how many come twice, and how many at another time than their turn. */
  duplicated: number;
  reordered: number;
  /** How many get lost; the connection ends soon after. */
  lost: number;
}

/** Those of which the protocol says that their order and number do not matter. */
const loose = new Set(['entries', 'ack', 'renew', 'lease', 'matched']);

const heartbeatMs = 5000;
const closeLimitMs = 1000;
const handshakeMs = 5000;
const firstRetryMs = 100;
const longestRetryMs = 2000;

/** Creates the wire with nobody on it. */
export function createControlWire(deps: {
  nowMs: () => number;
  chance: Chance;
  links: Links;
  /** May be changed at any time. */
  manners: WireManners;
}): ControlWire {
  const { chance, links, manners, nowMs } = deps;
  let listening: Listening | undefined;
  const connections = new Set<Connection>();

  const deliver = (connection: Connection, to: End, text: string, delayMs: number) => {
    const from = connection.other(to);
    to.process.later(delayMs, () => arrive(connection, from, to, text), connection);
  };
  const arrive = (connection: Connection, from: End, to: End, text: string) => {
    if (!to.isOpen) return;
    // The sender's system sends it again once the line works.
    if (links.isCut(from.machine, to.machine)) return void connection.held.push({ to, text });
    to.hasHeard = true;
    to.handlers?.onMessage(JSON.parse(text));
  };
  const send = (connection: Connection, from: End, message: unknown): boolean => {
    if (!from.isOpen) return false;
    const to = connection.other(from);
    const text = JSON.stringify(message);
    const isLoose = loose.has((message as { type: string }).type);
    if (chance.isLikely(manners.lost)) {
      from.process.later(chance.between(50, 3000), () => breakOff(connection));
      return true;
    }
    const delayMs = links.delayMs(from.machine, to.machine);
    if (isLoose && chance.isLikely(manners.duplicated)) {
      deliver(connection, to, text, delayMs + chance.between(0, 400));
    }
    if (isLoose && chance.isLikely(manners.reordered)) {
      deliver(connection, to, text, delayMs + chance.between(0, 300));
      return true;
    }
    to.lastArrivalMs = Math.max(to.lastArrivalMs, nowMs() + delayMs);
    deliver(connection, to, text, to.lastArrivalMs - nowMs());
    return true;
  };
  const over = (end: End, reason: string) => {
    if (!end.isOpen) return;
    end.isOpen = false;
    end.beat?.cancel();
    end.handlers?.onClose(reason);
  };
  /** What one side notices of the end of the other: at once if the line works, else by its heartbeat. */
  const tellOfEnd = (connection: Connection, to: End, reason: string) => {
    const from = connection.other(to);
    if (links.isCut(from.machine, to.machine)) return;
    const atMs = Math.max(to.lastArrivalMs, nowMs() + links.delayMs(from.machine, to.machine));
    to.process.later(atMs - nowMs(), () => over(to, reason), connection);
  };
  const close = (connection: Connection, end: End, reason: string) => {
    if (!end.isOpen || connection.isClosing.has(end)) return;
    connection.isClosing.add(end);
    tellOfEnd(connection, connection.other(end), reason);
    const { handlers } = end;
    // What comes after this side has ended it is for nobody.
    end.handlers = handlers && { onMessage() {}, onClose: handlers.onClose };
    end.process.later(chance.between(1, closeLimitMs), () => over(end, reason));
  };
  const breakOff = (connection: Connection) => {
    for (const end of connection.ends) end.process.run(() => over(end, 'broken'), connection);
    connections.delete(connection);
  };
  const duplexOf = (connection: Connection, end: End): Duplex => ({
    send: (message) => !connection.isClosing.has(end) && send(connection, end, message),
    close: (reason) => close(connection, end, reason),
  });
  const beatOf = (connection: Connection, end: End): Timer =>
    every(end.process.clock, heartbeatMs, () => {
      const other = connection.other(end);
      if (!end.hasHeard) return over(end, 'silent');
      const works =
        !links.isCut(end.machine, other.machine) && !links.isCut(other.machine, end.machine);
      end.hasHeard = works && other.isOpen && other.process.isAlive && !other.process.isPaused;
      return undefined;
    });
  links.onHealed((from, to) => {
    for (const connection of connections) {
      const again = connection.held.filter(({ to: end }) => end.machine === to);
      if (again.length === 0 || connection.ends.every(({ machine }) => machine !== from)) continue;
      connection.held = connection.held.filter((one) => !again.includes(one));
      const delayMs = links.delayMs(from, to);
      for (const { to: end, text } of again) deliver(connection, end, text, delayMs);
    }
  });
  const connect = (machine: string, process: SimulatedProcess): Connection | undefined => {
    const server = listening;
    if (!server?.process.isAlive) return undefined;
    const near = newEnd(machine, process);
    const far = newEnd(server.id, server.process);
    const connection = newConnection(near, far);
    connections.add(connection);
    process.onKilled(() => near.isOpen && tellOfEnd(connection, far, 'the peer is gone'));
    server.process.onKilled(() => far.isOpen && tellOfEnd(connection, near, 'the peer is gone'));
    return connection;
  };
  const greet = (connection: Connection, authorization: string, onDone: (ok: boolean) => void) => {
    const server = listening;
    const [near, far] = connection.ends;
    const nodeId = server?.authorise(authorization);
    if (!server || far.process !== server.process || nodeId === undefined || !near.isOpen) {
      connections.delete(connection);
      return onDone(false);
    }
    far.isOpen = true;
    far.handlers = server.accept(duplexOf(connection, far), nodeId);
    far.beat = beatOf(connection, far);
    return onDone(true);
  };

  return {
    listen(next) {
      listening = next;
    },
    dialFrom: (machine, process) => (dialDeps, options) => {
      let isStopped = false;
      let retryMs = firstRetryMs;
      let current: { connection: Connection; end: End } | undefined;
      const again = () => {
        if (isStopped) return;
        const delayMs = retryMs * (0.5 + dialDeps.random.unit() / 2);
        retryMs = Math.min(longestRetryMs, retryMs * 2);
        dialDeps.clock.after(delayMs, dial);
      };
      const fail = (reason: string) => {
        if (isStopped) return;
        options.onFailure?.(reason);
        again();
      };
      const dial = () => {
        if (isStopped) return;
        const connection = connect(machine, process);
        if (!connection) return void process.later(1, () => fail('refused'));
        const [near, far] = connection.ends;
        near.isOpen = true;
        let isDecided = false;
        const decide = (isOpen: boolean, reason: string) => {
          if (isDecided) return;
          isDecided = true;
          limit.cancel();
          if (!isOpen || !near.isOpen) {
            near.isOpen = false;
            return fail(reason);
          }
          retryMs = firstRetryMs;
          current = { connection, end: near };
          const handlers = options.onOpen(duplexOf(connection, near));
          near.handlers = {
            onMessage: handlers.onMessage,
            onClose(reason) {
              handlers.onClose(reason);
              again();
            },
          };
          near.beat = beatOf(connection, near);
        };
        const limit = dialDeps.clock.after(handshakeMs, () => decide(false, 'no handshake'));
        const knock = (againMs: number) => {
          if (isDecided) return;
          if (links.isCut(machine, far.machine) || links.isCut(far.machine, machine)) {
            // As TCP does.
            process.later(againMs, () => knock(2 * againMs));
            return;
          }
          if (!far.process.isAlive) return decide(false, 'refused');
          far.process.later(links.delayMs(machine, far.machine), () =>
            greet(connection, options.headers.authorization ?? '', (ok) =>
              process.later(
                links.delayMs(far.machine, machine),
                () => decide(ok, '401'),
                connection,
              ),
            ),
          );
        };
        knock(1000);
      };
      dial();
      return {
        stop(reason) {
          isStopped = true;
          if (current) close(current.connection, current.end, reason);
        },
      };
    },
    breakAll(machine) {
      for (const connection of [...connections]) {
        if (connection.ends.some((end) => end.machine === machine)) breakOff(connection);
      }
    },
  };
}
