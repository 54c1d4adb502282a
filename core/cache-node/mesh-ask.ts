/**
 * The asking side of the mesh: a miss whose key another worker owns. The answer looks as if an upstream had given it.
 *
 * Invariants: a lost worker fails its asks at once; what is not taken is not granted, so at most `creditBytes` of a body
 * wait in this thread.
 */
import type { MessagePort } from 'node:worker_threads';
import { StoredResponse } from '../cache/entry.ts';
import {
  abortedFailure,
  type BodyBacking,
  type CacheRequest,
  type SourceResult,
} from '../cache/exchange.ts';
import type { BodySink, Failure, OnInterim, ResponseBody } from '../upstream/upstream.ts';
import type { MeshHead, MeshMessage, MeshRequest } from './mesh-messages.ts';

export interface Asker {
  ask(request: CacheRequest, signal: AbortSignal): Promise<SourceResult>;
  receive(message: MeshMessage): void;
  /** The other worker is gone. */
  lose(): void;
}

/** The worker that was asked has ended; the asker then fetches for itself. */
export const lostWorker: Failure = {
  source: 'internal',
  kind: 'unavailable',
  retryable: true,
  cause: 'the worker that owns the key is gone',
};

/** Creates the asking side towards one other worker. */
export function createAsker(port: MessagePort): Asker {
  const asks = new Map<number, Ask>();
  let next = 0;
  return {
    ask(request, signal) {
      if (signal.aborted) return Promise.resolve({ kind: 'failed', failure: abortedFailure });
      next += 1;
      const ask = createAsk(port, next, request.onInterim, () => asks.delete(ask.id));
      asks.set(ask.id, ask);
      signal.addEventListener('abort', () => ask.cancel(), { once: true });
      const message: MeshMessage = { type: 'ask', ask: ask.id, request: plainRequest(request) };
      port.postMessage(message);
      return ask.result;
    },
    receive(message) {
      if ('ask' in message) asks.get(message.ask)?.receive(message);
    },
    lose() {
      for (const ask of [...asks.values()]) ask.lose();
    },
  };
}

function plainRequest(request: CacheRequest): MeshRequest {
  return {
    method: request.method,
    scheme: request.key.scheme,
    host: request.key.host,
    pathAndQuery: request.key.pathAndQuery,
    headers: request.headers,
    forwardHeaders: request.forwardHeaders(),
    directives: request.directives,
    unreached: request.unreached,
    part: request.part,
    isFromUnleased: request.isFromUnleased,
    isRefresh: request.isRefresh,
    wantsInterim: request.onInterim !== undefined,
    wantsHints: request.wantsHints === true,
  };
}

interface Ask {
  readonly id: number;
  readonly result: Promise<SourceResult>;
  receive(message: MeshMessage): void;
  cancel(): void;
  lose(): void;
}

function createAsk(
  port: MessagePort,
  id: number,
  onInterim: OnInterim | undefined,
  forget: () => void,
): Ask {
  const { promise, resolve } = Promise.withResolvers<SourceResult>();
  const post = (message: MeshMessage) => port.postMessage(message);
  const body = createMeshBody(
    (bytes) => post({ type: 'credit', ask: id, bytes }),
    () => {
      forget();
      post({ type: 'cancel', ask: id });
    },
  );
  const backing = createMeshBacking();
  let isBacked = false;
  return {
    id,
    result: promise,
    receive(message) {
      switch (message.type) {
        case 'interim':
          onInterim?.(message.status, message.headers);
          break;
        case 'head':
          if (message.head.kind !== 'streaming') forget();
          else isBacked = message.head.isBacked;
          resolve(resultOf(message.head, body, backing));
          break;
        case 'piece':
          body.push(
            Buffer.from(message.bytes.buffer, message.bytes.byteOffset, message.bytes.length),
          );
          break;
        case 'backing':
          backing.update(message);
          // The row is visible, or it never will be. Its last message may also come before that of the body.
          if (message.state !== 'open' && body.isFinished) forget();
          break;
        case 'end':
          body.finish(undefined);
          if (!isBacked || backing.state !== 'open') forget();
          break;
        case 'cut':
          forget();
          body.finish(cutFailure);
          break;
        default:
          break;
      }
    },
    cancel() {
      forget();
      post({ type: 'cancel', ask: id });
      resolve({ kind: 'failed', failure: abortedFailure });
    },
    lose() {
      forget();
      resolve({ kind: 'failed', failure: lostWorker });
      body.finish(lostWorker);
      backing.update({ rowId: null, committedBytes: 0, state: 'dropped' });
    },
  };
}

const cutFailure: Failure = {
  source: 'upstream',
  kind: 'cut',
  retryable: false,
  cause: 'the transfer in the worker that owns the key was cut',
};

function resultOf(head: MeshHead, body: MeshBody, backing: MeshBacking): SourceResult {
  if (head.kind === 'failed') return head;
  if (head.kind === 'ready') {
    const { buffer, byteOffset, length } = head.body ?? new Uint8Array(0);
    const bytes = head.body === null ? null : Buffer.from(buffer, byteOffset, length);
    return {
      kind: 'ready',
      entry: new StoredResponse(head.init, bytes, head.rowId),
      report: head.report,
      personal: head.personal,
      decided: head.decided,
    };
  }
  body.announce(head.lengthBytes);
  return {
    kind: 'streaming',
    init: head.init,
    body,
    notStored: head.notStored,
    shareable: head.shareable,
    report: head.report,
    personal: head.personal,
    decided: head.decided,
    ...(head.isBacked ? { backing } : {}),
  };
}

interface MeshBody extends ResponseBody {
  /** Everything that will come has come; the sink may not have it yet. */
  readonly isFinished: boolean;
  announce(lengthBytes: number | undefined): void;
  push(piece: Buffer): void;
  /** Ends the body, well (undefined) or not. */
  finish(failure: Failure | undefined): void;
}

/** A body that arrives in messages; bytes are credited when the sink has them, and not while it is paused. */
function createMeshBody(credit: (bytes: number) => void, cancel: () => void): MeshBody {
  let lengthBytes: number | undefined;
  let sink: BodySink | undefined;
  let paused = false;
  let over = false;
  let ended: { failure: Failure | undefined } | undefined;
  let waiting: Buffer[] = [];
  const flow = () => {
    while (sink && !paused && !over) {
      const piece = waiting.shift();
      if (!piece) break;
      sink.data(piece);
      credit(piece.length);
    }
    if (!sink || paused || over || waiting.length > 0 || !ended) return;
    over = true;
    if (ended.failure) sink.fail(ended.failure);
    else sink.end();
  };
  return {
    get lengthBytes() {
      return lengthBytes;
    },
    get isFinished() {
      return ended !== undefined;
    },
    announce(value) {
      lengthBytes = value;
    },
    push(piece) {
      waiting.push(piece);
      flow();
    },
    finish(failure) {
      ended ??= { failure };
      flow();
    },
    start(value) {
      sink = value;
      flow();
    },
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
      flow();
    },
    abort() {
      if (over) return;
      over = true;
      waiting = [];
      cancel();
    },
  };
}

type BackingProgress = Pick<BodyBacking, 'rowId' | 'committedBytes' | 'state'>;
type MeshBacking = BodyBacking & { update(progress: BackingProgress): void };

function createMeshBacking(): MeshBacking {
  const backing = {
    rowId: null as number | null,
    committedBytes: 0,
    pendingBytes: 0,
    state: 'open' as BackingProgress['state'],
    onProgress: null as (() => void) | null,
    update(progress: BackingProgress) {
      backing.rowId = progress.rowId;
      backing.committedBytes = progress.committedBytes;
      backing.state = progress.state;
      backing.onProgress?.();
    },
  };
  return backing;
}
