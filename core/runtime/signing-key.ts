/**
 * A key with which a process signs what it says, so that others can keep its word: Ed25519, made once in the process's data
 * folder and readable by its owner only. A public key travels as SPKI in DER, base64; people compare its fingerprint.
 *
 * Invariant: nothing here throws for what a peer has sent.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';

export interface SigningKey {
  publicKey: string;
  fingerprint: string;
  /** The signature of `text`, base64. */
  sign(text: string): string;
}

export const keyFileName = 'node-key.pem';

/**
 * The key in `folder`, which must exist and be held by this process; made when there is none. Throws with what to do when the
 * file cannot be used: a new key in its place would only be refused by those who know the old one.
 */
export function loadSigningKey(folder: string): SigningKey {
  const file = path.join(folder, keyFileName);
  if (!existsSync(file)) writeDurably(file, newKeyText());
  return signingKeyOf(readKey(file));
}

/** `SHA256:` and the hash of the public key in base64 without padding, as ssh writes it. */
export function fingerprintOf(publicKey: string): string {
  const digest = createHash('sha256').update(Buffer.from(publicKey, 'base64')).digest('base64');
  return `SHA256:${digest.replace(/=+$/, '')}`;
}

/** Whether `text` is a public key of the kind that we sign with, written in the one way that we write it. */
export function isPublicKey(text: string): boolean {
  return publicKeyOf(text) !== undefined;
}

/** Whether `signature` over `text` was made with the private half of `publicKey`; false for whatever is malformed. */
export function isSignedBy(publicKey: string, text: string, signature: string): boolean {
  return createVerifier(publicKey)(text, signature);
}

export type Verifier = (text: string, signature: string) => boolean;

/** `isSignedBy` for one key that signs often: reading a key takes as long as a verification. */
export function createVerifier(publicKey: string): Verifier {
  const key = publicKeyOf(publicKey);
  return (text, signature) => {
    const bytes = Buffer.from(signature, 'base64');
    // base64 can spell the same bytes in many ways; one is enough.
    if (!key || bytes.toString('base64') !== signature) return false;
    return verify(null, Buffer.from(text), key, bytes);
  };
}

function publicKeyOf(text: string): KeyObject | undefined {
  const der = Buffer.from(text, 'base64');
  try {
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    const isOurs = key.asymmetricKeyType === 'ed25519' && spkiOf(key) === text;
    return isOurs ? key : undefined;
  } catch {
    // Whatever a peer calls a key and is none.
    return undefined;
  }
}

function signingKeyOf(privateKey: KeyObject): SigningKey {
  const publicKey = spkiOf(createPublicKey(privateKey));
  return {
    publicKey,
    fingerprint: fingerprintOf(publicKey),
    sign: (text) => sign(null, Buffer.from(text), privateKey).toString('base64'),
  };
}

function spkiOf(key: KeyObject): string {
  return key.export({ format: 'der', type: 'spki' }).toString('base64');
}

function newKeyText(): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

function readKey(file: string): KeyObject {
  const text = readFileSync(file, 'utf8');
  try {
    const key = createPrivateKey(text);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Said below, with what to do.
  }
  throw new Error(
    `${file} is no Ed25519 key: put the right one back, or remove it and let purge-api forget the old one (breakwater forget-key)`,
  );
}

/** Under another name first, and synced, so that no start and no power cut leaves half a key. */
export function writeDurably(file: string, text: string): void {
  const draft = `${file}.new`;
  const descriptor = openSync(draft, 'w', 0o600);
  try {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(draft, file);
  const folder = openSync(path.dirname(file), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
