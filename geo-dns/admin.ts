/** What geo-dns says on its admin listener: whether it answers, and every PoP with its standing and why. */
import { createAdminApp, type Readiness } from '../core/runtime/admin.ts';
import type { Metrics, MetricsSnapshot } from '../core/runtime/metrics.ts';
import type { PopStanding } from './select.ts';

export interface AdminState {
  node: string;
  metrics: Metrics;
  /** The metrics of the node's other threads. */
  snapshots(): Promise<MetricsSnapshot[]>;
  /** Why the server should not be asked, or undefined. */
  notReady(): string | undefined;
  pops(): readonly PopStanding[];
}

/** Creates the app; an answer of DNS may be wrong while the server is right, so `/readyz` names every PoP. */
export function createAdmin({ node, metrics, snapshots, notReady, pops }: AdminState) {
  return createAdminApp({
    node,
    readiness,
    metrics: async () => metrics.text(await snapshots()),
  });

  function readiness(): Readiness & { pops: object[] } {
    const reason = notReady();
    const list = pops().map(({ pop, standing, why, load }) => ({
      id: pop.id,
      standing,
      why,
      load,
    }));
    return { ready: reason === undefined, ...(reason === undefined ? {} : { reason }), pops: list };
  }
}
