/**
 * Whether clients should be sent to this node, and why not: what `/readyz`, the probe of the public listener and the
 * renewals to purge-api tell alike.
 */
import type { NodeHealth as HealthMessage } from '../purge/command.ts';
import type { Clock } from '../runtime/deps.ts';
import type { SharedState } from './shared-state.ts';

export interface NodeHealth {
  now(): HealthMessage;
  setDraining(): void;
  setBound(bound: { listen: string; admin: string }): void;
}

const notYet = 'has no lease of purge-api yet, or has not caught up with the purge journal';
const lapsed = 'its lease has run out: purge-api, which keeps the purge journal, cannot be reached';

/** Creates the health of a node that holds no lease yet. */
export function createNodeHealth({
  clock,
  shared,
  workers,
  capacity,
}: {
  clock: Clock;
  shared: SharedState;
  workers: number;
  capacity: number;
}): NodeHealth {
  let hadLease = false;
  let bound: { listen: string; admin: string } | undefined;
  const load = () => {
    let requests = 0;
    for (let index = 0; index < workers; index += 1) requests += shared.requests(index);
    return requests / capacity;
  };
  return {
    now() {
      const ready = shared.lease.isHeld(clock.monotonicMs(), clock.nowMs());
      hadLease ||= ready;
      return {
        ready,
        draining: shared.isDraining(),
        load: Math.max(0, load()),
        workers,
        ...(ready ? {} : { reason: hadLease ? lapsed : notYet }),
        ...bound,
      };
    },
    setDraining: () => shared.setDraining(),
    setBound(value) {
      bound = value;
    },
  };
}
