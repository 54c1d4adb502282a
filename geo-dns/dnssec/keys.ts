/**
 * The keys that sign a zone: ECDSA P-256 with SHA-256 (algorithm 13, RFC 6605), each a combined signing key, so that the parent's DS
 * names the very key that signs. Pure, but for making a key.
 *
 * A key is `published` (in the DNSKEY set), then `active` (signs the zone), then `retired` (in the set still, for answers in
 * caches), then gone. The DNSKEY set is signed by all keys in it, so it is good whichever of their DS records the parent has.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { createWriter, writeBytes, writeU8, writeU16 } from '../../core/dns/buffer.ts';
import { type Name, nameKey, writeName } from '../../core/dns/name.ts';

export type KeyState = 'published' | 'active' | 'retired';

/** A key as it is kept. */
export interface StoredKey {
  state: KeyState;
  createdAtMs: number;
  /** When it got its state. */
  changedAtMs: number;
  /** PKCS #8, PEM. */
  privateKey: string;
}

/** A key as it signs. */
export interface SigningKey {
  tag: number;
  privateKey: KeyObject;
  /** RDATA of its DNSKEY record (RFC 4034 §2.1). */
  dnskey: Buffer;
}

/** The keys of one zone. Exactly one is active. */
export interface ZoneKeys {
  active: SigningKey;
  /** All that the DNSKEY set has. */
  published: readonly SigningKey[];
  /** Those that the parent should have DS records for. */
  wanted: readonly SigningKey[];
}

export const algorithm = 13;
const sha256Digest = 2;
/** Zone key, and secure entry point (RFC 4034 §2.1.1). */
const flags = 257;
const protocol = 3;

export function makeKey(state: KeyState, nowMs: number): StoredKey {
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return { state, createdAtMs: nowMs, changedAtMs: nowMs, privateKey };
}

/** Throws when the key is none of this algorithm. */
export function signingKeyOf({ privateKey: pem }: StoredKey): SigningKey {
  const privateKey = createPrivateKey(pem);
  const { crv, x, y } = createPublicKey(privateKey).export({ format: 'jwk' });
  if (crv !== 'P-256' || x === undefined || y === undefined) {
    throw new Error('a key is not ECDSA P-256');
  }
  // "The uncompressed form of a curve point", without its type byte (RFC 6605 §4).
  const point = Buffer.concat([Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
  const dnskey = Buffer.concat([Buffer.of(flags >> 8, flags & 255, protocol, algorithm), point]);
  return { tag: keyTagOf(dnskey), privateKey, dnskey };
}

/** RFC 4034 appendix B. */
export function keyTagOf(dnskey: Buffer): number {
  let sum = 0;
  for (const [index, byte] of dnskey.entries()) sum += index % 2 === 0 ? byte << 8 : byte;
  return (sum + (sum >>> 16)) & 0xffff;
}

/** RDATA of the DS record that leads to `key` (RFC 4034 §5.1). */
export function dsOf(zone: Name, { dnskey, tag }: SigningKey): Buffer {
  const owner = createWriter();
  writeName(owner, nameKey(zone), false);
  const digest = createHash('sha256')
    .update(owner.bytes.subarray(0, owner.length))
    .update(dnskey)
    .digest();
  const writer = createWriter();
  writeU16(writer, tag);
  writeU8(writer, algorithm);
  writeU8(writer, sha256Digest);
  writeBytes(writer, digest);
  return writer.bytes.subarray(0, writer.length);
}

/** Throws unless one key is active. */
export function zoneKeysOf(stored: readonly StoredKey[]): ZoneKeys {
  const keys = stored.map((key) => ({ state: key.state, key: signingKeyOf(key) }));
  const [active, ...more] = keys.filter(({ state }) => state === 'active');
  if (!active || more.length > 0) throw new Error('not one key is active, but exactly one must be');
  return {
    active: active.key,
    published: keys.map(({ key }) => key),
    wanted: keys.filter(({ state }) => state !== 'retired').map(({ key }) => key),
  };
}
