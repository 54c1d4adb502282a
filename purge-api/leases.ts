/**
 * The leases of the caching nodes as purge-api counts them: from the receipt of a renewal, by whichever clock has gone less far,
 * and for longer than the node does, so that whoever counts as without a lease here has none there (DESIGN section 4).
 *
 * Invariants: nobody is without one for certain before the longest lease has passed since purge-api started, unless the node
 * has said hello; no grant while another instance of the same id may hold one; an instance that is dead for certain holds none.
 */
import type { Clock } from '../core/runtime/deps.ts';

/** By how much the clocks of two machines may drift apart. */
const drift = 0.05;

/** How long purge-api waits before it takes a lease of `leaseMs` for run out. */
export function longestLeaseMs(leaseMs: number): number {
  return (leaseMs * (1 + drift)) / (1 - drift);
}

export interface Leases {
  /** The length of every lease, as the nodes are told it. */
  readonly leaseMs: number;
  /** A hello: `succeeds` are instances that are dead for certain. */
  hello(id: string, instance: string, succeeds: readonly string[]): void;
  /** The instance has asked for a lease by its renewal `version` (0: the hello). */
  asked(id: string, instance: string, version: number): void;
  /** The renewal that may be granted now; undefined: none has been asked for, or another instance may hold a lease. */
  askedBy(id: string): number | undefined;
  /** The lease that was asked for last is given. */
  granted(id: string): void;
  /** The instance has given its lease up. */
  ended(id: string, instance: string): void;
  /** Whether this instance may hold a lease at this moment. */
  mayHold(id: string, instance: string | null): boolean;
  /** Whether any other instance of the id may. */
  mayOtherHold(id: string, instance: string | null): boolean;
  /** Until when this instance holds its lease at the latest, milliseconds since 1970; null: it holds none. */
  untilMs(id: string, instance: string | null): number | null;
  /** Whether a moment lies so long back that a lease granted then has run out. */
  hasLapsed(since: Moment): boolean;
  now(): Moment;
}

export interface Moment {
  monotonicMs: number;
  wallMs: number;
}

/** Who held the lease of an id last, in whatever process of purge-api: it may hold it still when purge-api starts anew. */
export interface LeaseHolders {
  /** Undefined: nobody that is remembered. */
  holder(id: string): string | undefined;
  /** To be durable when it returns. */
  holds(id: string, instance: string): void;
}

/** Whoever held a lease when purge-api started and is not remembered: it may be any instance, until the node says hello. */
const unknownInstance = '';

const forgetful: LeaseHolders = { holder: () => undefined, holds: () => {} };

interface Book {
  /** By instance: the receipt of the last renewal that was granted. */
  granted: Map<string, Moment>;
  asked: { instance: string; version: number; at: Moment } | undefined;
}

/** Creates the book of a purge-api that starts now; `holders` remembers what the one before it granted. */
export function createLeases(
  clock: Clock,
  leaseMs: number,
  holders: LeaseHolders = forgetful,
): Leases {
  const books = new Map<string, Book>();
  const limitMs = longestLeaseMs(leaseMs);
  const now = () => ({ monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() });
  const startedAt = now();
  const bookOf = (id: string): Book => {
    const known = books.get(id);
    if (known) return known;
    const holder = holders.holder(id) ?? unknownInstance;
    const book: Book = { granted: new Map([[holder, startedAt]]), asked: undefined };
    books.set(id, book);
    return book;
  };
  const hasLapsed = (since: Moment) => elapsedMs(since, now()) >= limitMs;
  const heldBy = (id: string): string[] => {
    const { granted } = bookOf(id);
    for (const [instance, since] of granted) if (hasLapsed(since)) granted.delete(instance);
    return [...granted.keys()];
  };
  const mayOtherHold = (id: string, instance: string | null) =>
    heldBy(id).some((holder) => holder !== instance);
  return {
    leaseMs,
    hello(id, instance, succeeds) {
      const { granted } = bookOf(id);
      const unknown = granted.get(unknownInstance);
      granted.delete(unknownInstance);
      if (unknown && !granted.has(instance)) granted.set(instance, unknown);
      for (const dead of succeeds) granted.delete(dead);
    },
    asked(id, instance, version) {
      bookOf(id).asked = { instance, version, at: now() };
    },
    askedBy(id) {
      const { asked } = bookOf(id);
      return asked && !mayOtherHold(id, asked.instance) ? asked.version : undefined;
    },
    granted(id) {
      const book = bookOf(id);
      if (!book.asked) return;
      const { instance, at } = book.asked;
      // Before it is granted: a purge-api that starts anew must not take another process for the one that holds it.
      if (holders.holder(id) !== instance) holders.holds(id, instance);
      book.granted.set(instance, at);
      book.asked = undefined;
    },
    ended(id, instance) {
      const book = bookOf(id);
      book.granted.delete(instance);
      if (book.asked?.instance === instance) book.asked = undefined;
    },
    mayHold: (id, instance) => instance !== null && heldBy(id).includes(instance),
    mayOtherHold,
    untilMs(id, instance) {
      if (instance === null || !heldBy(id).includes(instance)) return null;
      const since = bookOf(id).granted.get(instance);
      return since ? since.wallMs + limitMs : null;
    },
    hasLapsed,
    now,
  };
}

/** The smaller of both clocks; where the wall clock was set back, the monotonic one, which never runs ahead of the time. */
function elapsedMs(since: Moment, now: Moment): number {
  const byMonotonic = now.monotonicMs - since.monotonicMs;
  const byWall = now.wallMs - since.wallMs;
  return byWall < 0 ? byMonotonic : Math.min(byMonotonic, byWall);
}
