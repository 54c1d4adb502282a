/** What is beyond the retention leaves the stream: everything before one message, found by bisection over the entries' times. */
import type { Broker } from './broker.ts';
import type { Session } from './session.ts';

export interface Retention {
  /** Entries before it are too old. */
  oldestMs: number;
  maxEntries: number;
}

/** Returns how many entries went. Within the session's `exclusive`. */
export async function pruneStream(
  broker: Broker,
  session: Session,
  { oldestMs, maxEntries }: Retention,
): Promise<number> {
  const { head, floor } = session.tip();
  const tooOld = await lastBefore(session, oldestMs);
  const wanted = Math.min(Math.max(tooOld, head.seq - maxEntries), head.seq - 1);
  if (wanted <= floor.seq) return 0;
  const { record, streamSeq } = await session.reader.stored(wanted);
  // The identity must outlive the entries: it is written again when its turn comes, once in a retention.
  if (session.tip().identityStreamSeq <= streamSeq) {
    await session.writeIdentity(session.tip().identity, 'written again, since older entries go');
  }
  session.setTip({ ...session.tip(), floor: { seq: wanted, hash: record.entry.hash } });
  await broker.removeBefore(streamSeq + 1);
  return wanted - floor.seq;
}

/** The newest entry that is older than `oldestMs`; the floor where none is. A clock that went back only keeps a few for longer. */
async function lastBefore({ tip, reader }: Session, oldestMs: number): Promise<number> {
  const isOlder = async (seq: number) =>
    ((await reader.at(seq))?.entry.atMs ?? Number.NEGATIVE_INFINITY) < oldestMs;
  let low = tip().floor.seq;
  let high = tip().head.seq;
  // Mostly nothing is too old, and one look tells.
  if (low === high || !(await isOlder(low + 1))) return low;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (await isOlder(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}
