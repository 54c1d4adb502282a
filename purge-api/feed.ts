/**
 * The journal on its way to one node: entries in order after the node's position, a window of them unacknowledged. The
 * acknowledgements pace it, so that a node that is far behind costs purge-api a window of memory and not a journal.
 */
import type { DownMessage, Position } from '../core/purge/command.ts';
import { entryBytes } from '../core/purge/intake.ts';
import type { Clock } from '../core/runtime/deps.ts';
import type { Journal } from './journal.ts';

/** Entries in one message. */
const maxBatchEntries = 500;
const maxBatchBytes = 2 ** 20;
/** Unacknowledged entries. */
const maxWindowEntries = 4000;
const maxWindowBytes = 8 * 2 ** 20;

export interface FeedOptions {
  journal: Journal;
  clock: Clock;
  /** False: the connection is gone. */
  send(message: DownMessage): boolean;
  /** The feed cannot go on; the node must say hello again. */
  fail(reason: string): void;
  onSent(entries: number): void;
}

export interface Feed {
  /** Begins, or begins anew, after `position`. */
  begin(position: Position): void;
  /** The journal has grown, or the node has acknowledged: sends what the window allows. */
  pump(): void;
  acknowledged(seq: number): void;
  /** For how long entries have waited for an acknowledgement without any progress. */
  stalledMs(): number;
  stop(): void;
}

/** Creates a feed that sends nothing until `begin`. */
export function createFeed(options: FeedOptions): Feed {
  const { journal, clock } = options;
  let sent: Position | undefined;
  let window: { seq: number; bytes: number }[] = [];
  let windowBytes = 0;
  let progressAtMs = 0;
  let isPumping = false;
  let isPumpWanted = false;

  const hasRoom = () => window.length < maxWindowEntries && windowBytes < maxWindowBytes;
  const sendNext = async (from: Position): Promise<boolean> => {
    const page = { limit: maxBatchEntries, maxBytes: maxBatchBytes };
    const entries = await journal.after(from.seq, page);
    // While the page was read the feed may have been stopped, or have begun anew elsewhere.
    if (sent !== from) return true;
    const [first, last] = [entries[0], entries.at(-1)];
    if (!first || !last) return false;
    if (first.seq !== from.seq + 1) {
      options.fail('entries after its position are no longer kept');
      return false;
    }
    const { identity } = from;
    if (window.length === 0) progressAtMs = clock.monotonicMs();
    for (const entry of entries) {
      const bytes = entryBytes(entry);
      window.push({ seq: entry.seq, bytes });
      windowBytes += bytes;
    }
    sent = { identity, seq: last.seq, hash: last.hash };
    options.onSent(entries.length);
    return options.send({ type: 'entries', identity, entries, head: journal.head() });
  };
  const pumpOnce = async () => {
    isPumpWanted = false;
    while (sent && hasRoom() && isBefore(sent, journal.head())) {
      if (!(await sendNext(sent))) break;
    }
  };
  const pump = async () => {
    if (isPumping) {
      isPumpWanted = true;
      return;
    }
    isPumping = true;
    try {
      do await pumpOnce();
      while (isPumpWanted);
    } catch (error) {
      options.fail(`the journal cannot be read: ${(error as Error).message}`);
    } finally {
      isPumping = false;
    }
  };
  return {
    begin(position) {
      sent = position;
      window = [];
      windowBytes = 0;
      void pump();
    },
    pump: () => void pump(),
    acknowledged(seq) {
      const covered = window.findIndex((entry) => entry.seq > seq);
      const done = window.splice(0, covered < 0 ? window.length : covered);
      if (done.length > 0) progressAtMs = clock.monotonicMs();
      for (const { bytes } of done) windowBytes -= bytes;
      void pump();
    },
    stalledMs: () => (window.length === 0 ? 0 : clock.monotonicMs() - progressAtMs),
    stop() {
      sent = undefined;
      window = [];
    },
  };
}

function isBefore(position: Position, head: Position): boolean {
  return position.identity === head.identity && position.seq < head.seq;
}
