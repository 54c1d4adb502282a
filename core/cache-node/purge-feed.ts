/**
 * How purges reach a worker: the main thread posts them on a port of their own and then publishes the generation; the worker
 * takes them from the port synchronously at the start of a read. Both ends stand here because their order is what makes it
 * right: posted first, published second.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { PurgeStateSource } from '../cache/purge-state.ts';
import type { JournalEntry, Position } from '../purge/command.ts';
import { createPurgeIndex, type Normaliser, type PurgeIndex } from '../purge/index.ts';
import { assertNever } from '../runtime/deps.ts';
import type { TopologyWithSecret } from '../topology/secret-file.ts';
import type { SharedState } from './shared-state.ts';

export type FeedChange =
  | { type: 'entries'; entries: readonly JournalEntry[] }
  /** Another journal, or a lost past: everything labelled before counts as hard-purged. */
  | { type: 'reset'; position: Position }
  /** The configuration was read again: what is published after it is read by its rules. */
  | { type: 'topology'; topology: TopologyWithSecret }
  /** No label below `seq` is left on disk: older marks may go. */
  | { type: 'forget'; seq: number };

export interface FeedMessage {
  generation: number;
  change: FeedChange;
}

/** What a worker starts from. */
export interface FeedStart {
  generation: number;
  /** The position before the first of `entries`. */
  start: Position;
  entries: readonly JournalEntry[];
}

/** Distinct marks (URLs, tags, prefixes, hosts) that a worker's index holds; beyond it the floor rises. */
const maxMarks = 200_000;

export interface FeedOptions {
  port: MessagePort;
  shared: SharedState;
  start: FeedStart;
  normalise: () => Normaliser;
  onTopology: (topology: TopologyWithSecret) => void;
  onFloor: () => void;
  onUnreadable: () => void;
  /** Says which generation this worker has applied. */
  onApplied: (generation: number) => void;
}

/** The worker's end. */
export function createPurgeFeed(options: FeedOptions): PurgeStateSource {
  const { port, shared, start } = options;
  const create = (position: Position): PurgeIndex =>
    createPurgeIndex(
      {
        identity: position.identity,
        start: position,
        maxEntries: maxMarks,
        onFloor: options.onFloor,
        onUnreadable: options.onUnreadable,
      },
      {
        url: (text) => options.normalise().url(text),
        prefix: (text) => options.normalise().prefix(text),
      },
    );
  let index = create(start.start);
  for (const entry of start.entries) index.apply(entry);
  let generation = start.generation;
  const apply = (change: FeedChange) => {
    switch (change.type) {
      case 'entries':
        for (const entry of change.entries) {
          if (entry.seq > index.cursor.seq) index.apply(entry);
        }
        break;
      case 'reset':
        index = create(change.position);
        break;
      case 'forget':
        index.forgetThrough(change.seq);
        break;
      case 'topology':
        options.onTopology(change.topology);
        break;
      default:
        return assertNever(change);
    }
    return undefined;
  };
  return {
    isBehind: () => shared.generation() !== generation,
    take() {
      if (shared.generation() === generation) return index;
      for (let got = receiveMessageOnPort(port); got; got = receiveMessageOnPort(port)) {
        const message = got.message as FeedMessage;
        apply(message.change);
        generation = message.generation;
      }
      options.onApplied(generation);
      return index;
    },
  };
}
