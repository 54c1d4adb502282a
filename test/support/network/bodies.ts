/** Bodies that tell by themselves whether they are right: bytes that follow from a name and a length, cheap to make. */
import { createHash } from 'node:crypto';

/** `length` bytes that no other name has at any place. */
export function bodyOf(name: string, length: number): Buffer {
  const block = createHash('sha512').update(name).digest();
  const body = Buffer.alloc(length, block);
  // Blocks are numbered, so that a body with a part missing or moved is not right either.
  for (let at = 0; at + 4 <= length; at += 64) body.writeUInt32BE(at / 64, at);
  return body;
}

/** The digest of a body, for comparing what is too large to print. */
export function digestOf(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex');
}
