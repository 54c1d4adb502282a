/**
 * The answering side of the mesh: another worker asks for a key that this one owns. The request goes through the same `obtain` as
 * a client's, and the body is sent as the asker grants credit.
 */
import type { MessagePort } from 'node:worker_threads';
import { initOf } from '../cache/entry.ts';
import type { BodyBacking, CacheRequest, Decided } from '../cache/exchange.ts';
import type { Answer } from '../cache/obtain.ts';
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

interface Transfer {
  credit(bytes: number): void;
  cancel(): void;
}

/** Creates the answering side towards one other worker. */
export function createAnswerer(deps: AnswerDeps, port: MessagePort): Answerer {
  const transfers = new Map<number, Transfer>();
  const cancelled = new Set<number>();
  const post = (message: MeshMessage, moved: ArrayBuffer[] = []) =>
    port.postMessage(message, moved);

  const answer = async (ask: number, plain: MeshRequest) => {
    const request = deps.revive(plain);
    if (!request) {
      post({ type: 'head', ask, head: { kind: 'failed', failure: unknownHost } });
      return;
    }
    const got = await deps.obtain(request);
    post({ type: 'head', ask, head: headOf(got) });
    if (got.kind !== 'streaming') return;
    if (cancelled.delete(ask)) {
      got.leave();
      return;
    }
    const forget = () => transfers.delete(ask);
    const transfer = startTransfer(ask, got, post, forget);
    if (transfer) transfers.set(ask, transfer);
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
        case 'cancel': {
          const transfer = transfers.get(message.ask);
          if (transfer) transfer.cancel();
          else if (cancelled.size < 10_000) cancelled.add(message.ask);
          break;
        }
        default:
          break;
      }
    },
    lose() {
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

function headOf(answer: Answer): MeshHead {
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
        decided: decidedOf(answer),
      };
    case 'streaming':
      return {
        kind: 'streaming',
        init: initOf(answer.entry),
        notStored: answer.head.notStored,
        shareable: answer.head.shareable,
        lengthBytes: answer.flight.isComplete() ? answer.entry.bodyBytes : answer.head.lengthBytes,
        report: answer.head.report,
        decided: decidedOf(answer),
      };
    default:
      // The asker has decided that this is a fetch; by the same rules the owner cannot find otherwise.
      return { kind: 'failed', failure: unknownHost };
  }
}

function decidedOf(answer: Extract<Answer, { kind: 'stored' | 'streaming' }>): Decided {
  return {
    disposition: answer.disposition,
    collapsed: answer.collapsed,
    revalidated: answer.kind === 'stored' && answer.revalidated,
  };
}

function startTransfer(
  ask: number,
  { flight, leave }: Extract<Answer, { kind: 'streaming' }>,
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
      const piece = reader.take();
      if (piece) {
        credit -= piece.length;
        sendPiece(ask, piece, post);
        continue;
      }
      if (reader.state !== 'open') return finish(reader.state === 'ended' ? 'end' : 'cut');
      reader.onReadable = pump;
      return undefined;
    }
    return undefined;
  };
  flight.watchBacking(({ rowId, committedBytes, state }: BodyBacking) => {
    post({ type: 'backing', ask, rowId, committedBytes, state });
  });
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
