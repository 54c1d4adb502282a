/** A caching node without a cache: the subscriber that runs in nodes, over a memory that outlives its process. */
import type { JournalEntry, Position } from '../../core/purge/command.ts';
import { createSubscriber, type SubscriberOptions } from '../../core/purge/subscriber.ts';
import { systemClock, systemRandom } from '../../core/runtime/deps.ts';
import { silentLog } from '../../core/runtime/log.ts';
import { createMetrics } from '../../core/runtime/metrics.ts';
import type { SigningKey } from '../../core/runtime/signing-key.ts';
import type { TopologyWithSecret } from '../../core/topology/secret-file.ts';

export interface Memory {
  position: Position | null;
  applied: JournalEntry[];
  resets: string[];
}

export const empty = (position: Position | null = null): Memory => ({
  position,
  applied: [],
  resets: [],
});

/** Connects the node `id` of `topology`. `apply` may hold an entry back or refuse it. */
export function openNode(
  topology: TopologyWithSecret,
  id: 'par' | 'eu',
  memory: Memory,
  options: {
    instance?: string;
    apply?: SubscriberOptions['apply'];
    key?: SigningKey;
    succeeds?: string[];
  } = {},
) {
  const subscriber = createSubscriber(
    { clock: systemClock, random: systemRandom, log: silentLog, metrics: createMetrics() },
    {
      topology,
      node: { id, role: id === 'par' ? 'edge' : 'shield' },
      instance: options.instance ?? systemRandom.hex(4),
      wantsView: false,
      position: () => memory.position,
      async apply(batch) {
        await options.apply?.(batch);
        memory.applied.push(...batch);
        const last = batch.at(-1);
        if (last && memory.position) {
          memory.position = { ...memory.position, seq: last.seq, hash: last.hash };
        }
      },
      async reset(to, reason) {
        memory.resets.push(reason);
        memory.position = to;
      },
      health: () => ({ ready: true, draining: false, load: 0 }),
      ...(options.key && { key: options.key }),
      ...(options.succeeds && { succeeds: options.succeeds }),
      onRequest: async () => ({ applied: ['sites'], refused: [] }),
    },
  );
  const ready = new Promise<void>((resolve) => subscriber.onLease(resolve));
  return { subscriber, ready };
}
