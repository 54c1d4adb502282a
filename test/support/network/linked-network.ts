/**
 * A network as on machines of their own, on which every node reaches purge-api through a proxy of the test's: the link that a test
 * cuts, holds back and disturbs. Everything else is found where it has been bound.
 */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as file from 'node:test';
import type { NetworkPlan } from './config.ts';
import { type Hooks, type Network, prepareNetwork } from './network.ts';
import { type StreamProxy, startStreamProxy } from './stream-proxy.ts';

export interface LinkedNetwork extends Network {
  /** The link from a node to purge-api. */
  link(id: string): StreamProxy;
  /** The folder of a node's own files. */
  dataOf(id: string): string;
}

/** Starts all nodes of `plan`, and waits until every one is ready. */
export async function startLinkedNetwork(
  plan: NetworkPlan = {},
  hooks: Hooks = file,
): Promise<LinkedNetwork> {
  const network = await prepareLinkedNetwork(plan, hooks);
  const { shields, pops, dns } = network.config;
  await network.start('purge');
  await Promise.all([...shields, ...pops, ...dns].map(({ id }) => network.start(id)));
  return network;
}

/** As `startLinkedNetwork`, with no node started yet. */
export async function prepareLinkedNetwork(
  plan: NetworkPlan = {},
  hooks: Hooks = file,
): Promise<LinkedNetwork> {
  const network = await prepareNetwork({ ...plan, apart: true }, hooks);
  const { shields, pops, dns } = network.config;
  const ids = [...shields, ...pops, ...dns].map(({ id }) => id);
  const purge = network.node('purge');
  const links = new Map<string, StreamProxy>();
  const dataOf = (id: string) => path.join(network.folder, id, 'data', id);
  for (const id of ids) {
    const link = await startStreamProxy(() => (purge.isRunning() ? purge.url : undefined));
    links.set(id, link);
    mkdirSync(dataOf(id), { recursive: true });
    introduce(path.join(network.folder, id, 'data'), link.listen);
  }
  for (const id of ids) {
    for (const other of ids.filter((each) => each !== id)) {
      // Where it listens stands in its folder, and changes with each start.
      symlinkSync(dataOf(other), path.join(network.folder, id, 'data', other));
    }
  }
  hooks.after(async () => {
    await Promise.all([...links.values()].map((link) => link.stop()));
  });
  return Object.assign(network, {
    dataOf,
    link(id: string) {
      const found = links.get(id);
      if (!found) throw new Error(`"${id}" has no link to purge-api`);
      return found;
    },
  });
}

/** Tells a node that purge-api listens at the proxy. */
function introduce(folder: string, listen: string): void {
  mkdirSync(path.join(folder, 'purge'), { recursive: true });
  writeFileSync(
    path.join(folder, 'purge', 'bound.json'),
    JSON.stringify({ listen, admin: listen }),
  );
}
