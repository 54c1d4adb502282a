/**
 * A journal on a simulated disk: an append is answered once its sync has ended, and a crash before that may keep it or lose it. It
 * passes the contract of `test/contract/journal.contract.ts`.
 */
import { chainHash, type JournalEntry, type Position } from '../../core/purge/command.ts';
import type { Clock, Random } from '../../core/runtime/deps.ts';
import type { AppendResult, Idempotency, Journal, PurgeCommand } from '../../purge-api/journal.ts';

/** What outlives a process. */
export interface JournalDisk {
  identity: string;
  floor: Omit<Position, 'identity'>;
  entries: { entry: JournalEntry; by: string }[];
  keys: Map<string, { fingerprint: string; seq: number }>;
}

export interface JournalDeps {
  clock: Clock;
  random: Random;
  /** How long a sync takes. */
  syncMs: () => number;
}

export interface JournalLimits {
  retentionMs: number;
  maxEntries: number;
}

export function createJournalDisk(identity: string): JournalDisk {
  return { identity, floor: { seq: 0, hash: '' }, entries: [], keys: new Map() };
}

/** Opens the journal of a disk. */
export function openSimulatedJournal(
  { clock, random, syncMs }: JournalDeps,
  disk: JournalDisk,
  limits: JournalLimits,
): Journal {
  let durable = disk.entries.length;
  let waiting: Promise<void> = Promise.resolve();
  const positionAt = (count: number): Position => {
    const last = disk.entries[count - 1]?.entry;
    const { seq, hash } = last ?? disk.floor;
    return { identity: disk.identity, seq, hash };
  };
  const head = () => positionAt(durable);
  const write = (
    { soft, scope, selectors, by }: PurgeCommand,
    idempotency: Idempotency | undefined,
  ): AppendResult => {
    const known = idempotency && disk.keys.get(idempotency.key);
    if (known && idempotency) {
      const found = disk.entries.find(({ entry }) => entry.seq === known.seq);
      if (known.fingerprint !== idempotency.fingerprint || !found) return { kind: 'conflict' };
      return { kind: 'repeated', entry: found.entry };
    }
    const before = positionAt(disk.entries.length);
    const unchained = {
      seq: before.seq + 1,
      id: random.hex(10),
      atMs: clock.nowMs(),
      soft,
      scope: [...scope],
      selectors: [...selectors],
    };
    const entry = { ...unchained, hash: chainHash(before.hash, unchained) };
    disk.entries.push({ entry, by });
    if (idempotency) {
      disk.keys.set(idempotency.key, { fingerprint: idempotency.fingerprint, seq: entry.seq });
    }
    return { kind: 'appended', entry };
  };
  const appendNext = async (command: PurgeCommand, idempotency: Idempotency | undefined) => {
    const result = write(command, idempotency);
    const delayMs = syncMs();
    if (delayMs > 0) await clock.sleep(delayMs);
    durable = disk.entries.length;
    return result;
  };
  const after = (seq: number) =>
    disk.entries.slice(0, durable).filter(({ entry }) => entry.seq > seq);
  return {
    head,
    floor: () => ({ identity: disk.identity, ...disk.floor }),
    append(command, idempotency) {
      const result = waiting.then(() => appendNext(command, idempotency));
      waiting = result.then(() => undefined);
      return result;
    },
    async after(seq, { limit, maxBytes }) {
      const entries: JournalEntry[] = [];
      let bytes = 0;
      for (const { entry } of after(seq).slice(0, limit)) {
        bytes += JSON.stringify(entry).length;
        if (maxBytes !== undefined && bytes > maxBytes && entries.length > 0) break;
        entries.push(entry);
      }
      return entries;
    },
    find: async (id) => disk.entries.slice(0, durable).find(({ entry }) => entry.id === id),
    async positionOf(seq) {
      if (seq === disk.floor.seq) return { identity: disk.identity, ...disk.floor };
      const found = disk.entries.slice(0, durable).find(({ entry }) => entry.seq === seq);
      return found && { identity: disk.identity, seq, hash: found.entry.hash };
    },
    async holds({ identity, seq, hash }) {
      if (identity !== disk.identity) return false;
      return (await this.positionOf(seq))?.hash === hash;
    },
    async renewIdentity() {
      disk.identity = random.hex(16);
      return head();
    },
    async prune() {
      const oldestMs = clock.nowMs() - limits.retentionMs;
      const tooOld = disk.entries.findIndex(({ entry }) => entry.atMs >= oldestMs);
      const age = tooOld < 0 ? disk.entries.length : tooOld;
      const wanted = Math.max(age, durable - limits.maxEntries);
      const pruned = disk.entries.splice(0, Math.max(0, Math.min(wanted, durable - 1)));
      const last = pruned.at(-1)?.entry;
      if (!last) return 0;
      disk.floor = { seq: last.seq, hash: last.hash };
      for (const [key, { seq }] of disk.keys) if (seq <= last.seq) disk.keys.delete(key);
      durable -= pruned.length;
      return pruned.length;
    },
    close: async () => void (await waiting),
  };
}

/** What a crash leaves of it: an append whose sync had not ended is there or not. */
export function crashDisk(disk: JournalDisk, headSeq: number, isKept: () => boolean): void {
  while ((disk.entries.at(-1)?.entry.seq ?? 0) > headSeq && !isKept()) {
    const lost = disk.entries.pop();
    for (const [key, { seq }] of disk.keys) if (seq === lost?.entry.seq) disk.keys.delete(key);
  }
}
