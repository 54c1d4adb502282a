/** `breakwater purge`: entries in the journal and, with `--wait`, the proof that they have taken effect everywhere. */
import { type ApiAccess, type ApiOptions, askApi, findApi, jsonOf } from '../api-access.ts';
import type { CliContext } from '../cli-context.ts';
import { CommandError, exitCodes, usageError } from '../command-error.ts';
import { dryRunAnswer, dryRunLines } from '../dry-run.ts';
import {
  acceptedLine,
  judgePurge,
  type PurgeStatus,
  progressText,
  purgeStatus,
} from '../purge-progress.ts';
import { type PurgeSelection, parseSelectorLines, purgeBodies } from '../purge-selection.ts';
import { readInput } from '../read-input.ts';
import { submitPurge } from '../submit-purge.ts';
import { isWarming, warmLines, warmProgressText } from '../warm-words.ts';

export interface PurgeOptions extends ApiOptions, PurgeSelection {
  /** Milliseconds. */
  wait?: number;
  json: boolean;
  dryRun?: boolean;
  /** A file of selectors, or `-` for standard input. */
  fromFile?: string;
  idempotencyKey?: string;
  acceptQuarantined?: boolean;
}

/** The API answers when the purge has converged, or after this long: then a watched progress line has news. */
const watchedLookMs = 200;
const longestLookMs = 5000;
const lostPauseMs = 300;
const maxCountLooks = 6;
const countPauseMs = 50;

/** Resolves with the exit code: done, or not converged. Throws CommandError when a purge was refused. */
export async function purge(context: CliContext, options: PurgeOptions): Promise<number> {
  const bodies = purgeBodies(options, await selectorsOf(context, options));
  const access = findApi(options, context);
  if (options.dryRun === true) return dryRun(context, access, bodies, options.json);
  const beganMs = context.clock.monotonicMs();
  const accepted = await submitAll(context, access, bodies, options);
  // The journal has an order: where the last one has taken effect, so have those before it.
  let code: number = exitCodes.done;
  for (const each of accepted) {
    const isConverged = await report(context, access, each, { ...options, beganMs });
    if (!isConverged) code = exitCodes.notConverged;
  }
  return code;
}

async function selectorsOf(context: CliContext, { fromFile }: PurgeOptions) {
  if (fromFile === undefined) return [];
  const name = fromFile === '-' ? 'standard input' : fromFile;
  return parseSelectorLines(await readInput(context.cwd, fromFile), name);
}

/** Hands all batches in, in order. One that is refused ends it; what was accepted before stays. */
async function submitAll(
  context: CliContext,
  access: ApiAccess,
  bodies: readonly Record<string, unknown>[],
  options: PurgeOptions,
): Promise<PurgeStatus[]> {
  const key = options.idempotencyKey ?? context.random.hex(16);
  const accepted: PurgeStatus[] = [];
  for (const [index, body] of bodies.entries()) {
    const each = {
      body,
      key: index === 0 ? key : `${key}.${index + 1}`,
      waitMs: options.wait ?? 0,
    };
    try {
      accepted.push(readStatus(jsonOf(await submitPurge(context, access, each))));
    } catch (error) {
      if (!(error instanceof CommandError) || index === 0) throw error;
      const done = `after ${index} of ${bodies.length} batches were accepted`;
      throw new CommandError(`${done}: ${error.message}`, error.exitCode);
    }
  }
  return accepted;
}

/** Prints what became of one purge; false: it was waited for, and has not converged. */
async function report(
  context: CliContext,
  access: ApiAccess,
  accepted: PurgeStatus,
  options: PurgeOptions & { beganMs: number },
): Promise<boolean> {
  const { terminal, clock } = context;
  const { wait, json, beganMs } = options;
  if (wait === undefined) {
    terminal.progress('');
    terminal.line(json ? JSON.stringify(accepted) : acceptedLine(accepted));
    return true;
  }
  const judged = await waitForAll(context, access, accepted, beganMs + wait);
  const waitedMs = clock.monotonicMs() - beganMs;
  terminal.progress('');
  const warmed = await waitForWarming(context, access, judged, beganMs + wait);
  terminal.progress('');
  const last = await waitForCounts(context, access, warmed);
  const { isConverged, lines } = judgePurge(last, {
    waitedMs,
    nowMs: clock.nowMs(),
    base: access.base,
    acceptsQuarantined: options.acceptQuarantined ?? false,
  });
  if (json) terminal.line(JSON.stringify(last));
  else for (const line of [...lines, ...warmLines(last.warm)]) terminal.line(line);
  return isConverged;
}

/** Done only when every node has answered: what one has not looked at cannot be called nothing. */
async function dryRun(
  { terminal }: CliContext,
  access: ApiAccess,
  bodies: readonly Record<string, unknown>[],
  isJson: boolean,
): Promise<number> {
  const [body, ...more] = bodies;
  // Responses that several batches match would count several times.
  if (more.length > 0) throw usageError('a dry run takes as many selectors as one purge: 1,000');
  const json = { ...body, dryRun: true };
  const parsed = dryRunAnswer.safeParse(
    jsonOf(await askApi(access, '/v1/purges', { method: 'POST', json })),
  );
  if (!parsed.success) throw new CommandError('what answers there knows no dry runs');
  if (isJson) terminal.line(JSON.stringify(parsed.data));
  else for (const line of dryRunLines(parsed.data)) terminal.line(line);
  return parsed.data.nodes.every(({ ok }) => ok) ? exitCodes.done : exitCodes.refused;
}

async function waitForAll(
  { clock, terminal }: CliContext,
  access: ApiAccess,
  accepted: PurgeStatus,
  deadlineMs: number,
): Promise<PurgeStatus> {
  const lookMs = terminal.isWatched ? watchedLookMs : longestLookMs;
  const path = `/v1/purges/${encodeURIComponent(accepted.id)}`;
  let current = accepted;
  while (current.status !== 'converged' && clock.monotonicMs() < deadlineMs) {
    terminal.progress(`purging: ${progressText(current, clock.nowMs())}`);
    const leftMs = Math.ceil(deadlineMs - clock.monotonicMs());
    const wait = Math.max(1, Math.min(lookMs, leftMs));
    const answer = await askApi(access, `${path}?wait=${wait}ms`).catch(connectionProblem);
    if (answer instanceof CommandError) {
      // It is in the journal: a purge-api that is away for a moment will go on with it.
      terminal.progress(`waiting for the purge API: ${answer.message}`);
      await clock.sleep(Math.min(lostPauseMs, leftMs));
    } else current = readStatus(jsonOf(answer));
  }
  return current;
}

/** A warming goes on by itself; who waits is told how far it is, and what came of it. */
async function waitForWarming(
  { clock, terminal }: CliContext,
  access: ApiAccess,
  judged: PurgeStatus,
  deadlineMs: number,
): Promise<PurgeStatus> {
  let current = judged;
  while (current.status === 'converged' && isWarming(current.warm)) {
    if (clock.monotonicMs() >= deadlineMs) break;
    if (current.warm) terminal.progress(`warming: ${warmProgressText(current.warm)}`);
    await clock.sleep(watchedLookMs);
    const answer = await askApi(access, `/v1/purges/${encodeURIComponent(judged.id)}`);
    current = readStatus(jsonOf(answer));
  }
  return current;
}

/** What could not be asked, as a value; anything else is thrown. */
function connectionProblem(error: unknown): CommandError {
  if (error instanceof CommandError && error.cause !== undefined) return error;
  throw error;
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
  return (
    status === 'converged' &&
    nodes.some(({ matched, quarantined }) => matched === null && !quarantined)
  );
}

function readStatus(value: unknown): PurgeStatus {
  const parsed = purgeStatus.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new CommandError('what answers there is no purge API of Breakwater');
}
