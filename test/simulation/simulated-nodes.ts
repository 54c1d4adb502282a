/** The caching nodes of a simulated network, with what outlives their processes: files, earlier instances, acknowledgements. */
import path from 'node:path';
import type { Position } from '../../core/purge/command.ts';
import type { Chance } from './chance.ts';
import type { ControlWire } from './control-wire.ts';
import type { DataWire } from './data-wire.ts';
import type { History } from './history.ts';
import { type SimulatedNode, startNode } from './simulated-node.ts';
import type { Machine } from './simulated-process.ts';
import { nodeIdOf, type Place, places, shieldIds } from './simulated-topology.ts';
import type { VirtualTime } from './virtual-time.ts';
import type { Wiring } from './wiring.ts';

export interface World {
  time: VirtualTime;
  chance: Chance;
  history: History;
  wiring: Wiring;
  folder: string | null;
  control: ControlWire;
  data: DataWire;
  machine(id: string): Machine;
}

export interface Nodes {
  find(id: Place): SimulatedNode | undefined;
  start(id: Place): void;
  stop(id: Place): Promise<void>;
  kill(id: Place, keptShare: number): void;
  acknowledged(id: Place): Position | undefined;
  onLease(listener: (id: Place) => void): void;
}

/** None runs yet. */
export function createNodes(world: World): Nodes {
  const { chance, history } = world;
  const running = new Map<Place, SimulatedNode>();
  const instances = new Map<Place, string[]>();
  const acknowledged = new Map<Place, Position>();
  const listeners: ((id: Place) => void)[] = [];
  const workerCounts = new Map(places.map((id) => [id, chance.isLikely(0.5) ? 2 : 1]));
  return {
    find: (id) => running.get(id),
    acknowledged: (id) => acknowledged.get(id),
    onLease: (listener) => void listeners.push(listener),
    start(id) {
      if (running.has(id)) return;
      const instance = chance.hex(4);
      const succeeds = instances.get(id) ?? [];
      const nodeId = nodeIdOf(id);
      const isShield = shieldIds.some((shield) => shield === nodeId);
      const { time, control, data, wiring, folder } = world;
      const node = startNode({
        id: nodeId,
        place: id,
        role: isShield ? 'shield' : 'edge',
        time,
        machine: world.machine(id),
        chance: chance.fork(),
        control,
        data,
        wiring,
        instance,
        succeeds: [...succeeds],
        workerCount: workerCounts.get(id) ?? 1,
        file: folder && path.join(folder, `${id}.db`),
        onAcknowledged(position) {
          history.note(`ack ${id} ${position.identity.slice(0, 6)} ${position.seq}`);
          acknowledged.set(id, position);
        },
        onLease() {
          history.note(`lease ${id}`);
          for (const listener of listeners) listener(id);
        },
      });
      instances.set(id, [instance, ...succeeds].slice(0, 16));
      running.set(id, node);
    },
    async stop(id) {
      const node = running.get(id);
      await node?.stop();
      if (running.get(id) === node) running.delete(id);
    },
    kill(id, keptShare) {
      running.get(id)?.kill(keptShare);
      running.delete(id);
    },
  };
}
