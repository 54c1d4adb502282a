/**
 * Where the journal in a stream begins and ends, read from the stream itself, and what has happened to a stream that says
 * something else than it said before.
 */
import type { Position } from '../../core/purge/command.ts';
import type { Broker } from './broker.ts';
import { BrokerRefusal } from './connection.ts';
import {
  entryOfMessage,
  type IdentityRecord,
  identityOfMessage,
  StreamDamage,
  type Subjects,
} from './record.ts';

/** What is known of the stream without asking it. Numbers of the stream are `…StreamSeq`. */
export interface Tip {
  identity: string;
  /** Messages before it do not count. */
  since: number;
  identityStreamSeq: number;
  head: { seq: number; hash: string };
  headStreamSeq: number;
  floor: { seq: number; hash: string };
  /** The last number of the stream; what an append expects. */
  lastStreamSeq: number;
}

/** What the stream is. */
export type Reading =
  | { kind: 'tip'; tip: Tip }
  /** There is no stream. */
  | { kind: 'absent' }
  /** It holds nothing that can be gone on from; `lastStreamSeq` is where a new journal may begin. */
  | { kind: 'unusable'; reason: string; lastStreamSeq: number };

export const headOf = ({ identity, head }: Tip): Position => ({ identity, ...head });
export const floorOf = ({ identity, floor }: Tip): Position => ({ identity, ...floor });

/** Reads the bounds. Throws where the stream is somebody else's, or cannot be asked. */
export async function readTip(broker: Broker, subjects: Subjects): Promise<Reading> {
  const bounds = await broker.bounds();
  if (!bounds) return { kind: 'absent' };
  if (![subjects.identity, subjects.entries].every((each) => bounds.subjects.includes(each))) {
    const subjectsThere = bounds.subjects.join(', ');
    throw new BrokerRefusal(`the stream has the subjects ${subjectsThere}: it is not ours`);
  }
  const { firstSeq, lastSeq } = bounds;
  const unusable = (reason: string): Reading => ({
    kind: 'unusable',
    reason,
    lastStreamSeq: lastSeq,
  });
  const newest = await broker.newest(subjects.identity);
  if (!newest) return unusable(lastSeq === 0 ? 'the stream is new' : 'it has no identity');
  try {
    const identity = identityOfMessage(newest);
    const range = { from: Math.max(firstSeq, identity.since), to: lastSeq };
    const ends = await readEnds(broker, subjects, range);
    const at = { identityStreamSeq: newest.streamSeq, lastStreamSeq: lastSeq };
    return { kind: 'tip', tip: { ...identityOf(identity), ...at, ...ends } };
  } catch (error) {
    if (error instanceof StreamDamage) return unusable(error.message);
    throw error;
  }
}

function identityOf({ identity, since }: IdentityRecord) {
  return { identity, since };
}

/** The newest entry, and what the oldest says of the one before it. */
async function readEnds(
  broker: Broker,
  subjects: Subjects,
  { from, to }: { from: number; to: number },
): Promise<Pick<Tip, 'head' | 'headStreamSeq' | 'floor'>> {
  const newest = await nearestEntry(broker, subjects, { at: to, until: from, step: -1 });
  const nothing = { seq: 0, hash: '' };
  if (!newest) return { head: nothing, headStreamSeq: to, floor: nothing };
  const oldest = await nearestEntry(broker, subjects, {
    at: from,
    until: newest.streamSeq,
    step: 1,
  });
  if (!oldest) throw new StreamDamage('the oldest entry is gone');
  const { seq, hash } = entryOfMessage(newest).entry;
  const { entry, previous } = entryOfMessage(oldest);
  const floor = { seq: entry.seq - 1, hash: previous };
  return { head: { seq, hash }, headStreamSeq: newest.streamSeq, floor };
}

/** The first entry on the way; identities on it are passed by. */
export async function nearestEntry(
  broker: Broker,
  subjects: Subjects,
  { at, until, step }: { at: number; until: number; step: 1 | -1 },
) {
  for (let streamSeq = at; streamSeq > 0 && (until - streamSeq) * step >= 0; streamSeq += step) {
    const message = await broker.get(streamSeq);
    if (!message) throw new StreamDamage(`the message ${streamSeq} of the stream is missing`);
    if (message.subject !== subjects.identity) return message;
  }
  return undefined;
}

/** What the stream says now, against what was known of it. */
export type Change =
  | { kind: 'same' }
  /** Entries that we did not know of follow ours. */
  | { kind: 'grown' }
  /** Another journal has taken its place. */
  | { kind: 'replaced' }
  /** Entries that were acknowledged are not there: it is an older copy, or was written to by somebody else. */
  | { kind: 'lost'; reason: string };

/** Judges `now`. `hashOf`: what the stream has at the number of the head that was known. */
export function compareTips(known: Tip, now: Tip, hashAtKnown: string | undefined): Change {
  if (known.identity !== now.identity) return { kind: 'replaced' };
  if (now.head.seq < known.head.seq) {
    const reason = `the stream ends at entry ${now.head.seq}, and ${known.head.seq} was there`;
    return { kind: 'lost', reason };
  }
  if (hashAtKnown !== undefined && hashAtKnown !== known.head.hash) {
    return { kind: 'lost', reason: `the entry ${known.head.seq} is not the one that was there` };
  }
  if (now.head.seq > known.head.seq) return { kind: 'grown' };
  return { kind: 'same' };
}
