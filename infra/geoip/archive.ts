/**
 * The database inside what a provider hands out: bare, gzipped, or in a gzipped tar archive (MaxMind). Told by its first bytes, not by
 * its name. Bounded: a small archive cannot unpack to more than the limit.
 */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

const unzip = promisify(gunzip);

/** Far more than any city database has (150 MiB in 2026). */
export const maxDatabaseBytes = 1024 * 2 ** 20;

/** The bytes of the database. Throws when there is none, the archive is damaged, or it is too large. */
export async function databaseIn(bytes: Buffer, limitBytes = maxDatabaseBytes): Promise<Buffer> {
  if (!isGzip(bytes)) return withinTar(bytes) ?? bytes;
  let plain: Buffer;
  try {
    // The check sum at the end of gzip (RFC 1952 §2.3.1) shows what was cut or changed on the way.
    plain = await unzip(bytes, { maxOutputLength: limitBytes });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const isTooLarge = code === 'ERR_BUFFER_TOO_LARGE';
    throw new Error(
      isTooLarge ? `it unpacks to more than ${limitBytes} bytes` : `damaged: ${message}`,
    );
  }
  return withinTar(plain) ?? plain;
}

function isGzip(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

const blockBytes = 512;

/** The first `.mmdb` of a tar archive (POSIX.1 ustar); undefined when the bytes are no archive. Throws when it holds none. */
function withinTar(bytes: Buffer): Buffer | undefined {
  if (bytes.subarray(257, 262).toString('latin1') !== 'ustar') return undefined;
  for (let at = 0; at + blockBytes <= bytes.length; ) {
    const header = bytes.subarray(at, at + blockBytes);
    const name = textOf(header, 0, 100);
    if (name === '') break;
    const size = Number.parseInt(textOf(header, 124, 12), 8);
    if (!Number.isSafeInteger(size) || size < 0)
      throw new Error('damaged: a size in the archive is none');
    const start = at + blockBytes;
    if (start + size > bytes.length) throw new Error('damaged: the archive is cut');
    if (name.endsWith('.mmdb')) return bytes.subarray(start, start + size);
    at = start + Math.ceil(size / blockBytes) * blockBytes;
  }
  throw new Error('the archive holds no .mmdb file');
}

function textOf(header: Buffer, start: number, length: number): string {
  const field = header.subarray(start, start + length);
  const end = field.indexOf(0);
  return field
    .subarray(0, end < 0 ? length : end)
    .toString('latin1')
    .trim();
}
