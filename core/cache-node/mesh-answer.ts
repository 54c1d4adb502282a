/**
 * The answering side of the mesh: another worker asks for a key that this one owns. The request goes through the same `obtain` as
 * a client's, and the body is sent as the asker grants credit.
 */
import type { MessagePort } from 'node:worker_threads';
import { initOf } from '../cache/entry.ts';
import type { BodyBacking, CacheRequest, Decided } from '../cache/exchange.ts';
import type { Answer } from '../cache/obtain.ts';
import type { Failure } from '../upstream/upstream.ts';
import { creditBytes, type MeshHead, type MeshMessage, type MeshRequest } from './mesh-messages.ts';

export interface AnswerDeps {
  /** The request on this side; undefined: its host is not (or no longer) served. */
  revive: (request: MeshRequest) => CacheRequest | undefined;
  obtain: (request: CacheRequest) => Answer | Promise<Answer>;
}

export interface Answerer {
  receive(message: MeshMessage): void;
  /** The asker is gone: its transfers end. */
  lose(): void;
}

type Streaming = Extract<Answer, { kind: 'streaming' }>;

interface Transfer {
  credit(bytes: number): void;
  cancel(): void;
}

/** Creates the answering side towards one other worker. */
export function createAnswerer(deps: AnswerDeps, port: MessagePort): Answerer {
  const transfers = new Map<number, Transfer>();
  /** Asks without an answer yet; false: cancelled meanwhile. */
  const pending = new Map<number, boolean>();
  const post = (message: MeshMessage, moved: ArrayBuffer[] = []) =>
    port.postMessage(message, moved);

  const answer = async (ask: number, plain: MeshRequest) => {
    const request = deps.revive(plain);
    if (!request) {
      post({ type: 'head', ask, head: { kind: 'failed', failure: unknownHost } });
      return;
    }
    pending.set(ask, true);
    request.wantsHints = plain.wantsHints;
    if (plain.wantsInterim) {
      request.onInterim = (status, headers) => {
        if (pending.get(ask)) post({ type: 'interim', ask, status, headers });
      };
    }
    const got = await deps.obtain(request);
    const isWanted = pending.get(ask);
    pending.delete(ask);
    if (!isWanted) {
      if (got.kind === 'streaming') got.leave();
      return;
    }
    if (got.kind !== 'streaming') {
      post({ type: 'head', ask, head: headOf(got) });
      return;
    }
    const rows = watchRows(got.flight);
    post({ type: 'head', ask, head: headOfStream(got, rows.isBacked) });
    const forget = () => transfers.delete(ask);
    const transfer = startTransfer(ask, got, post, forget);
    if (transfer) transfers.set(ask, transfer);
    rows.listen(({ rowId, committedBytes, state }) => {
      post({ type: 'backing', ask, rowId, committedBytes, state });
    });
  };

  return {
    receive(message) {
      switch (message.type) {
        case 'ask':
          void answer(message.ask, message.request);
          break;
        case 'credit':
          transfers.get(message.ask)?.credit(message.bytes);
          break;
        case 'cancel':
          // A cancel may cross the end of what it cancels: then there is nothing to do.
          if (pending.has(message.ask)) pending.set(message.ask, false);
          transfers.get(message.ask)?.cancel();
          break;
        default:
          break;
      }
    },
    lose() {
      for (const ask of pending.keys()) pending.set(ask, false);
      for (const transfer of [...transfers.values()]) transfer.cancel();
    },
  };
}

const unknownHost = {
  source: 'internal',
  kind: 'unavailable',
  retryable: true,
  cause: 'the workers of the node know different sites for a moment',
} as const;

/** The asker wanted only what is stored. */
const notHeld: Failure = {
  source: 'internal',
  kind: 'unavailable',
  retryable: false,
  cause: 'nothing that may be used is stored',
};

function headOf(answer: Exclude<Answer, Streaming>): MeshHead {
  switch (answer.kind) {
    case 'failed':
      return { kind: 'failed', failure: answer.failure };
    case 'stored':
      return {
        kind: 'ready',
        init: initOf(answer.entry),
        rowId: answer.entry.rowId,
        body: answer.entry.body,
        report: answer.report,
        personal: answer.personal,
        decided: decidedOf(answer),
      };
    case 'only-if-cached':
      return { kind: 'failed', failure: notHeld };
    default:
      // The asker has decided that this is a fetch; by the same rules the owner cannot find otherwise.
      return { kind: 'failed', failure: unknownHost };
  }
}

function headOfStream(answer: Streaming, isBacked: boolean): MeshHead {
  const { entry, head, flight } = answer;
  return {
    kind: 'streaming',
    init: initOf(entry),
    notStored: head.notStored,
    shareable: head.shareable,
    lengthBytes: flight.isComplete() ? entry.bodyBytes : head.lengthBytes,
    isBacked,
    report: head.report,
    personal: answer.personal,
    decided: decidedOf(answer),
  };
}

function decidedOf(answer: Extract<Answer, { kind: 'stored' | 'streaming' }>): Decided {
  return {
    disposition: answer.disposition,
    collapsed: answer.collapsed,
    ...(answer.waitedInVain ? { waitedInVain: true } : {}),
    revalidated: answer.kind === 'stored' && answer.revalidated,
    ...(answer.kind === 'stored' && answer.failure ? { failure: answer.failure } : {}),
  };
}

/** Whether rows stand behind a body, and a way to hear of their progress once the asker has the head. */
function watchRows(flight: Streaming['flight']): {
  isBacked: boolean;
  listen(listener: (rows: BodyBacking) => void): void;
} {
  let latest: BodyBacking | undefined;
  let tell: ((rows: BodyBacking) => void) | undefined;
  flight.watchBacking((rows) => {
    latest = rows;
    tell?.(rows);
  });
  return {
    isBacked: latest !== undefined,
    listen(listener) {
      tell = listener;
      if (latest) listener(latest);
    },
  };
}

function startTransfer(
  ask: number,
  { flight, leave }: Streaming,
  post: (message: MeshMessage, moved?: ArrayBuffer[]) => void,
  forget: () => void,
): Transfer | undefined {
  const reader = flight.read(0, Number.POSITIVE_INFINITY);
  if (!reader) {
    post({ type: 'cut', ask });
    leave();
    return undefined;
  }
  let credit = creditBytes;
  // What is left of a piece that was larger than the credit.
  let held: Buffer | undefined;
  let over = false;
  const finish = (type: 'end' | 'cut' | undefined) => {
    if (over) return;
    over = true;
    if (type) post({ type, ask });
    reader.close();
    leave();
    forget();
  };
  const pump = () => {
    while (!over && credit > 0) {
      const piece = held ?? reader.take();
      if (piece) {
        held = piece.length > credit ? piece.subarray(credit) : undefined;
        const fitting = piece.subarray(0, credit);
        credit -= fitting.length;
        sendPiece(ask, fitting, post);
        continue;
      }
      if (reader.state !== 'open') return finish(reader.state === 'ended' ? 'end' : 'cut');
      reader.onReadable = pump;
      return undefined;
    }
    return undefined;
  };
  pump();
  return over
    ? undefined
    : {
        credit(bytes) {
          const wasDry = credit <= 0;
          credit += bytes;
          if (wasDry) pump();
        },
        cancel: () => finish(undefined),
      };
}

/** Copies the piece: it may be a slice of what others read as well, and only whole buffers can be moved. */
function sendPiece(
  ask: number,
  piece: Buffer,
  post: (message: MeshMessage, moved?: ArrayBuffer[]) => void,
): void {
  const bytes = new Uint8Array(piece.length);
  bytes.set(piece);
  post({ type: 'piece', ask, bytes }, [bytes.buffer]);
}
