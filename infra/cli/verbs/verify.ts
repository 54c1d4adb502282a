/** `breakwater verify`: judges a file of evidence, without asking anybody. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { verifyEvidence } from '../../../core/purge/verify-evidence.ts';
import type { CliContext } from '../cli-context.ts';
import { exitCodes, usageError } from '../command-error.ts';
import { parseFingerprints, verdictLines } from '../evidence-words.ts';

export interface VerifyOptions {
  /** `node=SHA256:…` */
  fingerprint: string[];
  /** A file of such lines, as `breakwater status --keys` prints them. */
  fingerprints?: string;
  json: boolean;
}

/** More than the evidence of ten thousand nodes needs. */
const maxBytes = 32 * 2 ** 20;

/** Resolves with the exit code: done when the evidence holds, refused when not. Throws for wrong usage. */
export function verify(context: CliContext, file: string, options: VerifyOptions): number {
  const { terminal } = context;
  const listed = options.fingerprints && readText(context, options.fingerprints);
  const lines = [...options.fingerprint, ...(listed ? listed.split('\n') : [])];
  const expected = parseFingerprints(lines);
  const verdict = verifyEvidence(parseJson(readText(context, file)), expected);
  const { valid, findings, unconfirmed } = verdict;
  if (options.json) terminal.line(JSON.stringify({ valid, findings, unconfirmed }));
  else for (const line of verdictLines(verdict, terminal)) terminal.line(line);
  return valid ? exitCodes.done : exitCodes.refused;
}

function readText({ cwd }: CliContext, name: string): string {
  const file = path.resolve(cwd, name);
  try {
    const text = readFileSync(file, 'utf8');
    if (text.length > maxBytes) throw new Error('it is too large for evidence');
    return text;
  } catch (error) {
    throw usageError(`${file} cannot be read: ${(error as Error).message}`);
  }
}

/** What is no JSON is no evidence either, and is told so like anything else that is none. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
