/**
 * `breakwater purge-api restore`: gives a journal that was restored from a copy a new identity. The copy may lack entries that nodes
 * have applied, and would give their numbers away again; under another identity no number of before means anything, so every node
 * counts what it holds as purged (DESIGN section 4).
 *
 * Invariants: done only while no purge-api has the file; durable before it is said to be done; a file that is damaged is refused
 * and left as it is.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { systemRandom } from '../core/runtime/deps.ts';
import type { Topology } from '../core/topology/load.ts';
import { dataFolder } from '../core/topology/nodes.ts';
import { isJournalDamage, type JournalFile, openExistingJournal } from './journal-file.ts';

/** The journal cannot be given a new identity, and has not been touched; `message` says why. */
export class RestoreRefused extends Error {}

export interface Restored {
  file: string;
  /** The identity that nodes may still know. */
  before: string;
  identity: string;
  /** The newest entry; the next purge gets the number after it. */
  seq: number;
}

/** Where the journal of a topology is. */
export function journalFileOf(topology: Topology): string {
  return path.join(dataFolder(topology, topology.purge.id), 'journal.sqlite');
}

/** Gives the journal at `file` a new identity. Throws RestoreRefused. */
export function restoreJournal(file: string, identity: string = systemRandom.hex(16)): Restored {
  const journal = open(file);
  try {
    const state = journal.state.get();
    if (!state) throw new RestoreRefused(`${file} is no journal`);
    journal.setIdentity.run(identity);
    const seq = journal.newest.get()?.seq ?? state.floor_seq;
    return { file, before: state.identity, identity, seq };
  } finally {
    journal.database.close();
  }
}

function open(file: string): JournalFile {
  if (!existsSync(file)) throw new RestoreRefused(`there is no journal at ${file}`);
  try {
    return openExistingJournal(file);
  } catch (error) {
    if (!isJournalDamage(error)) throw new RestoreRefused((error as Error).message);
    throw new RestoreRefused(`${file} is damaged: take another copy, or start without one`);
  }
}
