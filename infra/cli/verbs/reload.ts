/** `breakwater reload`: every node reads its file again. */
import { loadTopology, TopologyError } from '../../../core/topology/load.ts';
import { type ApiOptions, askApi, findApi, jsonOf } from '../api-access.ts';
import type { CliContext } from '../cli-context.ts';
import { CommandError, exitCodes } from '../command-error.ts';
import { findConfig } from '../find-config.ts';
import { isWhole, reloadLines, reloadResult } from '../reload-result.ts';

export interface ReloadOptions extends ApiOptions {
  json: boolean;
}

/** Nodes check and swap within this time, all at once. */
const reloadTimeoutMs = 30_000;

/** Resolves with the exit code: refused when a node refused anything. */
export async function reload(context: CliContext, options: ReloadOptions): Promise<number> {
  const { terminal } = context;
  const access = findApi(options, context);
  checkOwnFile(context, options);
  const answer = await askApi(access, '/v1/reload', {
    method: 'POST',
    timeoutMs: reloadTimeoutMs,
  });
  const parsed = reloadResult.safeParse(jsonOf(answer));
  if (!parsed.success) throw new CommandError('what answers there is no purge API of Breakwater');
  if (options.json) terminal.line(JSON.stringify(parsed.data));
  else for (const line of reloadLines(parsed.data)) terminal.line(line);
  return isWhole(parsed.data) ? exitCodes.done : exitCodes.refused;
}

/** Every node would refuse a file that is wrong; where it lies on this machine, its problems are told once. */
function checkOwnFile(context: CliContext, options: ReloadOptions): void {
  const found = findConfig(options.config, context);
  if (!found) return;
  try {
    loadTopology(found.file, context.environment);
  } catch (error) {
    if (!(error instanceof TopologyError)) throw error;
    throw new CommandError(`nothing was reloaded: ${error.message}`);
  }
}
