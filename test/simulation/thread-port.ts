/**
 * Message ports between the threads of a simulated node, for what listens on events: messages are copied, and come in their order
 * after a while. (Purges have a real port: it is read synchronously.)
 */
import type { MessagePort } from 'node:worker_threads';
import type { SimulatedProcess } from './simulated-process.ts';

type Listener = (message: unknown) => void;

class SimulatedPort {
  readonly #listeners = new Map<string, Listener[]>();
  readonly #later: (work: () => void) => void;
  #isClosed = false;
  peer: SimulatedPort | undefined;

  /** `later`: brings something to the thread that has this port. */
  constructor(later: (work: () => void) => void) {
    this.#later = later;
  }

  postMessage(message: unknown): void {
    this.peer?.bring('message', structuredClone(message));
  }

  bring(event: string, message?: unknown): void {
    this.#later(() => this.emit(event, message));
  }

  on(event: string, listener: Listener): this {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
    return this;
  }

  emit(event: string, message?: unknown): void {
    if (this.#isClosed) return;
    for (const listener of this.#listeners.get(event) ?? []) listener(message);
    if (event === 'close') this.#isClosed = true;
  }

  close(): void {
    this.bring('close');
    this.peer?.bring('close');
  }

  unref(): void {}
}

/** Two ports that are connected, one for each thread. `delayMs` is drawn for each message. */
export function createThreadPorts(
  [near, far]: readonly [SimulatedProcess, SimulatedProcess],
  nowMs: () => number,
  delayMs: () => number,
): [MessagePort, MessagePort] {
  const portOf = (thread: SimulatedProcess) => {
    const line = {};
    let lastMs = 0;
    return new SimulatedPort((work) => {
      lastMs = Math.max(lastMs, nowMs() + delayMs());
      thread.later(lastMs - nowMs(), work, line);
    });
  };
  const ports = [portOf(near), portOf(far)] as const;
  ports[0].peer = ports[1];
  ports[1].peer = ports[0];
  return ports as unknown as [MessagePort, MessagePort];
}
