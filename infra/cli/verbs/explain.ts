/** `breakwater explain URL`: what every node would answer, or one node in detail with `--pop`. */
import {
  type NetworkExplanation,
  networkExplanationSchema,
} from '../../../core/purge/explanation.ts';
import { type ApiOptions, askApi, findApi, jsonOf } from '../api-access.ts';
import type { CliContext } from '../cli-context.ts';
import { CommandError, exitCodes, usageError } from '../command-error.ts';
import { explanationDetail } from '../explain-detail.ts';
import { explanationTable } from '../explain-table.ts';
import { parseHeaderField } from '../header-field.ts';

export interface ExplainOptions extends ApiOptions {
  pop?: string;
  header: string[];
  json: boolean;
}

/** Resolves with the exit code: refused when no node has answered. Throws CommandError when purge-api refuses. */
export async function explain(
  context: CliContext,
  url: string,
  options: ExplainOptions,
): Promise<number> {
  const { terminal } = context;
  if (!URL.canParse(url)) throw usageError(`"${url}" is no URL: write http://HOST/PATH`);
  const explained = await ask(context, url, options);
  const [first] = explained.nodes;
  if (options.json) terminal.line(JSON.stringify(explained));
  else if (options.pop === undefined || !first?.ok) {
    for (const line of explanationTable(explained, terminal)) terminal.line(line);
  } else {
    for (const line of explanationDetail(first.explanation, terminal)) terminal.line(line);
  }
  return explained.nodes.some(({ ok }) => ok) ? exitCodes.done : exitCodes.refused;
}

async function ask(
  context: CliContext,
  url: string,
  options: ExplainOptions,
): Promise<NetworkExplanation> {
  const { pop, header } = options;
  const headers = Object.fromEntries(header.map(parseHeaderField));
  const answer = await askApi(findApi(options, context), '/v1/explain', {
    method: 'POST',
    json: { url, headers, ...(pop === undefined ? {} : { node: pop }) },
  });
  const parsed = networkExplanationSchema.safeParse(jsonOf(answer));
  if (parsed.success) return parsed.data;
  throw new CommandError(
    'what answers there is no purge API of Breakwater, or one of another release',
  );
}
