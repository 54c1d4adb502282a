/**
 * What workers have asked of the writer and is not committed yet: jobs in the order of their arrival, and the writes that
 * are open. It refuses what would exceed a bound, at once and with an answer.
 *
 * Invariants: the bytes of waiting jobs never exceed `maxQueueBytes`; a write that is over (stored, dropped, aborted) gets no
 * further answer, and what is still queued of it is skipped; removals are never refused.
 */
import { assertNever } from '../runtime/deps.ts';
import { chunkBytes, type DropReason, type FromWriter, type ToWriter } from './disk-messages.ts';
import type { StoredResponseInit } from './entry.ts';
import type { HostGroups } from './host-groups.ts';
import { baseKey } from './part.ts';

/** Rows that a removal by groups, or of a URL with its parts, takes in one batch: purges must not wait for thousands of them. */
export const groupRowsAtOnce = 500;

/** A worker, as the writer sees it. */
export interface WriterPort {
  post(message: FromWriter): void;
}

/** A body that is being written. */
export interface OpenWrite {
  readonly port: WriterPort;
  readonly number: number;
  readonly key: string;
  /** The writer's cursor when it began. */
  readonly beganSeq: number;
  /** Bytes that have arrived. */
  receivedBytes: number;
  /** Bytes and chunks that are in the file, or will be with the next commit. */
  writtenBytes: number;
  chunks: number;
  /** Set with the first chunk. */
  rowId: number | null;
  /** Whether its row is listed as an orphan, committed. */
  isListed: boolean;
  isOver: boolean;
}

export interface RemoveJob {
  type: 'remove';
  keys: readonly string[];
  groups: HostGroups | undefined;
  onRemoved: () => void;
}

export type Job =
  | { type: 'chunk'; write: OpenWrite; bytes: Uint8Array }
  | { type: 'finish'; write: OpenWrite; init: StoredResponseInit; maxVariants: number }
  | { type: 'abort'; write: OpenWrite }
  | RemoveJob
  | Extract<ToWriter, { type: 'update' | 'touch' | 'damaged' }>;

export interface WriteQueueOptions {
  maxQueueBytes: number;
  /** Jobs waiting; reached only by jobs that are never refused, which then ask for a flush. */
  maxJobs: number;
  maxOpenWrites: number;
  maxObjectBytes: number;
  /** Bytes of all open writes. */
  maxOpenBytes: number;
  cursorSeq(): number;
  /** A write is over without being stored; its listed chunks are rubbish. */
  onDropped(write: OpenWrite, why: DropReason): void;
  /** An update or a touch was ignored because the queue was full. */
  onIgnored(): void;
  onDamagedFile(generation: number): void;
  /** Something was queued; `isAwaited`: somebody's answer depends on its commit. */
  onQueued(isAwaited: boolean): void;
}

export interface WriteQueue {
  connect(port: WriterPort): WriterConnection;
  /** Takes jobs off the front: about `maxWork` rows, and no more than `maxBytes` unless the first alone has more. */
  take(maxBytes: number, maxWork: number): Job[];
  /** Puts removals back to the front: their commit failed, or they have not removed everything yet. */
  putBack(jobs: readonly Job[]): void;
  /** Says that a write was stored: it is over. */
  close(write: OpenWrite): void;
  /** Ends a write with an answer to its worker. */
  drop(write: OpenWrite, why: DropReason): void;
  dropAll(why: DropReason): void;
  tell(message: FromWriter): void;
  readonly openWrites: ReadonlySet<OpenWrite>;
  readonly bytes: number;
  readonly length: number;
  readonly isFull: boolean;
}

export interface WriterConnection {
  receive(message: ToWriter): void;
  /** The worker is gone: its open writes are rubbish. */
  disconnect(): void;
}

export function createWriteQueue(options: WriteQueueOptions): WriteQueue {
  let jobs: Job[] = [];
  let bytes = 0;
  let openBytes = 0;
  const openWrites = new Set<OpenWrite>();
  const connections = new Map<WriterPort, Map<number, OpenWrite>>();

  const end = (write: OpenWrite) => {
    write.isOver = true;
    if (!openWrites.delete(write)) return;
    openBytes -= write.receivedBytes;
    connections.get(write.port)?.delete(write.number);
  };
  const drop = (write: OpenWrite, why: DropReason) => {
    if (write.isOver) return;
    end(write);
    write.port.post({ type: 'dropped', write: write.number, why });
    options.onDropped(write, why);
  };
  const push = (job: Job) => {
    jobs.push(job);
    bytes += bytesOf(job);
    options.onQueued(job.type === 'remove');
  };
  const hasRoom = (more: number) => bytes + more <= options.maxQueueBytes;
  const pushIfRoom = (job: Job) => {
    if (hasRoom(bytesOf(job)) && jobs.length < options.maxJobs) push(job);
    else options.onIgnored();
  };
  const begin = (port: WriterPort, number: number, key: string) => {
    const write = createWrite(port, number, key, options.cursorSeq());
    if (openWrites.size >= options.maxOpenWrites) return drop(write, 'queue-full');
    openWrites.add(write);
    connections.get(port)?.set(number, write);
  };
  const chunk = (write: OpenWrite, piece: Uint8Array) => {
    const isWhole = write.receivedBytes % chunkBytes === 0 && piece.length <= chunkBytes;
    if (!isWhole || piece.length === 0) return drop(write, 'error');
    if (write.receivedBytes + piece.length > options.maxObjectBytes)
      return drop(write, 'too-large');
    const isRoom = hasRoom(piece.length) && openBytes + piece.length <= options.maxOpenBytes;
    if (!isRoom) return drop(write, 'queue-full');
    write.receivedBytes += piece.length;
    openBytes += piece.length;
    push({ type: 'chunk', write, bytes: piece });
  };
  const finish = (write: OpenWrite, message: Extract<ToWriter, { type: 'finish' }>) => {
    const { init, maxVariants } = message;
    const isWhole = init.bodyBytes === write.receivedBytes && init.key === write.key;
    if (!isWhole) return drop(write, 'error');
    const job: Job = { type: 'finish', write, init, maxVariants };
    if (hasRoom(bytesOf(job))) push(job);
    else drop(write, 'queue-full');
  };
  const remove = (
    port: WriterPort,
    { keys, groups, call }: Extract<ToWriter, { type: 'remove' }>,
  ) => {
    // What is being fetched may be from before the request that changed the target.
    const named = new Set(keys);
    for (const write of [...openWrites]) if (named.has(baseKey(write.key))) drop(write, 'purged');
    const onRemoved = () => port.post({ type: 'removed', call });
    push({ type: 'remove', keys, groups, onRemoved });
  };
  const receive = (port: WriterPort, message: ToWriter) => {
    const writes = connections.get(port);
    switch (message.type) {
      case 'begin':
        return begin(port, message.write, message.key);
      case 'chunk': {
        const write = writes?.get(message.write);
        return write && chunk(write, message.bytes);
      }
      case 'finish': {
        const write = writes?.get(message.write);
        return write && finish(write, message);
      }
      case 'abort': {
        const write = writes?.get(message.write);
        return write && push({ type: 'abort', write });
      }
      case 'remove':
        return remove(port, message);
      case 'damaged':
      case 'touch':
      case 'update':
        return pushIfRoom(message);
      case 'damaged-file':
        return options.onDamagedFile(message.generation);
      default:
        return assertNever(message);
    }
  };
  return {
    connect(port) {
      connections.set(port, new Map());
      return {
        receive: (message) => void receive(port, message),
        disconnect() {
          for (const write of [...(connections.get(port)?.values() ?? [])]) drop(write, 'error');
          connections.delete(port);
        },
      };
    },
    take(maxBytes, maxWork) {
      let count = 0;
      let taken = 0;
      let work = 0;
      for (const job of jobs) {
        const more = bytesOf(job);
        if (work >= maxWork || (count > 0 && taken + more > maxBytes)) break;
        count += 1;
        taken += more;
        work += workOf(job);
      }
      const batch = jobs.slice(0, count);
      jobs = jobs.slice(count);
      bytes -= taken;
      return batch;
    },
    putBack(failed) {
      jobs = [...failed, ...jobs];
      for (const job of failed) bytes += bytesOf(job);
    },
    close: end,
    drop,
    dropAll(why) {
      for (const write of [...openWrites]) drop(write, why);
    },
    tell(message) {
      for (const port of connections.keys()) port.post(message);
    },
    openWrites,
    get bytes() {
      return bytes;
    },
    get length() {
      return jobs.length;
    },
    get isFull() {
      return jobs.length >= options.maxJobs;
    },
  };
}

function createWrite(port: WriterPort, number: number, key: string, beganSeq: number): OpenWrite {
  return {
    port,
    number,
    key,
    beganSeq,
    receivedBytes: 0,
    writtenBytes: 0,
    chunks: 0,
    rowId: null,
    isListed: false,
    isOver: false,
  };
}

/** Rows that a job writes; a touch rewrites a few integers only. */
function workOf(job: Job): number {
  if (job.type === 'touch') return Math.ceil(job.rowIds.length / 4);
  if (job.type !== 'remove') return 1;
  return job.keys.length + (job.groups ? groupRowsAtOnce : 0);
}

/** About the memory that a waiting job takes. */
function bytesOf(job: Job): number {
  switch (job.type) {
    case 'chunk':
      return 200 + job.bytes.length;
    case 'finish':
    case 'update':
      return 1000 + initBytes(job.init);
    case 'abort':
      return 100;
    case 'remove':
      return [...job.keys, ...(job.groups?.groups ?? [])].reduce(
        (sum, text) => sum + text.length,
        100,
      );
    case 'touch':
    case 'damaged':
      return 100 + 8 * job.rowIds.length;
    default:
      return assertNever(job);
  }
}

function initBytes(init: StoredResponseInit): number {
  let bytes = 2 * init.key.length;
  for (const text of init.headers) bytes += text.length;
  for (const tag of init.tags) bytes += tag.length;
  return bytes;
}
