/** `breakwater purge`: one entry in the journal and, with `--wait`, the proof that it has taken effect everywhere. */
import type { ControlResponse } from '../../../core/runtime/http-client.ts';
import { type ApiAccess, type ApiOptions, askApi, findApi, jsonOf } from '../api-access.ts';
import type { CliContext } from '../cli-context.ts';
import { CommandError, exitCodes } from '../command-error.ts';
import { dryRunAnswer, dryRunLines } from '../dry-run.ts';
import {
  acceptedLine,
  type PurgeSelection,
  type PurgeStatus,
  progressText,
  purgeBody,
  purgeStatus,
  resultLines,
} from '../purge-progress.ts';

export interface PurgeOptions extends ApiOptions, PurgeSelection {
  /** Milliseconds. */
  wait?: number;
  json: boolean;
  dryRun?: boolean;
}

/** The API answers when the purge has converged, or after this long: then a watched progress line has news. */
const watchedLookMs = 200;
const longestLookMs = 5000;
const retryPauseMs = 300;
const maxCountLooks = 6;
const countPauseMs = 50;

/** Resolves with the exit code: done, or not converged. Throws CommandError when the purge was refused. */
export async function purge(context: CliContext, options: PurgeOptions): Promise<number> {
  const { terminal, clock } = context;
  const body = purgeBody(options);
  const access = findApi(options, context);
  if (options.dryRun === true) return dryRun(context, access, body, options.json);
  const beganMs = clock.monotonicMs();
  const accepted = readStatus(jsonOf(await submit(context, access, body, options.wait ?? 0)));
  if (options.wait === undefined) {
    terminal.line(options.json ? JSON.stringify(accepted) : acceptedLine(accepted));
    return exitCodes.done;
  }
  const judged = await waitForAll(context, access, accepted, options.wait);
  const waitedMs = clock.monotonicMs() - beganMs;
  terminal.progress('');
  const last = await waitForCounts(context, access, judged);
  if (options.json) terminal.line(JSON.stringify(last));
  else for (const line of resultLines(last, waitedMs, access.base)) terminal.line(line);
  return last.status === 'converged' ? exitCodes.done : exitCodes.notConverged;
}

/** Done only when every node has answered: what one has not looked at cannot be called nothing. */
async function dryRun(
  { terminal }: CliContext,
  access: ApiAccess,
  body: Record<string, unknown>,
  isJson: boolean,
): Promise<number> {
  const json = { ...body, dryRun: true };
  const parsed = dryRunAnswer.safeParse(
    jsonOf(await askApi(access, '/v1/purges', { method: 'POST', json })),
  );
  if (!parsed.success) throw new CommandError('what answers there knows no dry runs');
  if (isJson) terminal.line(JSON.stringify(parsed.data));
  else for (const line of dryRunLines(parsed.data)) terminal.line(line);
  return parsed.data.nodes.every(({ ok }) => ok) ? exitCodes.done : exitCodes.refused;
}

/**
 * Hands the purge in. A purge-api that has just started takes none until it has heard of every node (503): who waits may
 * wait for that too. The key makes it one purge, however often it is sent.
 */
async function submit(
  { clock, random, terminal }: CliContext,
  access: ApiAccess,
  body: Record<string, unknown>,
  waitMs: number,
): Promise<ControlResponse> {
  const deadlineMs = clock.monotonicMs() + waitMs;
  const headers = { 'idempotency-key': random.hex(16) };
  for (;;) {
    const answer = await askApi(access, '/v1/purges', { method: 'POST', json: body, headers });
    if (answer.status !== 503 || clock.monotonicMs() + retryPauseMs > deadlineMs) return answer;
    terminal.progress('the purge API is starting …');
    await clock.sleep(retryPauseMs);
  }
}

async function waitForAll(
  { clock, terminal }: CliContext,
  access: ApiAccess,
  accepted: PurgeStatus,
  waitMs: number,
): Promise<PurgeStatus> {
  const deadlineMs = clock.monotonicMs() + waitMs;
  const lookMs = terminal.isWatched ? watchedLookMs : longestLookMs;
  const path = `/v1/purges/${encodeURIComponent(accepted.id)}`;
  let current = accepted;
  while (current.status !== 'converged' && clock.monotonicMs() < deadlineMs) {
    terminal.progress(`purging: ${progressText(current)}`);
    const leftMs = Math.ceil(deadlineMs - clock.monotonicMs());
    const answer = await askApi(access, `${path}?wait=${Math.max(1, Math.min(lookMs, leftMs))}ms`);
    current = readStatus(jsonOf(answer));
  }
  return current;
}

/** The counts of matched responses follow the acknowledgements; they are worth a moment, and no more. */
async function waitForCounts(
  { clock }: CliContext,
  access: ApiAccess,
  judged: PurgeStatus,
): Promise<PurgeStatus> {
  let current = judged;
  for (let look = 0; look < maxCountLooks && isUncounted(current); look++) {
    await clock.sleep(countPauseMs);
    const answer = await askApi(access, `/v1/purges/${encodeURIComponent(judged.id)}`);
    current = readStatus(jsonOf(answer));
  }
  return current;
}

function isUncounted({ status, nodes }: PurgeStatus): boolean {
  return status === 'converged' && nodes.some(({ matched }) => matched === null);
}

function readStatus(value: unknown): PurgeStatus {
  const parsed = purgeStatus.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new CommandError('what answers there is no purge API of Breakwater');
}
