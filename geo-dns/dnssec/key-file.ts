/**
 * The file with the keys of one zone. It is the state of a rollover as well, and the same on every server of the zone.
 * Whoever can read it can answer for the zone, so it is its owner's only.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { type StoredKey, type ZoneKeys, zoneKeysOf } from './keys.ts';

const time = z.iso.datetime().transform((text) => Date.parse(text));

const keyFile = z.strictObject({
  zone: z.string(),
  keys: z
    .array(
      z
        .strictObject({
          state: z.enum(['published', 'active', 'retired']),
          created: time,
          changed: time,
          privateKey: z.string().min(1),
        })
        .transform(({ created, changed, ...rest }) => ({
          ...rest,
          createdAtMs: created,
          changedAtMs: changed,
        })),
    )
    .min(1)
    .max(4),
});

/** The keys in `file`, which must be those of `zone`. Throws with what is wrong and what to do. */
export function readKeyFile(file: string, zone: string): { stored: StoredKey[]; keys: ZoneKeys } {
  if (!existsSync(file)) {
    throw new Error(`${file}: no keys: run "breakwater dnssec keygen ${zone}", or copy the file`);
  }
  if ((statSync(file).mode & 0o077) !== 0) {
    throw new Error(`${file}: others can read it: chmod 600`);
  }
  let plain: unknown;
  try {
    plain = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`);
  }
  const parsed = keyFile.safeParse(plain);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Error(`${file}: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  if (parsed.data.zone !== zone) {
    throw new Error(`${file}: holds the keys of ${parsed.data.zone}, not of ${zone}`);
  }
  try {
    return { stored: parsed.data.keys, keys: zoneKeysOf(parsed.data.keys) };
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`);
  }
}

/** Writes the file anew, whole or not at all. */
export function writeKeyFile(file: string, zone: string, keys: readonly StoredKey[]): void {
  const content = {
    zone,
    keys: keys.map(({ state, createdAtMs, changedAtMs, privateKey }) => ({
      state,
      created: new Date(createdAtMs).toISOString(),
      changed: new Date(changedAtMs).toISOString(),
      privateKey,
    })),
  };
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.new`, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
