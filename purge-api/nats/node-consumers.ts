/**
 * One durable consumer a node, named after it: what the node has acknowledged, as the server's own tools show it
 * (`nats consumer info STREAM NODE`). The nodes are fed by purge-api; a consumer is moved on behind them.
 *
 * Never in the way of an acknowledgement: one move a node is under way, later ones are joined into the next, and what failed
 * is tried again.
 */
import type { Clock } from '../../core/runtime/deps.ts';
import type { Log } from '../../core/runtime/log.ts';
import type { Broker } from './broker.ts';
import type { Reader } from './reader.ts';
import type { Subjects } from './record.ts';
import type { Tip } from './tip.ts';

export interface NodeConsumers {
  acknowledged(nodeId: string, seq: number): void;
  /** Resolves when nothing is under way any more. */
  stop(): Promise<void>;
}

export interface NodeConsumerDeps {
  clock: Clock;
  broker: Broker;
  subjects: Subjects;
  reader: Reader;
  tip(): Tip;
  log: Log;
  onFailure(): void;
}

const retryMs = 1000;
/** Heads read at once. */
const maxHeads = 500;
/** A consumer that is further behind is made anew at its place instead of being read through. */
const maxBehind = 5000;
/** A node that has acknowledged nothing for so long has no consumer any more. */
const idleMs = 30 * 86_400_000;

interface Mirror {
  wanted: number;
  /** The last entry that the consumer has been given; undefined: not known yet. */
  given: number | undefined;
  running: Promise<void> | undefined;
}

export function createNodeConsumers(deps: NodeConsumerDeps): NodeConsumers {
  const mirrors = new Map<string, Mirror>();
  const stopping = new AbortController();
  const run = async (nodeId: string, mirror: Mirror) => {
    let done = -1;
    while (done !== mirror.wanted && !stopping.signal.aborted) {
      const { wanted } = mirror;
      try {
        await moveTo(deps, nodeId, mirror, wanted);
        done = wanted;
      } catch (error) {
        mirror.given = undefined;
        deps.onFailure();
        deps.log.debug({ err: error, node: nodeId }, 'the consumer of a node was not moved');
        await deps.clock.sleep(retryMs, stopping.signal);
      }
    }
    mirror.running = undefined;
  };
  return {
    acknowledged(nodeId, seq) {
      const mirror = mirrors.get(nodeId) ?? { wanted: seq, given: undefined, running: undefined };
      mirrors.set(nodeId, mirror);
      mirror.wanted = seq;
      mirror.running ??= run(nodeId, mirror);
    },
    async stop() {
      stopping.abort();
      await Promise.all([...mirrors.values()].map(({ running }) => running));
    },
  };
}

async function moveTo(
  deps: NodeConsumerDeps,
  nodeId: string,
  mirror: Mirror,
  seq: number,
): Promise<void> {
  const { broker, subjects } = deps;
  if (mirror.given === undefined) {
    await broker.addConsumer(nodeId, subjects.entries, await startAfter(deps, seq), idleMs);
    mirror.given = await deliveredTo(deps, nodeId);
  }
  if (mirror.given > seq || seq - mirror.given > maxBehind) {
    await broker.removeConsumer(nodeId);
    await broker.addConsumer(nodeId, subjects.entries, await startAfter(deps, seq), idleMs);
    mirror.given = seq;
  }
  while (mirror.given < seq) {
    const heads = await broker.nextOf(nodeId, Math.min(maxHeads, seq - mirror.given));
    const last = heads.at(-1);
    if (!last) throw new Error('the consumer was given nothing');
    last.acknowledge();
    mirror.given = last.seq;
  }
}

/** The number in the stream after that of the entry `seq`. */
async function startAfter({ reader, tip }: NodeConsumerDeps, seq: number): Promise<number> {
  const { floor, since, head, lastStreamSeq } = tip();
  if (seq >= head.seq) return lastStreamSeq + 1;
  if (seq <= floor.seq) return Math.max(1, since);
  return (await reader.stored(seq)).streamSeq + 1;
}

/** The entry up to which an existing consumer has been acknowledged. */
async function deliveredTo({ broker, reader, tip }: NodeConsumerDeps, name: string) {
  const streamSeq = await broker.acknowledgedOf(name);
  const { head, headStreamSeq, floor, since } = tip();
  if (streamSeq >= headStreamSeq) return head.seq;
  if (streamSeq < since) return floor.seq;
  // Where identities lie between, fewer entries do: then it is somewhat after the first guess.
  let seq = Math.max(floor.seq, head.seq - (headStreamSeq - streamSeq));
  while (seq < head.seq && (await reader.stored(seq + 1)).streamSeq <= streamSeq) seq += 1;
  return seq;
}
