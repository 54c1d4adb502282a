/**
 * Whether clients should be sent to this node, and why not: what `/readyz`, the probe of the public listener and the
 * renewals to purge-api tell alike.
 */
import type { NodeHealth as HealthMessage } from '../purge/command.ts';
import type { SharedState } from './shared-state.ts';

export interface NodeHealth {
  now(): HealthMessage;
  setCaughtUp(value: boolean): void;
  setDraining(): void;
  setBound(bound: { listen: string; admin: string }): void;
}

/** Creates the health of a node that has not caught up yet. */
export function createNodeHealth({
  shared,
  workers,
  capacity,
}: {
  shared: SharedState;
  workers: number;
  capacity: number;
}): NodeHealth {
  let bound: { listen: string; admin: string } | undefined;
  const load = () => {
    let requests = 0;
    for (let index = 0; index < workers; index += 1) requests += shared.requests(index);
    return requests / capacity;
  };
  return {
    now() {
      const ready = shared.isReady();
      return {
        ready,
        draining: shared.isDraining(),
        load: Math.max(0, load()),
        workers,
        ...(ready ? {} : { reason: 'has not caught up with the purge journal yet' }),
        ...bound,
      };
    },
    setCaughtUp: (value) => shared.setReady(value),
    setDraining: () => shared.setDraining(),
    setBound(value) {
      bound = value;
    },
  };
}
