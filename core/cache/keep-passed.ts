/**
 * The answer to a POST that is stored for later GETs (RFC 9110 §9.3.3): a 200 that names its own lifetime, and whose
 * Content-Location says that it is a representation of the target. It goes the way of a flight, to memory and disk, while it goes
 * to its client.
 *
 * Invariants: it counts as under way from before its request was sent, so that another change meanwhile forbids it; the client
 * has the end of it only when every worker finds it.
 */
import type { Position } from '../purge/command.ts';
import type { Clock } from '../runtime/deps.ts';
import type { UpstreamResponse } from '../upstream/upstream.ts';
import type { BodyReader } from './body-reader.ts';
import { StoredResponse } from './entry.ts';
import type { CacheRequest } from './exchange.ts';
import { holdEnd } from './held-end.ts';
import { isOfTarget } from './invalidated.ts';
import type { KeySpace } from './key.ts';
import type { ObtainDeps } from './obtain.ts';
import { received } from './receive.ts';
import { startTransfer, type Transfer } from './transfer.ts';
import type { IsMeant, Tracked } from './under-way.ts';

/** An answer on its way to its client. */
export interface PassingBody {
  reader: BodyReader;
  close: () => void;
}

export interface Keeping {
  /** To be spared by the invalidation that the answer itself brings. */
  readonly tracked: Tracked;
  /** Stores the answer while it passes; undefined: it is not to be stored, and its body untouched. */
  keep(response: UpstreamResponse, epoch: Position): PassingBody | undefined;
  /** It is not stored. */
  giveUp(): void;
}

/** The client waits no longer for its answer to be found by others. */
const holdMs = 1000;

/** Begins for a request that is about to be sent; undefined: its method's answers are not stored. */
export function beginKeeping(
  deps: ObtainDeps,
  request: CacheRequest,
  keySpace: KeySpace,
): Keeping | undefined {
  if (request.method !== 'POST') return undefined;
  let isForbidden = false;
  let onForbidden = () => {};
  const invalidated: IsMeant[] = [];
  const { text: key, host } = request.key;
  const tracked = deps.coalescer.underWay.begin({
    key,
    host,
    forbid(isMeant) {
      if (isMeant) return void invalidated.push(isMeant);
      isForbidden = true;
      onForbidden();
    },
  });
  return {
    tracked,
    keep(response, epoch) {
      const entry = entryForGet(deps, request, response, epoch, keySpace);
      if (!entry || isForbidden || invalidated.some((isMeant) => isMeant(entry))) {
        tracked.over();
        return undefined;
      }
      tracked.tell(entry.tags);
      const transfer = startTransfer(deps.flights, {
        body: response.body,
        entry,
        mayStore: () => !isForbidden,
        maxVariants: request.key.site.cache.vary.maxVariants,
        writesToDisk: true,
        backing: undefined,
        onSettled: tracked.over,
      });
      const passing = passingOf(deps.clock, transfer, response.body.lengthBytes);
      onForbidden = passing.release;
      return passing;
    },
    giveUp: tracked.over,
  };
}

/** What a GET would be answered with from now on; undefined: this answer is none, or may not be stored. */
function entryForGet(
  deps: ObtainDeps,
  request: CacheRequest,
  response: UpstreamResponse,
  epoch: Position,
  keySpace: KeySpace,
): StoredResponse | undefined {
  if (response.status !== 200 || !isOfTarget(response.headers, request.key, keySpace)) {
    return undefined;
  }
  const asGet = { ...request, method: 'GET' };
  const result = received(asGet, response, epoch, deps.maxObjectBytes);
  const isToBeStored =
    result.kind === 'streaming' && result.notStored === null && result.init.freshness.explicit;
  return isToBeStored ? new StoredResponse(result.init, null, null) : undefined;
}

/** The client's end of the transfer. Where a row is written, the end waits until it is visible to all workers. */
function passingOf(
  clock: Clock,
  transfer: Transfer,
  lengthBytes: number | undefined,
): PassingBody & { release: () => void } {
  const inner = transfer.read(0, Number.POSITIVE_INFINITY);
  if (!inner) throw new Error('an empty spool has a beginning');
  const limit = new AbortController();
  const held = holdEnd(inner, lengthBytes, () => {
    void clock.sleep(holdMs, limit.signal).then(held.release);
  });
  const release = () => {
    limit.abort();
    held.release();
  };
  let isBacked = false;
  transfer.watchBacking(({ state }) => {
    isBacked = true;
    if (state !== 'open') release();
  });
  if (!isBacked) release();
  return {
    reader: held.reader,
    release,
    close() {
      limit.abort();
      held.reader.close();
      transfer.abandon();
    },
  };
}
