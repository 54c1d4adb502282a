/**
 * Warming for a whole node: which responses a purge will match, hottest first, as disk and workers know it together; and the
 * refill after the purge, each response by the worker that owns its key, so that it is fetched once for all of them.
 */
import { fieldsOfVariant } from '../http/variant-fields.ts';
import type { DryRunQuestion } from '../purge/dry-run.ts';
import {
  type HotResponse,
  hottest,
  nameOf,
  type RefillOrder,
  type RefillReport,
  type ResponseName,
  type WarmFinding,
  warmOrderSchema,
} from '../purge/warm.ts';
import { ownerOf } from '../upstream/ring.ts';
import type { WorkerPool } from './worker-pool.ts';
import type { WriterHost } from './writer-host.ts';

export interface WarmNodeDeps {
  pool: Pick<WorkerPool, 'ask'>;
  writer: Pick<WriterHost, 'hottest'> | undefined;
  workers: number;
}

/** Each of two looks, one after the other; purge-api waits for both, and a moment longer. */
const lookLimitMs = 700;
/** Fetches of a node at once, over all its workers. */
const lanesPerNode = 4;
/** What a list may weigh on the wire: a quarter of a message's limit. */
const maxListBytes = 4 * 2 ** 20;

/** Answers purge-api. Throws for an order that is not understood. */
export function createWarmer(
  deps: WarmNodeDeps,
): (order: unknown) => Promise<WarmFinding | RefillReport> {
  return async (body) => {
    const order = warmOrderSchema.parse(body);
    if (order.step === 'find') return find(deps, order.question, order.limit);
    const { step, ...refill } = order;
    return refillAll(deps, refill);
  };
}

async function find(
  { pool, writer, workers }: WarmNodeDeps,
  question: DryRunQuestion,
  limit: number,
): Promise<WarmFinding> {
  const disk = await writer?.hottest(question, limit, lookLimitMs);
  const onDisk = disk?.responses ?? [];
  const looks = Array.from({ length: workers }, async (_, index) => {
    const rest = { question, onDisk, limit, limitMs: lookLimitMs };
    const reply = await pool.ask(
      index,
      (call) => ({ type: 'hottest', call, ...rest }),
      lookLimitMs,
    );
    return reply?.type === 'hottest' ? reply.found : undefined;
  });
  const found = await Promise.all(looks);
  const all = summed(
    onDisk,
    found.flatMap((each) => each?.responses ?? []),
  );
  // Nobody's credentials are repeated, so what was made for them is not refilled.
  const askable = all.filter(({ variant }) => fieldsOfVariant(variant) !== undefined);
  return {
    responses: withinBytes(hottest(askable, limit)),
    isComplete: (disk?.isComplete ?? true) && found.every((each) => each?.isComplete === true),
  };
}

/** The heat of each response over all workers. What is on disk comes first, so that of the same heat the recent ones lead. */
function summed(onDisk: readonly ResponseName[], seen: readonly HotResponse[]): HotResponse[] {
  const byName = new Map<string, HotResponse>();
  for (const response of onDisk) byName.set(nameOf(response), { ...response, heat: 0 });
  for (const response of seen) {
    const known = byName.get(nameOf(response));
    if (known) known.heat += response.heat;
    else byName.set(nameOf(response), { ...response });
  }
  return [...byName.values()];
}

function withinBytes(responses: readonly HotResponse[]): HotResponse[] {
  let bytes = 0;
  const end = responses.findIndex(({ key, variant }) => {
    bytes += key.length + variant.length + 50;
    return bytes > maxListBytes;
  });
  return end === -1 ? [...responses] : responses.slice(0, end);
}

async function refillAll(
  { pool, workers }: WarmNodeDeps,
  { position, responses, limitMs }: RefillOrder,
): Promise<RefillReport> {
  const shares = Array.from({ length: workers }, (): ResponseName[] => []);
  for (const response of responses) shares[ownerOf(response.key, workers)]?.push(response);
  const lanes = Math.max(1, Math.floor(lanesPerNode / workers));
  const reports = await Promise.all(
    shares.map(async (share, index): Promise<RefillReport> => {
      if (share.length === 0) return { done: 0, failed: 0, stopped: false };
      const order = { position, responses: share, limitMs };
      const reply = await pool.ask(
        index,
        (call) => ({ type: 'refill', call, order, lanes }),
        limitMs,
      );
      if (reply?.type === 'refilled') return reply.report;
      return { done: 0, failed: share.length, stopped: true };
    }),
  );
  return {
    done: reports.reduce((sum, { done }) => sum + done, 0),
    failed: reports.reduce((sum, { failed }) => sum + failed, 0),
    stopped: reports.some(({ stopped }) => stopped),
  };
}
