/** `breakwater evidence`: the proof of a purge as a file that can be kept, and checked without the network. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { type ApiOptions, askApi, findApi, jsonOf } from '../api-access.ts';
import type { CliContext } from '../cli-context.ts';
import { CommandError } from '../command-error.ts';

export interface EvidenceOptions extends ApiOptions {
  /** Default: standard output. */
  output?: string;
}

/** All of it is kept as it came: it may be of a later release, and every part of it is signed. */
const documentSchema = z.looseObject({
  breakwater: z.literal('evidence'),
  status: z.string(),
  entry: z.looseObject({ seq: z.number() }),
});

/** Prints or writes the document. Throws CommandError when there is none. */
export async function evidence(
  context: CliContext,
  id: string,
  options: EvidenceOptions,
): Promise<void> {
  const { terminal } = context;
  const access = findApi(options, context);
  const answer = await askApi(access, `/v1/purges/${encodeURIComponent(id)}/evidence`);
  const parsed = documentSchema.safeParse(jsonOf(answer));
  if (!parsed.success) throw new CommandError('what answers there is no purge API of Breakwater');
  const text = JSON.stringify(parsed.data, null, 2);
  if (options.output === undefined) return terminal.line(text);
  const file = path.resolve(context.cwd, options.output);
  try {
    writeFileSync(file, `${text}\n`);
  } catch (error) {
    throw new CommandError(`${file} cannot be written: ${(error as Error).message}`);
  }
  const { status, entry } = parsed.data;
  terminal.line(
    `entry ${entry.seq} (${status}): check it with breakwater verify ${options.output}`,
  );
}
