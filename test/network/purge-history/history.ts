/**
 * What happened to a network, as those outside of it saw it: clients, whoever purges, and the origin. One clock timed it all: the
 * milliseconds of the process that recorded.
 */

/** The origin answers with this version of a URL to requests that reach it from now on, and never before. */
export interface Change {
  url: string;
  version: number;
  atMs: number;
}

export interface Purge {
  /** Null: nobody knows whether it was accepted, because no answer came. */
  id: string | null;
  seq: number | null;
  soft: boolean;
  /** The URLs that its selectors match. */
  matches: string[];
  sentAtMs: number;
  acceptedAtMs: number | null;
  /** When an answer said so; its nodes that were quarantined, at that time. */
  convergedAtMs: number | null;
  quarantined: string[];
  /** When an answer first said that the node has acknowledged it. */
  acknowledged: { node: string; atMs: number }[];
}

export interface Read {
  node: string;
  url: string;
  begunAtMs: number;
  endedAtMs: number;
  /** The versions that the body is made of; more than one is wrong already. */
  versions: number[];
  /** Said to be stale (`X-Cache: STALE`). */
  isStale: boolean;
  /** Said to be stale because the node holds no lease and the origin could not be asked (`detail=no-lease`). */
  isUnvalidated: boolean;
  /** For whoever looks at a violation. */
  cacheStatus: string;
}

/** What a node said of itself: first whether it is ready, then, later, how far it is. */
export interface Sighting {
  node: string;
  begunAtMs: number;
  endedAtMs: number;
  isReady: boolean;
  seq: number;
}

/** A process of the node was started; `how` says how the one before it ended. */
export interface Start {
  node: string;
  atMs: number;
  how: string;
}

export interface Position {
  identity: string;
  seq: number;
  hash: string;
}

/** How it stood when all faults were healed and nothing moved any more. */
export interface End {
  head: Position;
  /** By node; null: it follows no position. */
  positions: Record<string, Position | null>;
  /** What the journal holds. */
  entries: { seq: number; id: string }[];
}

export interface History {
  changes: Change[];
  purges: Purge[];
  reads: Read[];
  sightings: Sighting[];
  starts: Start[];
  end: End;
}
