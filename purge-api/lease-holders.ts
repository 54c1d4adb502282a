/**
 * Which process of each node was granted a lease last, in a file beside the journal. Purge-api that starts anew knows by it who may
 * still hold one: if another process has come under the same id meanwhile, its word alone is not enough (leases.ts).
 *
 * Invariant: what `holds` was told is on the device when it returns. A lost or unreadable file costs that knowledge and nothing else.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import type { LeaseHolders } from './leases.ts';

const fileName = 'lease-holders.json';
const holdersSchema = z.record(z.string(), z.string().max(64));

/** Reads the file of `folder`. */
export function openLeaseHolders(folder: string): LeaseHolders {
  const file = path.join(folder, fileName);
  const holders = new Map(read(file));
  return {
    holder: (id) => holders.get(id),
    holds(id, instance) {
      const next = new Map(holders).set(id, instance);
      mkdirSync(folder, { recursive: true });
      writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries(next)), { flush: true });
      renameSync(`${file}.new`, file);
      holders.set(id, instance);
    },
  };
}

function read(file: string): [string, string][] {
  try {
    return Object.entries(holdersSchema.parse(JSON.parse(readFileSync(file, 'utf8'))));
  } catch {
    // The first start, or damage: then whoever says hello first is taken for the holder.
    return [];
  }
}
