/**
 * The journal in a JetStream stream, for a network that has outgrown one machine: its entries can lie on three servers.
 * Numbers, hashes and the identity are ours and lie in the messages; the stream gives order, durability, and a refusal to
 * whoever does not know its end (docs/adr/0012-nats-journal.md).
 */
import type { Clock, Random } from '../../core/runtime/deps.ts';
import type { Log } from '../../core/runtime/log.ts';
import type { Metrics } from '../../core/runtime/metrics.ts';
import type { NatsSettings } from '../../core/topology/journal-schema.ts';
import type { Journal } from '../journal.ts';
import { type Append, tryAppend } from './append.ts';
import { createAppendQueue } from './append-queue.ts';
import { type Broker, connectBroker } from './broker.ts';
import { isRefusal } from './connection.ts';
import { warnOfLazySync } from './durability.ts';
import { createNatsMetrics, type NatsMetrics } from './nats-metrics.ts';
import { createNodeConsumers } from './node-consumers.ts';
import { pruneStream } from './prune.ts';
import { type EntryRecord, StreamDamage, seqOfId, subjectsOf } from './record.ts';
import { openSession, type Session } from './session.ts';
import { floorOf, headOf } from './tip.ts';

export interface NatsJournalDeps {
  clock: Clock;
  random: Random;
  log: Log;
  metrics: Metrics;
}

export interface NatsJournalOptions {
  settings: NatsSettings;
  retentionMs: number;
  /** Entries kept at most, whatever their age. Default 1,000,000. */
  maxEntries?: number;
  /** How long a purge waits for the server to confirm it. Default 3 s. */
  appendLimitMs?: number;
  /** Who we are, to whoever lists the connections of the server. */
  clientName: string;
  onReplaced(reason: string): void;
  /** Entries are there that `append` has not answered with. */
  onGrown(): void;
}

const defaultMaxEntries = 1_000_000;
const defaultAppendLimitMs = 3000;
const openLimitMs = 10_000;
const retryMs = 100;

/** Opens (or makes) the journal. Rejects when no server can be used within ten seconds. */
export async function openNatsJournal(
  deps: NatsJournalDeps,
  options: NatsJournalOptions,
): Promise<Journal> {
  const { clock, random, log } = deps;
  const { settings } = options;
  const { broker, metrics, session } = await connectPatiently(deps, options);
  await warnOfLazySync({ log, broker }, settings);
  const subjects = subjectsOf(settings.stream);
  const { reader, tip } = session;
  const consumers = createNodeConsumers({
    ...{ clock, broker, subjects, reader, tip, log },
    onFailure: metrics.consumerFailed,
  });
  const appendDeps = {
    ...{ clock, random, broker, subjects, tip },
    at: reader.at,
    onAppended: (record: EntryRecord, streamSeq: number) => moveHead(session, record, streamSeq),
    onUncertain(cause: 'other-writer' | 'unconfirmed', error: unknown) {
      metrics.appendRetried(cause);
      if (cause === 'other-writer') {
        log.error({ err: error }, 'another process writes to the stream of the journal');
      }
      session.uncertain();
    },
  };
  const commitOnce = (group: readonly Append[]) =>
    session.exclusive(async () => {
      await session.ensure();
      // Damage is found before anything is sent, so a second try sends nothing twice.
      const run = () => tryAppend(appendDeps, group);
      return run().catch((error: unknown) => {
        if (!(error instanceof StreamDamage)) throw error;
        return againOrBeginAnew(session, run);
      });
    });
  const queue = createAppendQueue(clock, options.appendLimitMs ?? defaultAppendLimitMs, (group) =>
    commit(deps, metrics, group, commitOnce),
  );
  const read = <T>(run: () => Promise<T>) => readOrBeginAnew(session, run);
  const positionOf = async (seq: number) => {
    const [head, floor] = [headOf(tip()), floorOf(tip())];
    if (seq === head.seq) return head;
    if (seq === floor.seq) return floor;
    const record = await read(() => reader.at(seq));
    return record && { identity: head.identity, seq, hash: record.entry.hash };
  };
  return {
    head: () => headOf(tip()),
    floor: () => floorOf(tip()),
    append: queue.add,
    after: (seq, page) => read(() => reader.after(seq, page)),
    async find(id) {
      const seq = seqOfId(id);
      const record = seq === undefined ? undefined : await read(() => reader.at(seq));
      return record?.entry.id === id ? { entry: record.entry, by: record.by } : undefined;
    },
    positionOf,
    holds: async ({ identity, seq, hash }) =>
      identity === tip().identity && (await positionOf(seq))?.hash === hash,
    renewIdentity: (reason) =>
      session.exclusive(async () => {
        await session.ensure();
        await session.writeIdentity(random.hex(16), reason);
        const position = headOf(tip());
        log.error({ ...position, reason }, 'the journal has a new identity');
        return position;
      }),
    prune: () =>
      session.exclusive(async () => {
        session.uncertain();
        await session.ensure();
        const oldestMs = clock.nowMs() - options.retentionMs;
        const maxEntries = options.maxEntries ?? defaultMaxEntries;
        return pruneStream(broker, session, { oldestMs, maxEntries });
      }),
    acknowledged: consumers.acknowledged,
    async close() {
      await queue.settle();
      await consumers.stop();
      session.stop();
      await broker.close();
    },
  };
}

/** A server that is just starting is waited for. */
async function connectPatiently(
  deps: NatsJournalDeps,
  options: NatsJournalOptions,
): Promise<{ broker: Broker; metrics: NatsMetrics; session: Session }> {
  const { clock } = deps;
  const { settings, clientName } = options;
  const { stream, replicas, servers } = settings;
  const untilMs = clock.monotonicMs() + openLimitMs;
  for (;;) {
    let broker: Broker | undefined;
    try {
      broker = await connectBroker(clock, settings, clientName);
      const metrics = createNatsMetrics(deps.metrics, broker.isConnected);
      const sessionOptions = { ...options, stream, replicas };
      const session = await openSession({ ...deps, metrics, broker }, sessionOptions);
      return { broker, metrics, session };
    } catch (error) {
      await broker?.close();
      if (isRefusal(error) || clock.monotonicMs() >= untilMs) {
        const problem = (error as Error).message;
        throw new Error(`the journal "${stream}" at ${servers.join(', ')}: ${problem}`);
      }
      await clock.sleep(retryMs);
    }
  }
}

/** Tries until every purge is appended or has waited too long. */
async function commit(
  { clock }: NatsJournalDeps,
  metrics: NatsMetrics,
  group: Append[],
  once: (group: readonly Append[]) => Promise<Append[]>,
): Promise<void> {
  let open = group;
  let problem: unknown = new Error('nats-server has not confirmed the purge');
  for (;;) {
    const tried = open.length;
    try {
      open = await once(open);
    } catch (error) {
      problem = error;
    }
    const late = open.filter(({ deadlineMs }) => clock.monotonicMs() >= deadlineMs);
    metrics.appendsRefused(late.length);
    for (const { reject } of late) reject(problem);
    open = open.filter((item) => !late.includes(item));
    if (open.length === 0) return;
    if (open.length === tried) await clock.sleep(retryMs);
  }
}

function moveHead({ tip, setTip, reader }: Session, record: EntryRecord, streamSeq: number): void {
  const { seq, hash } = record.entry;
  const ends = { headStreamSeq: streamSeq, lastStreamSeq: streamSeq };
  setTip({ ...tip(), head: { seq, hash }, ...ends });
  reader.remember(record);
}

function readOrBeginAnew<T>(session: Session, run: () => Promise<T>): Promise<T> {
  return run().catch((error: unknown) => {
    if (!(error instanceof StreamDamage)) throw error;
    return session.exclusive(() => againOrBeginAnew(session, run));
  });
}

/** What contradicts itself also when the stream is read anew ends the journal; the next one begins. Within `exclusive`. */
async function againOrBeginAnew<T>(session: Session, run: () => Promise<T>): Promise<T> {
  session.uncertain();
  await session.ensure();
  try {
    return await run();
  } catch (error) {
    if (error instanceof StreamDamage) await session.beginAnew(error.message);
    throw error;
  }
}
