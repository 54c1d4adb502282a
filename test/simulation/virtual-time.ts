/**
 * The time of a simulated world: a queue of events, run one after the other. Between two of them all promises come to rest, so
 * whatever production code does meanwhile happens at one moment and in one order: the same seed gives the same history.
 */

export interface VirtualTime {
  /** Milliseconds since the world began. */
  nowMs(): number;
  /** Runs `run` after `delayMs`; the returned call takes it back. */
  after(delayMs: number, run: () => void): () => void;
  /** Runs all events up to a moment. */
  runUntil(ms: number): Promise<void>;
  readonly eventsRun: number;
}

interface Event {
  atMs: number;
  order: number;
  run: (() => void) | undefined;
}

/** Begins a world at 0. Events of the same moment run in the order in which they were planned. */
export function createVirtualTime(): VirtualTime {
  const queue: Event[] = [];
  let nowMs = 0;
  let order = 0;
  let eventsRun = 0;
  return {
    nowMs: () => nowMs,
    after(delayMs, run) {
      const event: Event = { atMs: nowMs + Math.max(0, delayMs), order, run };
      order += 1;
      push(queue, event);
      return () => {
        event.run = undefined;
      };
    },
    async runUntil(ms) {
      for (let next = queue[0]; next && next.atMs <= ms; next = queue[0]) {
        pop(queue);
        const { run } = next;
        if (!run) continue;
        nowMs = next.atMs;
        eventsRun += 1;
        run();
        await rest();
      }
      nowMs = ms;
    },
    get eventsRun() {
      return eventsRun;
    },
  };
}

/** Promises, microtasks and ticks are done before the loop comes to its next turn; nothing here waits for real I/O. */
function rest(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** A binary heap in an array: the earliest event is first, each one before the two that hang on it. */
function push(heap: Event[], event: Event): void {
  let at = heap.length;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent];
    if (!above || !isBefore(event, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = event;
}

function pop(heap: Event[]): void {
  const last = heap.pop();
  if (!last || heap.length === 0) return;
  let at = 0;
  for (;;) {
    const left = heap[2 * at + 1];
    const right = heap[2 * at + 2];
    const isRight = right !== undefined && left !== undefined && isBefore(right, left);
    const child = isRight ? right : left;
    if (!child || !isBefore(child, last)) break;
    heap[at] = child;
    at = 2 * at + (isRight ? 2 : 1);
  }
  heap[at] = last;
}
