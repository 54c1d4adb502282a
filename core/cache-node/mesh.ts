/**
 * How the workers of a node share flights: each key is owned by one worker (rendezvous hashing), and a miss in another one goes
 * to the owner over a message port; so a node has one flight per key, however its connections are spread.
 */
import type { MessagePort } from 'node:worker_threads';
import type { HostGroups } from '../cache/host-groups.ts';
import type { Peers } from '../cache/obtain.ts';
import type { Newer } from '../cache/superseded.ts';
import { ownerOf } from '../upstream/ring.ts';
import type { InvalidateHere, InvalidationStep } from './invalidation.ts';
import { type AnswerDeps, createAnswerer } from './mesh-answer.ts';
import { createAsker, lostWorker } from './mesh-ask.ts';
import type { MeshMessage } from './mesh-messages.ts';

export interface Mesh extends Peers {
  /** Connects (anew) to worker `index`. */
  connect(index: number, port: MessagePort): void;
  /** Has all other workers do a step of an invalidation; resolves when they have, or have ended. */
  invalidate(keys: readonly string[], step: InvalidationStep, groups?: HostGroups): Promise<void>;
}

interface Link {
  port: MessagePort;
  asker: ReturnType<typeof createAsker>;
  /** Who waits for the other worker to have dropped what it was told to. */
  invalidations: Map<number, () => void>;
}

/** Creates the mesh of worker `self` of `count`. `onInvalidate` is called for what other workers tell. */
export function createMesh(
  deps: AnswerDeps & { onInvalidate: InvalidateHere; onOutdate: (newer: Newer) => void },
  { self, count }: { self: number; count: number },
): Mesh {
  const links = new Map<number, Link>();
  let nextCall = 0;
  return {
    ownerOf(key) {
      if (count === 1) return undefined;
      const owner = ownerOf(key, count);
      // Without a link (the worker is being replaced) this one fetches for itself.
      return owner === self || !links.has(owner) ? undefined : owner;
    },
    ask(owner, request, signal) {
      const link = links.get(owner);
      if (!link) return Promise.resolve({ kind: 'failed', failure: lostWorker });
      return link.asker.ask(request, signal);
    },
    outdate({ key, variant, varyFields, responseTimeMs }) {
      const newer = { key, variant, varyFields, responseTimeMs };
      for (const { port } of links.values()) {
        port.postMessage({ type: 'outdate', newer } satisfies MeshMessage);
      }
    },
    connect(index, port) {
      links.get(index)?.port.close();
      const asker = createAsker(port);
      const answerer = createAnswerer(deps, port);
      const invalidations: Link['invalidations'] = new Map();
      links.set(index, { port, asker, invalidations });
      port.on('message', (message: MeshMessage) => {
        if (message.type === 'invalidate') {
          const { keys, step, groups } = message;
          void deps.onInvalidate(keys, step, groups ? { groups } : {}).then(() => {
            port.postMessage({ type: 'invalidated', call: message.call } satisfies MeshMessage);
          });
        } else if (message.type === 'outdate') {
          deps.onOutdate(message.newer);
        } else if (message.type === 'invalidated') {
          invalidations.get(message.call)?.();
          invalidations.delete(message.call);
        } else {
          asker.receive(message);
          answerer.receive(message);
        }
      });
      port.on('close', () => {
        if (links.get(index)?.port === port) links.delete(index);
        // A worker that has ended holds nothing any more.
        for (const done of invalidations.values()) done();
        asker.lose();
        answerer.lose();
      });
    },
    async invalidate(keys, step, groups) {
      nextCall += 1;
      const message: MeshMessage = { type: 'invalidate', call: nextCall, keys, step, groups };
      const done = [...links.values()].map(({ port, invalidations }) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        invalidations.set(message.call, resolve);
        port.postMessage(message);
        return promise;
      });
      await Promise.all(done);
    },
  };
}
