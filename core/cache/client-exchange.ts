/**
 * One request under way: what it came with, what the engine needs to answer it, and the line in the access log that it ends
 * with. Handed to every step that speaks to the client.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { combined } from '../http/headers.ts';
import type { Position } from '../purge/command.ts';
import type { Clock } from '../runtime/deps.ts';
import type { AccessRecord } from './access-log.ts';
import type { AdmitDeps, Admitted } from './admit.ts';
import { onGone } from './deliver.ts';
import type { Invalidate, ObtainDeps } from './obtain.ts';

export interface HandleDeps {
  clock: Clock;
  nodeId: string;
  /** Edges name themselves to clients; shields do not. */
  role: 'edge' | 'shield';
  admit: AdmitDeps;
  obtain: ObtainDeps;
  access: (record: AccessRecord) => void;
  /** True while the node is being stopped: connections are not kept. */
  isDraining: () => boolean;
  /** RFC 9111 §4.4, RFC 9875 §3. */
  invalidate: Invalidate;
  /** A response named so many groups more than are invalidated. */
  onGroupsLeftOut: (count: number) => void;
  /** A short random text for multipart bodies. */
  boundary: () => string;
  /** An interim response was sent to whoever asked, or could not be. */
  onInterim: (outcome: 'sent' | 'unsendable') => void;
}

export interface ClientExchange {
  readonly deps: HandleDeps;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Undefined until the head has been judged; stays so when it was refused. */
  admitted: Admitted | undefined;
  readonly startedMs: number;
}

/** A request that was let in. */
export type AdmittedExchange = ClientExchange & {
  admitted: Admitted;
  /** The cursor when the read began, where it is told: to tiers, and to clients with the debug token. */
  cursor?: Position;
};

export function openExchange(
  deps: HandleDeps,
  req: IncomingMessage,
  res: ServerResponse,
): ClientExchange {
  return { deps, req, res, admitted: undefined, startedMs: deps.clock.monotonicMs() };
}

/** A signal that is aborted when the client is gone, or its answer has been sent. Made when it is asked for. */
export function goneSignal({ res }: ClientExchange): AbortSignal {
  const gone = new AbortController();
  if (res.destroyed) gone.abort();
  else onGone(res, () => gone.abort());
  return gone.signal;
}

type Told = Pick<AccessRecord, 'xCache' | 'cacheStatus' | 'from' | 'failure'>;

/** To be called when the head is sent; the returned call writes the line. */
export function accessStart(
  { deps, req, admitted, startedMs }: ClientExchange,
  told: Told,
): (result: { status: number; sentBytes: number; complete: boolean }) => void {
  const headMs = deps.clock.monotonicMs();
  return (result) => {
    deps.access({
      requestId: admitted?.requestId ?? '-',
      client: admitted?.clientAddress ?? req.socket.remoteAddress ?? '-',
      method: req.method ?? '-',
      host: admitted?.request.key.host ?? combined(req.rawHeaders, 'host') ?? '-',
      path: admitted?.request.key.pathAndQuery ?? (req.url ?? '-').slice(0, 200),
      status: result.status,
      ...told,
      sentBytes: result.sentBytes,
      firstByteMs: round(headMs - startedMs),
      totalMs: round(deps.clock.monotonicMs() - startedMs),
      tier: admitted?.tier?.id ?? null,
      ...(result.complete ? {} : { cut: true as const }),
    });
  };
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
