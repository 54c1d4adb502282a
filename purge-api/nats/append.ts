/**
 * Appending to the stream. Each message says which number of the stream it must follow, so that of two writers one is refused;
 * a group is sent without waiting in between, and the first that fails makes the server refuse all behind it.
 *
 * What was sent and not confirmed may be there or not: the stream is read again before anything else is sent, and what is
 * there counts as appended. A repetition has the same message id as the first try.
 */
import type { Clock, Random } from '../../core/runtime/deps.ts';
import type { AppendResult, Idempotency, PurgeCommand } from '../journal.ts';
import { type Broker, isOtherWriter } from './broker.ts';
import {
  type EntryRecord,
  entryOfMessage,
  entryText,
  recordAfter,
  type Subjects,
} from './record.ts';
import type { Tip } from './tip.ts';

/** One purge on its way into the stream. */
export interface Append {
  command: PurgeCommand;
  idempotency: Idempotency | undefined;
  /** Refused when it is not appended by then; of the monotonic clock. */
  deadlineMs: number;
  /** Every record that was sent for it and not confirmed. */
  tried: EntryRecord[];
  resolve(result: AppendResult): void;
  reject(error: unknown): void;
}

export interface AppendDeps {
  clock: Clock;
  random: Random;
  broker: Broker;
  subjects: Subjects;
  tip(): Tip;
  /** The entry of a number, if the journal has it. */
  at(seq: number): Promise<EntryRecord | undefined>;
  /** The message is in the stream, and is the newest. */
  onAppended(record: EntryRecord, streamSeq: number): void;
  /** Nobody knows any more what the end of the stream is. */
  onUncertain(cause: 'other-writer' | 'unconfirmed', error: unknown): void;
}

/** Tries to append every member of `group` once; returns those that must be tried again. */
export async function tryAppend(deps: AppendDeps, group: readonly Append[]): Promise<Append[]> {
  const open: Append[] = [];
  const later: Append[] = [];
  const keys = new Set<string>();
  for (const item of group) {
    const known = await resultSoFar(deps, item);
    if (known) item.resolve(known);
    else if (item.idempotency && keys.has(item.idempotency.key)) {
      // The same key twice in a group: the second finds the first in the next round.
      later.push(item);
    } else {
      if (item.idempotency) keys.add(item.idempotency.key);
      open.push(item);
    }
  }
  return [...(await publishAll(deps, open)), ...later];
}

/** What the stream has for this purge already. */
async function resultSoFar(deps: AppendDeps, item: Append): Promise<AppendResult | undefined> {
  for (const { entry } of item.tried) {
    const record = await deps.at(entry.seq);
    if (record?.entry.id === entry.id) return { kind: 'appended', entry: record.entry };
  }
  const { idempotency } = item;
  const message = idempotency && (await deps.broker.newest(deps.subjects.entryOf(idempotency)));
  if (!message || message.streamSeq < deps.tip().since) return undefined;
  const { entry, fingerprint } = entryOfMessage(message);
  if (entry.seq <= deps.tip().floor.seq) return undefined;
  if (fingerprint !== idempotency?.fingerprint) return { kind: 'conflict' };
  return { kind: 'repeated', entry };
}

/** Sends all, and takes what is confirmed up to the first that is not. */
async function publishAll(deps: AppendDeps, items: readonly Append[]): Promise<Append[]> {
  const { broker, subjects } = deps;
  let { head, lastStreamSeq } = deps.tip();
  const sent = items.flatMap((item) => {
    const record = recordFor(deps, item, head);
    const text = entryText(record);
    const problem = sizeProblem(broker, text);
    if (problem) {
      item.reject(problem);
      return [];
    }
    const expectedLast = lastStreamSeq;
    head = record.entry;
    lastStreamSeq += 1;
    if (!item.tried.includes(record)) item.tried.push(record);
    const { id, seq } = record.entry;
    const subject = subjects.entryOf(item.idempotency);
    const given = broker.publish({ subject, id, text, seq, expectedLast });
    return [{ item, record, expectedLast, given }];
  });
  const settled = await Promise.allSettled(sent.map(({ given }) => given));
  const failed = settled.findIndex(
    (each, index) =>
      each.status === 'rejected' || each.value !== (sent[index]?.expectedLast ?? 0) + 1,
  );
  const confirmed = failed < 0 ? sent : sent.slice(0, failed);
  for (const { item, record, expectedLast } of confirmed) {
    deps.onAppended(record, expectedLast + 1);
    item.resolve({ kind: 'appended', entry: record.entry });
  }
  const failure = settled[failed];
  if (failure) {
    const error =
      failure.status === 'rejected' ? failure.reason : new Error('an unexpected number');
    deps.onUncertain(isOtherWriter(error) ? 'other-writer' : 'unconfirmed', error);
  }
  return sent.slice(confirmed.length).map(({ item }) => item);
}

/** The record that was tried last, where it still follows `head`: its message id makes the repetition harmless. */
function recordFor(
  { clock, random }: AppendDeps,
  { command, idempotency, tried }: Append,
  head: Tip['head'],
): EntryRecord {
  const last = tried.at(-1);
  if (last && last.entry.seq === head.seq + 1 && last.previous === head.hash) return last;
  return recordAfter(head, command, {
    random: random.hex(10),
    atMs: clock.nowMs(),
    fingerprint: idempotency?.fingerprint,
  });
}

function sizeProblem({ maxPayloadBytes }: Broker, text: string): Error | undefined {
  const bytes = Buffer.byteLength(text) + 512;
  if (bytes <= maxPayloadBytes) return undefined;
  return new Error(
    `the entry has ${bytes} bytes and nats-server takes ${maxPayloadBytes}: raise max_payload, or purge less at once`,
  );
}
