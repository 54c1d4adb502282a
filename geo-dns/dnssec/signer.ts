/**
 * Signatures over RRsets (RFC 4034 §3), made when they are asked for. Making one takes longer than all the rest of an answer, so
 * they are kept, as many as fit, by what they sign: a steered answer that another client was given has its signature
 * already.
 *
 * Invariant: a signature that is handed out began at least an hour ago and holds for a day at least, so that clocks may
 * differ by so much.
 */
import { hash, sign } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import {
  createWriter,
  type WireWriter,
  writeBytes,
  writeU8,
  writeU16,
  writeU32,
  writeWithLength,
} from '../../core/dns/buffer.ts';
import { labelCount, type Name, nameKey, writeName } from '../../core/dns/name.ts';
import {
  type RecordData,
  type ResourceRecord,
  recordTypes,
  typeOf,
} from '../../core/dns/record.ts';
import { writeRecordData } from '../../core/dns/record-codec.ts';
import type { Clock } from '../../core/runtime/deps.ts';
import { algorithm, type SigningKey } from './keys.ts';

export const leadSeconds = 3600;
export const validitySeconds = 3 * 86_400;
export const refreshSeconds = 86_400;

export interface SignerDeps {
  clock: Clock;
  metrics: { signature(result: 'made' | 'kept' | 'refused'): void; signatureEviction(): void };
}

export interface Signer {
  /** The RRSIG record of `rrset` (one owner, type and TTL, not empty) by `key` of the zone `zone`. */
  sign(zone: Name, key: SigningKey, rrset: readonly ResourceRecord[]): ResourceRecord;
  /**
   * The same, for somebody who may be a forger: they share a number of signatures a second that are made for them. Undefined when
   * that is used up.
   */
  signBounded(
    zone: Name,
    key: SigningKey,
    rrset: readonly ResourceRecord[],
  ): ResourceRecord | undefined;
}

/** Names that do not exist can be made up without end, and each needs a signature: this is a third of a core at most. */
const boundedPerSecond = 5000;

interface Kept {
  rdata: Buffer;
  inception: number;
  expiration: number;
}

/** Signatures kept at most; each is some 300 bytes. */
export function createSigner({ clock, metrics }: SignerDeps, maxKept = 20_000): Signer {
  const kept = new LRUCache<string, Kept>({
    max: maxKept,
    dispose: (_, __, reason) => {
      if (reason === 'evict') metrics.signatureEviction();
    },
  });
  const budget = createBudget(clock, boundedPerSecond);
  const signIf = (
    zone: Name,
    key: SigningKey,
    rrset: readonly ResourceRecord[],
    mayMake: () => boolean,
  ): ResourceRecord | undefined => {
    const [first] = rrset;
    if (!first) throw new Error('an empty RRset cannot be signed');
    const now = Math.floor(clock.nowMs() / 1000);
    const records = canonicalRecords(rrset);
    const what = `${key.tag} ${zone} ${hash('sha256', records, 'base64')}`;
    let signature = kept.get(what);
    const isGood =
      signature && signature.inception <= now && signature.expiration - now >= refreshSeconds;
    if (!signature || !isGood) {
      if (!mayMake()) {
        metrics.signature('refused');
        return undefined;
      }
      signature = make(zone, key, first, records, now);
      kept.set(what, signature);
    }
    metrics.signature(isGood ? 'kept' : 'made');
    const data: RecordData = { type: 'opaque', code: recordTypes.RRSIG, bytes: signature.rdata };
    return { name: first.name, class: first.class, ttlSeconds: first.ttlSeconds, data };
  };
  return {
    sign(zone, key, rrset) {
      const made = signIf(zone, key, rrset, () => true);
      if (!made) throw new Error('a signature was refused that has no bound');
      return made;
    },
    signBounded: (zone, key, rrset) => signIf(zone, key, rrset, budget),
  };
}

/** At most so many a second, and so many at once. */
function createBudget(clock: Clock, perSecond: number): () => boolean {
  let left = perSecond;
  let atMs = clock.monotonicMs();
  return () => {
    const nowMs = clock.monotonicMs();
    left = Math.min(perSecond, left + ((nowMs - atMs) / 1000) * perSecond);
    atMs = nowMs;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}

function make(
  zone: Name,
  key: SigningKey,
  { name, ttlSeconds, data }: ResourceRecord,
  records: Buffer,
  now: number,
): Kept {
  const inception = now - leadSeconds;
  const expiration = now + validitySeconds;
  const writer = createWriter();
  writeU16(writer, typeOf(data));
  writeU8(writer, algorithm);
  // A wildcard's own label does not count (RFC 4034 §3.1.3).
  writeU8(writer, labelCount(name) - (name === '*' || name.startsWith('*.') ? 1 : 0));
  writeU32(writer, ttlSeconds);
  writeU32(writer, expiration % 2 ** 32);
  writeU32(writer, inception % 2 ** 32);
  writeU16(writer, key.tag);
  writeName(writer, nameKey(zone), false);
  const head = Buffer.from(writer.bytes.subarray(0, writer.length));
  const options = { key: key.privateKey, dsaEncoding: 'ieee-p1363' } as const;
  const signature = sign('sha256', Buffer.concat([head, records]), options);
  return { rdata: Buffer.concat([head, signature]), inception, expiration };
}

/** The records as they are signed: canonical form, ordered by their data, each once (RFC 4034 §6.2, §6.3). */
function canonicalRecords(rrset: readonly ResourceRecord[]): Buffer {
  const parts = rrset.map((record) => {
    const data = createWriter();
    writeRecordData(data, canonicalData(record.data), false);
    return { record, data: data.bytes.subarray(0, data.length) };
  });
  parts.sort((a, b) => Buffer.compare(a.data, b.data));
  const writer = createWriter();
  for (const [index, { record, data }] of parts.entries()) {
    if (parts[index - 1]?.data.equals(data)) continue;
    writeCanonical(writer, record, data);
  }
  return writer.bytes.subarray(0, writer.length);
}

function writeCanonical(writer: WireWriter, record: ResourceRecord, data: Buffer): void {
  writeName(writer, nameKey(record.name), false);
  writeU16(writer, typeOf(record.data));
  writeU16(writer, record.class);
  writeU32(writer, record.ttlSeconds);
  writeWithLength(writer, () => writeBytes(writer, data));
}

/** Names within data are in lower case for the types that RFC 4034 §6.2 lists, which SVCB and HTTPS are not among. */
function canonicalData(data: RecordData): RecordData {
  switch (data.type) {
    case 'NS':
    case 'CNAME':
    case 'PTR':
    case 'DNAME':
    case 'MX':
    case 'SRV':
      return { ...data, target: nameKey(data.target) };
    case 'SOA':
      return { ...data, primary: nameKey(data.primary), mailbox: nameKey(data.mailbox) };
    default:
      return data;
  }
}
