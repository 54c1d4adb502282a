/**
 * The network that purges are measured on: real processes on this machine, two shields and the rest edges, one worker each, each node
 * reaching purge-api through a proxy that can delay both directions.
 */
import type { LinkedNetwork } from '../support/network/linked-network.ts';
import { prepareLinkedNetwork } from '../support/network/linked-network.ts';
import { page } from '../support/network/origin.ts';

export interface PurgedNetwork {
  network: LinkedNetwork;
  edges: string[];
  /** The paths of pages that have the tag `news`. */
  paths: string[];
  /** Another version of every page; its number is all that they say. */
  publish(): number;
  /** Delays what purge-api and nodes say to each other, one way. */
  delay(ms: number): void;
  stop(): Promise<void>;
}

const pages = 10;
const startsAtOnce = 6;
const small = { workers: 1, memory: '8MiB', disk: '16MiB' };

/** Starts so many caching nodes and purge-api. */
export async function startPurgedNetwork(nodes: number): Promise<PurgedNetwork> {
  const ends: (() => Promise<void>)[] = [];
  const hooks = { after: (end: () => Promise<void>) => void ends.push(end), afterEach() {} };
  const shields = ['s1', 's2'];
  const edges = Array.from({ length: nodes - shields.length }, (_, n) => `e${n + 1}`);
  const network = await prepareLinkedNetwork(
    {
      shields: shields.map((id) => ({ id, ...small })),
      pops: edges.map((id, n) => ({ id, shield: [shields[n % 2] ?? 's1'], ...small })),
      // That of production: a machine this busy must not end leases of two seconds.
      settings: { lease: '10s' },
    },
    hooks,
  );
  const ids = [...shields, ...edges];
  const stop = async () => {
    // A machine that is too busy for a clean end is no reason to lose the figures.
    for (const end of ends) await end().catch((error: Error) => process.stderr.write(`${error}\n`));
  };
  try {
    await network.start('purge');
    for (let at = 0; at < ids.length; at += startsAtOnce) {
      await Promise.all(ids.slice(at, at + startsAtOnce).map((id) => network.start(id)));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  let version = 1;
  const paths = Array.from({ length: pages }, (_, n) => `/page/${n}`);
  const headers = { 'cache-control': 'max-age=3600', 'surrogate-key': 'news' };
  for (const target of paths)
    network.origin.on(
      target,
      page(() => String(version), headers),
    );
  return {
    network,
    edges,
    paths,
    publish() {
      version += 1;
      return version;
    },
    delay: (ms) => {
      for (const id of ids) network.link(id).delay(ms);
    },
    stop,
  };
}
