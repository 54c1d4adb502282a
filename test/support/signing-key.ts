/** A key of a node that has no data folder. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadSigningKey, type SigningKey } from '../../core/runtime/signing-key.ts';

export function makeKey(): SigningKey {
  const folder = mkdtempSync(path.join(tmpdir(), 'breakwater-key-'));
  try {
    return loadSigningKey(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
