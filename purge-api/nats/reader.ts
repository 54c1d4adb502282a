/**
 * Entries by their number. The newest ones are kept in memory, since that is what nodes ask for and acknowledge; older ones are
 * found in the stream. Every page is checked against the chain of hashes.
 */
import type { JournalEntry } from '../../core/purge/command.ts';
import { entryBytes } from '../../core/purge/intake.ts';
import type { JournalPage } from '../journal.ts';
import type { Broker } from './broker.ts';
import { type EntryRecord, entryOfMessage, StreamDamage, type Subjects } from './record.ts';
import { nearestEntry, type Tip } from './tip.ts';

export interface Reader {
  /** The entry of a number between floor (excluded) and head; undefined elsewhere. */
  at(seq: number): Promise<EntryRecord | undefined>;
  /** The same as the stream has it, whatever is remembered, and its number there. Throws StreamDamage where it is missing. */
  stored(seq: number): Promise<{ record: EntryRecord; streamSeq: number }>;
  after(seq: number, page: JournalPage): Promise<JournalEntry[]>;
  /** Takes what was just written or read. */
  remember(record: EntryRecord): void;
  /** Forgets all: the journal is another one. */
  forget(): void;
}

/** What is kept of the newest entries. */
const maxRecentBytes = 16 * 2 ** 20;
const maxRecentEntries = 20_000;
/** Entries asked for at the same time. */
const readAhead = 64;

/** `tip` is asked at every call: it moves. */
export function createReader(broker: Broker, subjects: Subjects, tip: () => Tip): Reader {
  const recent = createRecent();
  const isKept = (seq: number) => seq > tip().floor.seq && seq <= tip().head.seq;
  const find = async (seq: number) => {
    const { head, headStreamSeq, since } = tip();
    // Between an entry and the head lie all entries between, and perhaps identities: so it is here or before.
    let at = headStreamSeq - (head.seq - seq);
    for (;;) {
      const message = await nearestEntry(broker, subjects, { at, until: since, step: -1 });
      if (!message) throw new StreamDamage(`the entry ${seq} is not in the stream`);
      const record = entryOfMessage(message);
      if (record.entry.seq === seq) return { record, streamSeq: message.streamSeq };
      if (record.entry.seq < seq) throw new StreamDamage(`the entry ${seq} is missing`);
      at = message.streamSeq - (record.entry.seq - seq);
    }
  };
  const at = async (seq: number) => {
    if (!isKept(seq)) return undefined;
    const known = recent.get(seq);
    if (known) return known;
    try {
      return (await find(seq)).record;
    } catch (error) {
      // Entries that are pruned while they are looked for are not missed.
      if (error instanceof StreamDamage && !isKept(seq)) return undefined;
      throw error;
    }
  };
  return {
    at,
    stored: find,
    remember: recent.add,
    forget: recent.clear,
    async after(afterSeq, { limit, maxBytes }) {
      const from = Math.max(afterSeq, tip().floor.seq);
      const last = Math.min(tip().head.seq, from + limit);
      const entries: JournalEntry[] = [];
      let bytes = 0;
      if (from >= last) return entries;
      const { floor } = tip();
      let hash = from === floor.seq ? floor.hash : (await at(from))?.entry.hash;
      for (let seq = from + 1; seq <= last; seq += readAhead) {
        for (const record of await atAll(at, seq, Math.min(last, seq + readAhead - 1))) {
          const { entry, previous } = record;
          if (hash !== undefined && previous !== hash) {
            throw new StreamDamage(`the entry ${entry.seq} does not follow from those before it`);
          }
          bytes += entryBytes(entry);
          if (maxBytes !== undefined && bytes > maxBytes && entries.length > 0) return entries;
          entries.push(entry);
          hash = entry.hash;
        }
      }
      return entries;
    },
  };
}

/** The entries `first`…`last`, up to the first that is no longer kept. */
async function atAll(at: Reader['at'], first: number, last: number): Promise<EntryRecord[]> {
  const seqs = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const found = await Promise.all(seqs.map(at));
  const gone = found.indexOf(undefined);
  return (gone < 0 ? found : found.slice(0, gone)).filter((record) => record !== undefined);
}

/** The newest entries, bounded by number and bytes. */
function createRecent() {
  const bySeq = new Map<number, EntryRecord>();
  let bytes = 0;
  const drop = (seq: number) => {
    const record = bySeq.get(seq);
    if (!record) return;
    bySeq.delete(seq);
    bytes -= entryBytes(record.entry);
  };
  return {
    get: (seq: number) => bySeq.get(seq),
    add(record: EntryRecord) {
      drop(record.entry.seq);
      bySeq.set(record.entry.seq, record);
      bytes += entryBytes(record.entry);
      for (const oldest of bySeq.keys()) {
        if (bytes <= maxRecentBytes && bySeq.size <= maxRecentEntries) break;
        drop(oldest);
      }
    },
    clear() {
      bySeq.clear();
      bytes = 0;
    },
  };
}
