/** `breakwater forget-key`: lets a node whose data folder was lost come back with a new key. */
import { z } from 'zod';
import { type ApiOptions, askApi, findApi, jsonOf } from '../api-access.ts';
import type { CliContext } from '../cli-context.ts';
import { CommandError } from '../command-error.ts';

export interface ForgetKeyOptions extends ApiOptions {
  json: boolean;
}

const answerSchema = z.object({ node: z.string(), forgotten: z.string().nullable() });

/** Throws CommandError when no key of the node is pinned. */
export async function forgetKey(
  context: CliContext,
  node: string,
  options: ForgetKeyOptions,
): Promise<void> {
  const access = findApi(options, context);
  const path = `/v1/nodes/${encodeURIComponent(node)}/key`;
  const parsed = answerSchema.safeParse(jsonOf(await askApi(access, path, { method: 'DELETE' })));
  if (!parsed.success) throw new CommandError('what answers there is no purge API of Breakwater');
  const { forgotten } = parsed.data;
  const text = `${node}: the key ${forgotten} is forgotten; the next that the node shows is pinned`;
  context.terminal.line(options.json ? JSON.stringify(parsed.data) : text);
}
