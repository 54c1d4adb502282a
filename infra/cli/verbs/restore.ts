/** `breakwater purge-api restore`: a journal that was put back from a copy gets a new identity, before purge-api starts on it. */
import { journalFileOf, RestoreRefused, restoreJournal } from '../../../purge-api/restore.ts';
import type { CliContext } from '../cli-context.ts';
import { CommandError } from '../command-error.ts';
import { requireTopology } from '../find-config.ts';

export interface RestoreOptions {
  config?: string;
  json?: boolean;
}

/** Throws CommandError when it is refused; the journal is then as it was. */
export function restore({ terminal, ...context }: CliContext, options: RestoreOptions): void {
  const topology = requireTopology(options.config, context);
  const { kind } = topology.purge.journal;
  if (kind !== 'sqlite') {
    throw new CommandError(
      `the journal is of the kind ${kind}, no file: delete its stream, and purge-api begins a new journal, with the same effect`,
    );
  }
  const file = journalFileOf(topology);
  try {
    const restored = restoreJournal(file);
    if (options.json === true) terminal.line(JSON.stringify(restored));
    else for (const line of linesOf(restored)) terminal.line(line);
  } catch (error) {
    if (error instanceof RestoreRefused) throw new CommandError(error.message);
    throw error;
  }
}

function linesOf({ file, identity, seq }: ReturnType<typeof restoreJournal>): string[] {
  return [
    `${file} has a new identity: ${identity}`,
    `It ends with entry ${seq}. Start purge-api now: every edge and shield will count all that it holds as hard-purged, so nothing`,
    'that was purged after the copy was made is served, and the origins will see every first request again.',
  ];
}
