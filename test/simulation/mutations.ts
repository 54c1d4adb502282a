/**
 * Rules of the protocol, each broken on purpose by another wiring. A simulator that lets one of them pass would let a real mistake
 * pass as well.
 */
import type { StoredResponse } from '../../core/cache/entry.ts';
import type { PurgeState } from '../../core/cache/purge-state.ts';
import { type Position, tierHeaders } from '../../core/purge/command.ts';
import type { DialDuplex } from '../../core/runtime/duplex.ts';
import { losesJournal } from './run.ts';
import { asInProduction, type Wiring } from './wiring.ts';

export interface Mutation {
  name: string;
  wiring: Wiring;
  /** The seeds whose histories can show it; default: all. */
  isWorth?: (seed: number) => boolean;
  /** Where the search begins: the seed that was found last time. It goes on with all others. */
  from?: number;
}

/** A late insert is not judged: what has just been fetched counts as valid at the cursor. */
function withoutEpochCheck(state: PurgeState): PurgeState {
  const known = new WeakSet<StoredResponse>();
  return over(state, {
    judge(entry) {
      if (known.has(entry)) return state.judge(entry);
      known.add(entry);
      const { identity, cursor } = state.index;
      Object.assign(entry, { identity, labelSeq: cursor.seq });
      return { kind: 'clean' };
    },
  });
}

/** The epoch is whatever the cursor is when somebody looks at it: after the fetch. */
function withLateEpoch(state: PurgeState): PurgeState {
  const live: Position = {
    get identity() {
      return state.index.cursor.identity;
    },
    get seq() {
      return state.index.cursor.seq;
    },
    get hash() {
      return state.index.cursor.hash;
    },
  };
  return over(state, {
    position() {
      state.sync();
      return live;
    },
  });
}

/** Numbers are compared whatever journal they are of. */
function withoutIdentity(state: PurgeState): PurgeState {
  return over(state, {
    judge(entry) {
      Object.assign(entry, { identity: state.index.identity });
      return state.judge(entry);
    },
  });
}

/** The rest of the state stays what it is, `index` included, which is another one after a reset. */
function over(state: PurgeState, changes: Partial<PurgeState>): PurgeState {
  return Object.assign(Object.create(state) as PurgeState, changes);
}

/** The next tier does not hear how far this one is. */
const withoutCursor: Wiring['dialer'] = (dialer) => ({
  ...dialer,
  dial(peer, request, deadline) {
    const headers = request.headers.filter((_, at) => {
      const name = request.headers[at - (at % 2)];
      return name !== tierHeaders.position;
    });
    return dialer.dial(peer, { ...request, headers }, deadline);
  },
});

/** The main thread says that it is done, and gives the change to the workers a moment later. */
const withEarlyAcknowledgement: Wiring['publish'] = (publish, clock) => (change) => {
  clock.after(40, () => void publish(change));
  return Promise.resolve();
};

/** The lease is counted from when the grant came. */
const fromReceipt: Wiring['leaseCells'] = (cells, clock, leaseMs) => ({
  ...cells,
  set: () => cells.set(clock.monotonicMs() + leaseMs, clock.nowMs() + leaseMs),
});

/** Whoever is not heard of counts as without a lease at once. */
const withoutWaiting: Wiring['leases'] = (leases) => ({
  ...leases,
  mayOtherHold: () => false,
  hasLapsed: () => true,
});

/** A grant counts whatever the node has applied. */
const withoutHead: Wiring['dial'] =
  (dial: DialDuplex): DialDuplex =>
  (deps, options) => {
    let said: Position | null = null;
    return dial(deps, {
      ...options,
      onOpen(duplex) {
        const handlers = options.onOpen({
          ...duplex,
          send(message) {
            said = (message as { position?: Position }).position ?? said;
            return duplex.send(message);
          },
        });
        return {
          ...handlers,
          onMessage(message) {
            const { type } = message as { type: string };
            const isGrant = type === 'lease' && said !== null;
            handlers.onMessage(isGrant ? { ...(message as object), head: said } : message);
          },
        };
      },
    });
  };

/** Open from the first moment. */
const withoutGate: Wiring['gate'] = (gate) => ({
  ...gate,
  waitingFor: () => [],
  remainingMs: () => 0,
});

/** Whoever says hello first counts as the one that held it. */
const forgetful: Wiring['holders'] = () => ({ holder: () => undefined, holds: () => {} });

const broken = (
  name: string,
  change: Partial<Wiring>,
  more: Pick<Mutation, 'isWorth' | 'from'> = {},
): Mutation => ({ name, wiring: { ...asInProduction, ...change }, ...more });

export const mutations: readonly Mutation[] = [
  broken('purge-api forgets at a start who holds a lease', { holders: forgetful }, { from: 16 }),
  broken('a late insert is not judged', { purges: withoutEpochCheck }),
  broken('the cursor is not sent upstream', { dialer: withoutCursor }),
  broken('the epoch is read after the fetch', { purges: withLateEpoch }),
  broken('acknowledged before all workers have applied', { publish: withEarlyAcknowledgement }),
  broken('the lease is counted from the receipt of the grant', { leaseCells: fromReceipt }),
  broken('nobody waits for a lease to run out', { leases: withoutWaiting }),
  broken('the first grant counts before the head is reached', { dial: withoutHead }, { from: 99 }),
  broken('purge-api starts without a gate', { gate: withoutGate }, { isWorth: losesJournal }),
  broken(
    'numbers of two journals are compared',
    { purges: withoutIdentity },
    { isWorth: losesJournal },
  ),
];
