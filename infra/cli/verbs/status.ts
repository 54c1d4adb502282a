/** `breakwater status`: every node as purge-api knows it. */
import { type ApiOptions, askApi, findApi, jsonOf } from '../api-access.ts';
import type { CliContext } from '../cli-context.ts';
import { CommandError } from '../command-error.ts';
import { keyLines, networkStatus, statusLines } from '../node-status.ts';

export interface StatusOptions extends ApiOptions {
  json: boolean;
  /** Print the fingerprints of the nodes' keys, and nothing else. */
  keys?: boolean;
}

/** Prints the nodes. Throws CommandError when purge-api cannot be asked. */
export async function status(context: CliContext, options: StatusOptions): Promise<void> {
  const { terminal, clock } = context;
  const answer = await askApi(findApi(options, context), '/v1/nodes');
  const parsed = networkStatus.safeParse(jsonOf(answer));
  if (!parsed.success) {
    throw new CommandError('what answers there is no purge API of Breakwater');
  }
  if (options.json) terminal.line(JSON.stringify(parsed.data));
  else if (options.keys) for (const line of keyLines(parsed.data)) terminal.line(line);
  else for (const line of statusLines(parsed.data, clock.nowMs(), terminal)) terminal.line(line);
}
