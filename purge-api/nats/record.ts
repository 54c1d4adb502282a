/**
 * What lies in the stream: entries, and the identity of the journal. Pure.
 *
 * Each entry says its own number and the hash before it. So the stream's numbers need not be trusted (they differ from ours
 * wherever an identity was written), and whatever comes first is the floor: it says what came before it. An entry with an
 * idempotency key has a subject of its own, made of the key, so that one question to the server finds it.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { chainHash, entrySchema, type JournalEntry } from '../../core/purge/command.ts';
import type { Idempotency, PurgeCommand } from '../journal.ts';
import type { BrokerMessage } from './broker.ts';

/** An entry as it lies in the stream. */
export interface EntryRecord {
  entry: JournalEntry;
  by: string;
  /** The hash of the entry before; empty before the first. */
  previous: string;
  /** Of the idempotency key; undefined: there was none. */
  fingerprint?: string | undefined;
}

export interface IdentityRecord {
  identity: string;
  reason: string;
  /** What lies before this number of the stream is of no journal any more. */
  since: number;
}

/** What the stream says contradicts itself, or cannot be read. */
export class StreamDamage extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StreamDamage';
  }
}

const layoutVersion = 1;

const entryRecord = z.object({
  v: z.literal(layoutVersion),
  entry: entrySchema,
  by: z.string(),
  previous: z.string(),
  fingerprint: z.string().optional(),
});

const identityRecord = z.object({
  v: z.literal(layoutVersion),
  identity: z.string().min(1).max(64),
  reason: z.string(),
  since: z.number().int().min(0),
});

/** The subjects of the stream `name`. */
export function subjectsOf(name: string) {
  return {
    identity: `${name}.identity`,
    entries: `${name}.entries.*`,
    entryOf: (idempotency: Idempotency | undefined) =>
      `${name}.entries.${idempotency ? `key-${keyToken(idempotency.key)}` : 'plain'}`,
  };
}

export type Subjects = ReturnType<typeof subjectsOf>;

/** The entry that follows `head`. Its id names its number, so that it is found by its id. */
export function recordAfter(
  head: { seq: number; hash: string },
  command: PurgeCommand,
  given: { random: string; atMs: number; fingerprint: string | undefined },
): EntryRecord {
  const seq = head.seq + 1;
  const unchained = {
    seq,
    id: `${given.random}-${seq}`,
    atMs: given.atMs,
    soft: command.soft,
    scope: [...command.scope],
    selectors: [...command.selectors],
  };
  const entry: JournalEntry = { ...unchained, hash: chainHash(head.hash, unchained) };
  return { entry, by: command.by, previous: head.hash, fingerprint: given.fingerprint };
}

/** The number in the id of an entry; undefined: it is no id of ours. */
export function seqOfId(id: string): number | undefined {
  const match = /^[0-9a-f]+-([1-9]\d{0,14})$/.exec(id);
  return match ? Number(match[1]) : undefined;
}

export function entryText(record: EntryRecord): string {
  return JSON.stringify({ v: layoutVersion, ...record });
}

export function identityText(record: IdentityRecord): string {
  return JSON.stringify({ v: layoutVersion, ...record });
}

/** Throws StreamDamage where the message is no entry, or its hash does not follow from what it says. */
export function entryOfMessage({ streamSeq, text }: BrokerMessage): EntryRecord {
  const parsed = entryRecord.safeParse(jsonOf(text));
  if (!parsed.success) throw new StreamDamage(`the message ${streamSeq} cannot be read`);
  const { entry, by, previous, fingerprint } = parsed.data;
  if (entry.hash !== chainHash(previous, entry)) {
    throw new StreamDamage(`the entry ${entry.seq} does not follow from those before it`);
  }
  return { entry, by, previous, fingerprint };
}

/** Throws StreamDamage where the message is no identity. */
export function identityOfMessage({ streamSeq, text }: BrokerMessage): IdentityRecord {
  const parsed = identityRecord.safeParse(jsonOf(text));
  if (!parsed.success) throw new StreamDamage(`the identity in ${streamSeq} cannot be read`);
  const { identity, reason, since } = parsed.data;
  return { identity, reason, since };
}

function keyToken(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 40);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
