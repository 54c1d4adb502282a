/**
 * What is known of the stream, and how it is kept true. Whoever changes the stream does so alone (`exclusive`), and only while
 * its end is known; after anything that was not confirmed, and after every new connection, the stream is read again first.
 *
 * A stream that was deleted, put back from an older copy, or written to by somebody else so that acknowledged entries are gone
 * gets a new identity: `onReplaced` is told, and every node counts what it holds as purged.
 */
import { assertNever, type Clock, type Random } from '../../core/runtime/deps.ts';
import type { Log } from '../../core/runtime/log.ts';
import { type Broker, isReplicasRefused } from './broker.ts';
import type { NatsMetrics } from './nats-metrics.ts';
import { createReader, type Reader } from './reader.ts';
import { type IdentityRecord, identityText, StreamDamage, subjectsOf } from './record.ts';
import { type Change, compareTips, readTip, type Tip } from './tip.ts';

export interface SessionDeps {
  clock: Clock;
  random: Random;
  log: Log;
  metrics: NatsMetrics;
  broker: Broker;
}

export interface SessionOptions {
  stream: string;
  replicas: number | undefined;
  /** Another journal has taken the place of the one that was known. */
  onReplaced(reason: string): void;
  /** Entries were found that nobody here has appended. */
  onGrown(): void;
}

export interface Session {
  readonly reader: Reader;
  tip(): Tip;
  /** What is known has changed by what we did. */
  setTip(tip: Tip): void;
  exclusive<T>(run: () => Promise<T>): Promise<T>;
  /** Reads the stream again where its end is not known. Within `exclusive`. */
  ensure(): Promise<void>;
  uncertain(): void;
  /** Writes an identity at the end: a new one, or the same so that pruning does not take it. Within `exclusive`. */
  writeIdentity(identity: string, reason: string): Promise<void>;
  /** Begins a new journal: nothing that is in the stream counts any more. Within `exclusive`. */
  beginAnew(reason: string): Promise<void>;
  stop(): void;
}

const retryMs = 500;

/** Reads the stream, making it when there is none. Rejects when it cannot be used. */
export async function openSession(deps: SessionDeps, options: SessionOptions): Promise<Session> {
  const { clock, random, log, broker } = deps;
  const subjects = subjectsOf(options.stream);
  let known: Tip | undefined;
  let isCertain = false;
  let isStopped = false;
  let isRetrying = false;
  let tail: Promise<unknown> = Promise.resolve();
  const tip = () => {
    if (!known) throw new Error('the stream has not been read yet');
    return known;
  };
  const reader = createReader(broker, subjects, tip);
  const exclusive = <T>(run: () => Promise<T>): Promise<T> => {
    const done = tail.then(run);
    tail = done.catch(() => undefined);
    return done;
  };
  const publishIdentity = async (record: IdentityRecord, expectedLast: number) => {
    isCertain = false;
    const text = identityText(record);
    const id = random.hex(10);
    return broker.publish({ subject: subjects.identity, id, text, expectedLast });
  };
  const writeIdentity = async (identity: string, reason: string) => {
    const before = tip();
    const { since, lastStreamSeq } = before;
    const at = await publishIdentity({ identity, reason, since }, lastStreamSeq);
    known = { ...before, identity, identityStreamSeq: at, lastStreamSeq: at };
    isCertain = true;
  };
  const begin = async (reason: string, lastStreamSeq: number) => {
    const identity = random.hex(16);
    const since = lastStreamSeq + 1;
    const at = await publishIdentity({ identity, reason, since }, lastStreamSeq);
    const wasKnown = known !== undefined;
    const nothing = { seq: 0, hash: '' };
    const ends = { head: nothing, floor: nothing, headStreamSeq: at, lastStreamSeq: at };
    known = { identity, since, identityStreamSeq: at, ...ends };
    isCertain = true;
    reader.forget();
    log[wasKnown ? 'error' : 'info']({ identity, reason }, 'a new journal begins in the stream');
    if (wasKnown) options.onReplaced(reason);
  };
  const compare = async (before: Tip, now: Tip) => {
    const change = await changeSince(before, now, reader);
    if (change.kind === 'same') return;
    if (change.kind === 'grown') return options.onGrown();
    reader.forget();
    const reason = change.kind === 'lost' ? change.reason : 'another journal is in the stream';
    if (change.kind === 'lost') await writeIdentity(random.hex(16), reason);
    log.error({ reason, identity: tip().identity }, 'the journal has a new identity');
    options.onReplaced(reason);
  };
  const take = async (now: Tip) => {
    const before = known;
    known = now;
    try {
      if (before) await compare(before, now);
      isCertain = true;
    } catch (error) {
      // Not compared to its end: the next reading must still be compared with what was known.
      known = before;
      throw error;
    }
  };
  const ensure = async (): Promise<void> => {
    if (isCertain) return;
    const reading = await readTip(broker, subjects);
    switch (reading.kind) {
      case 'tip':
        return take(reading.tip);
      case 'absent':
        await createStream(deps, options, [subjects.identity, subjects.entries]);
        return begin('the stream is new', 0);
      case 'unusable':
        return begin(reading.reason, reading.lastStreamSeq);
      default:
        return assertNever(reading);
    }
  };
  /** Until the stream has been read: somebody may have written what nobody here knows of. */
  const retry = async () => {
    if (isRetrying) return;
    isRetrying = true;
    while (!isCertain && !isStopped) {
      if (broker.isConnected()) await exclusive(ensure).catch(() => undefined);
      if (!isCertain) await clock.sleep(retryMs);
    }
    isRetrying = false;
  };
  await exclusive(ensure);
  const uncertain = () => {
    isCertain = false;
    void retry();
  };
  broker.onConnection((isConnected) => {
    if (isConnected) log.info('connected to nats-server again');
    else if (!isStopped) log.error('the connection to nats-server is lost');
    if (!isConnected) deps.metrics.disconnected();
    uncertain();
  });
  return {
    reader,
    tip,
    setTip(next) {
      known = next;
    },
    exclusive,
    ensure,
    uncertain,
    writeIdentity,
    beginAnew: (reason) => begin(reason, tip().lastStreamSeq),
    stop() {
      isStopped = true;
    },
  };
}

/** Compares with what was known; damage on the way is a loss. */
async function changeSince(before: Tip, now: Tip, reader: Reader): Promise<Change> {
  const { seq } = before.head;
  const isThere = seq > now.floor.seq && seq <= now.head.seq;
  if (before.identity !== now.identity || !isThere) return compareTips(before, now, undefined);
  try {
    const { record } = await reader.stored(seq);
    return compareTips(before, now, record.entry.hash);
  } catch (error) {
    if (error instanceof StreamDamage) return { kind: 'lost', reason: error.message };
    throw error;
  }
}

/** Three copies in a cluster that has room for them, one at a single server. */
async function createStream(
  { broker, log }: SessionDeps,
  { replicas, stream }: SessionOptions,
  subjects: string[],
): Promise<void> {
  const wanted = replicas ?? (broker.isClustered ? 3 : 1);
  try {
    await broker.create(subjects, wanted);
  } catch (error) {
    if (replicas !== undefined || wanted === 1 || !isReplicasRefused(error)) throw error;
    log.warn({ stream }, 'the cluster has no room for three copies of the journal: it has one');
    await broker.create(subjects, 1);
  }
}
