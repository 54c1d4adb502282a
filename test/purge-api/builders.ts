/** Purge-api in parts, for tests that need no listener: a real journal in a temporary folder, nodes made of plain messages. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  type DownMessage,
  downMessageSchema,
  type Position,
  protocolVersion,
  type UpMessage,
} from '../../core/purge/command.ts';
import type { Clock, Random } from '../../core/runtime/deps.ts';
import type { DuplexHandlers } from '../../core/runtime/duplex.ts';
import { silentLog } from '../../core/runtime/log.ts';
import { createMetrics } from '../../core/runtime/metrics.ts';
import { findNode } from '../../core/topology/nodes.ts';
import type { NodeContext } from '../../core/topology/run-node.ts';
import type { TopologyWithSecret } from '../../core/topology/secret-file.ts';
import { type Assembly, assemble } from '../../purge-api/assembly.ts';
import { smallTopology } from '../core/purge/fake-purge-api.ts';
import { createFakeClock, createSeededRandom, type FakeClock } from '../support/fake-clock.ts';

type Down<T extends DownMessage['type']> = Extract<DownMessage, { type: T }>;

/** Lets everything that is due happen: promises, and the journal's group commit. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 10; turns += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export interface Parts extends Assembly {
  clock: FakeClock;
  context: NodeContext;
  /** Connects a node that has shown the key of `id`. */
  connect(id: string): FakeNode;
  cleanUp(): Promise<void>;
}

/** The context of a purge-api whose files lie in a new temporary folder. */
export function purgeContext(
  folder: string,
  deps: { clock: Clock; random: Random; topology?: TopologyWithSecret },
): NodeContext {
  const topology = { ...(deps.topology ?? smallTopology('127.0.0.1:0')), dataDir: folder };
  return {
    topology,
    node: findNode(topology, 'purge'),
    clock: deps.clock,
    random: deps.random,
    log: silentLog,
    metrics: createMetrics(),
    instance: 'purge-start',
    loadAgain: () => topology,
  };
}

export function temporaryFolder(): string {
  return mkdtempSync(path.join(tmpdir(), 'breakwater-purge-'));
}

/** Assembles purge-api over a fake clock. Pass the folder of an earlier one to restart it. */
export function setUpParts({ folder = temporaryFolder(), seed = 1 } = {}): Parts {
  const clock = createFakeClock();
  const context = purgeContext(folder, { clock, random: createSeededRandom(seed) });
  const parts = assemble(context);
  return {
    ...parts,
    clock,
    context,
    connect: (id) => createFakeNode(parts, id),
    async cleanUp() {
      parts.purges.stop();
      parts.fanOut.stop();
      parts.evidence.close();
      await parts.journal.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface FakeNode {
  say(message: UpMessage): Promise<void>;
  /** Says hello with sensible values. */
  hello(
    position: Position | null,
    more?: Partial<Extract<UpMessage, { type: 'hello' }>>,
  ): Promise<void>;
  /** Renews with a version that grows, at the position of its hello or last acknowledgement. */
  renew(): Promise<void>;
  /** Acknowledges everything up to `seq` of the journal as it is. */
  ack(seq: number): Promise<void>;
  /** All that has been sent to it, of one type. */
  got<T extends DownMessage['type']>(type: T): Down<T>[];
  /** The numbers of the entries sent to it, in the order of their coming. */
  seqs(): number[];
  /** Why it was closed; undefined while it is open. */
  closed(): string | undefined;
  /** Its process or line is gone. */
  vanish(): void;
}

const roles: Record<string, 'edge' | 'shield' | 'dns'> = { par: 'edge', eu: 'shield', ns1: 'dns' };

function createFakeNode({ fanOut, journal }: Assembly, id: string): FakeNode {
  const received: DownMessage[] = [];
  let closedWith: string | undefined;
  let said: Position | null = null;
  let version = 0;
  const handlers: DuplexHandlers = fanOut.accept(
    {
      send(message) {
        if (closedWith !== undefined) return false;
        received.push(downMessageSchema.parse(message));
        return true;
      },
      close(reason) {
        if (closedWith !== undefined) return;
        closedWith = reason;
        queueMicrotask(() => handlers.onClose(reason));
      },
    },
    id,
  );
  const say = async (message: UpMessage) => {
    handlers.onMessage(message);
    await settle();
  };
  const got = <T extends DownMessage['type']>(type: T) =>
    received.filter((message): message is Down<T> => message.type === type);
  return {
    say,
    hello(position, more = {}) {
      said = position;
      return say({
        type: 'hello',
        protocol: protocolVersion,
        node: id,
        role: roles[id] ?? 'edge',
        instance: 'first',
        succeeds: [],
        position,
        topologyHash: 'same',
        wantsView: false,
        health: { ready: true, draining: false, load: 0 },
        ...more,
      });
    },
    renew() {
      version += 1;
      const health = { ready: true, draining: false, load: 0 };
      return say({ type: 'renew', version, position: said, health, topologyHash: 'same' });
    },
    async ack(seq) {
      const position = await journal.positionOf(seq);
      assert.ok(position);
      said = position;
      await say({ type: 'ack', position, appliedAtMs: 1000 * seq });
    },
    got,
    seqs: () => got('entries').flatMap(({ entries }) => entries.map(({ seq }) => seq)),
    closed: () => closedWith,
    vanish() {
      closedWith ??= 'vanished';
      handlers.onClose('vanished');
    },
  };
}
