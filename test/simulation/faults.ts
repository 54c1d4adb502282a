/** What befalls a simulated network: each fault is drawn from the seed, begins at some time, and mends itself after another. */
import type { Chance } from './chance.ts';
import type { Clients } from './clients.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import { cachingIds, leaseMs, originName } from './simulated-topology.ts';

/** A fault under way: the returned call mends it, if it has not mended itself. */
type Fault = (network: SimulatedNetwork, chance: Chance, clients: Clients) => () => void;

const caching = cachingIds;
const machines = ['purge', ...cachingIds] as const;

/** Less than a lease, or more. */
const someTime = (chance: Chance) =>
  chance.isLikely(0.5)
    ? chance.between(50, 0.8 * leaseMs)
    : chance.between(0.9 * leaseMs, 3 * leaseMs);

/** A node and purge-api do not hear of each other, or only in one direction. */
const cutControl: Fault = ({ links, time, history }, chance, clients) => {
  const id = chance.pick(caching);
  const way = chance.pick(['both', 'both', 'up', 'down']);
  history.note(`cut ${id} ${way}`);
  const heals = [
    ...(way === 'down' ? [] : [links.cut(id, 'purge')]),
    ...(way === 'up' ? [] : [links.cut('purge', id)]),
  ];
  const isSlowAfterwards = chance.isLikely(0.4);
  return once(time, someTime(chance), () => {
    history.note(`healed ${id}`);
    // What is purged in this moment converges without the node, if it has been away for long, and it is back before it hears.
    if (isSlowAfterwards) {
      void clients.purge({ kind: 'everything' }, false);
      time.after(chance.between(300, 1500), slowDown(links, id, chance));
    }
    for (const heal of heals) heal();
  });
};

/** The line between a node and purge-api takes its time until the returned call. */
function slowDown(links: SimulatedNetwork['links'], id: string, chance: Chance): () => void {
  const factor = chance.between(20, 200);
  const ends = [links.slow(id, 'purge', factor), links.slow('purge', id, factor)];
  return () => {
    for (const end of ends) end();
  };
}

/** An edge does not reach the shield, or the shield the origin. */
const cutTiers: Fault = ({ links, time, history }, chance) => {
  const from = chance.pick(caching);
  const to = from === 'eu' ? originName : 'eu';
  history.note(`cut ${from} ${to}`);
  const heals = [links.cut(from, to), links.cut(to, from)];
  return once(time, someTime(chance), () => {
    for (const heal of heals) heal();
  });
};

const slowControl: Fault = ({ links, time, history }, chance) => {
  const id = chance.pick(caching);
  history.note(`slow ${id}`);
  return once(time, someTime(chance), slowDown(links, id, chance));
};

/** A line gets slower and slower, and then is gone: what it has carried last was under way for long. */
const fadeOut: Fault = ({ links, time, history }, chance) => {
  const id = chance.pick(caching);
  history.note(`fade ${id}`);
  const recover = slowDown(links, id, chance);
  let heals: (() => void)[] = [];
  const cut = () => {
    heals = [links.cut(id, 'purge'), links.cut('purge', id)];
  };
  const stopCut = once(time, chance.between(800, 2500), cut);
  return once(time, chance.between(2, 4) * leaseMs, () => {
    stopCut();
    recover();
    for (const heal of heals) heal();
  });
};

const breakStreams: Fault = ({ control, history }, chance) => {
  const id = chance.pick(machines);
  history.note(`break ${id}`);
  control.breakAll(id);
  return () => {};
};

/** Killed, or without power: then what was not synced is gone. */
const kill: Fault = (network, chance) => {
  const id = chance.pick(machines);
  const keptShare = chance.isLikely(0.5) ? 1 : chance.unit();
  network.kill(id, keptShare);
  return once(network.time, chance.between(20, 1500), () => network.start(id));
};

const restart: Fault = (network, chance) => {
  const id = chance.pick(caching);
  void network.stop(id).then(() => network.time.after(50, () => network.start(id)));
  return () => {};
};

/** SIGSTOP, or the whole machine: then its monotonic clock stands still as well. */
const pause: Fault = ({ node, clocks, time, history }, chance) => {
  const id = chance.pick(caching);
  const paused = node(id);
  if (!paused || paused.isPaused) return () => {};
  const isSuspended = chance.isLikely(0.5);
  history.note(`pause ${id} ${isSuspended}`);
  paused.pause();
  const wake = isSuspended ? clocks.suspend(id) : () => {};
  return once(time, someTime(chance), () => {
    history.note(`resume ${id}`);
    wake();
    paused.resume();
  });
};

const pausePurgeApi: Fault = ({ purgeApi, clocks, time, history }, chance) => {
  const api = purgeApi();
  if (!api || api.process.isPaused) return () => {};
  const isSuspended = chance.isLikely(0.5);
  history.note(`pause purge ${isSuspended}`);
  api.process.pause();
  const wake = isSuspended ? clocks.suspend('purge') : () => {};
  return once(time, someTime(chance), () => {
    history.note('resume purge');
    wake();
    api.process.resume(chance.shuffle);
  });
};

const hangWorker: Fault = ({ node, time, history }, chance) => {
  const id = chance.pick(caching);
  const hung = node(id);
  const index = chance.below(hung?.workers.length ?? 1);
  history.note(`hang ${id} ${index}`);
  return once(time, chance.between(50, 1500), hung?.hang(index) ?? (() => {}));
};

const stepWall: Fault = (network, chance) => {
  network.clocks.stepWall(chance.pick(machines), chance.between(-2 * leaseMs, 2 * leaseMs));
  return () => {};
};

const originFails: Fault = ({ origin, time, history }, chance) => {
  history.note('origin fails');
  return once(time, chance.between(100, 2000), origin.fail());
};

/**
 * Another process starts under the id of a node, elsewhere and with a folder of its own; perhaps while the first is away, and
 * purge-api remembers nothing of it.
 */
const startRival: Fault = (network, chance) => {
  const { links, time, history } = network;
  const isAway = chance.isLikely(0.7);
  const isForgotten = isAway && chance.isLikely(0.5);
  history.note(`rival ${isAway} ${isForgotten}`);
  const heals = isAway ? [links.cut('par', 'purge'), links.cut('purge', 'par')] : [];
  if (isForgotten) network.kill('purge', 1);
  const restart = once(time, chance.between(10, 100), () => network.start('purge'));
  let isOver = false;
  time.after(chance.between(0, isForgotten ? 300 : leaseMs), () => {
    if (!isOver) network.start('par-2');
  });
  return once(time, chance.between(1, 3) * leaseMs, () => {
    isOver = true;
    restart();
    network.kill('par-2', 1);
    for (const heal of heals) heal();
  });
};

const kinds: readonly [Fault, ...Fault[]] = [
  cutControl,
  cutControl,
  cutControl,
  cutTiers,
  slowControl,
  fadeOut,
  fadeOut,
  breakStreams,
  kill,
  kill,
  restart,
  pause,
  pause,
  pausePurgeApi,
  hangWorker,
  stepWall,
  originFails,
  startRival,
];

/** Draws faults until `untilMs`; the returned call mends all that are left. */
export function beginFaults(
  network: SimulatedNetwork,
  clients: Clients,
  untilMs: number,
): () => void {
  const { time } = network;
  const chance = network.chance.fork();
  const meanMs = chance.between(400, 2500);
  const mends: (() => void)[] = [];
  const next = () =>
    time.after(chance.between(0, 2 * meanMs), () => {
      if (time.nowMs() >= untilMs) return;
      mends.push(chance.pick(kinds)(network, chance, clients));
      next();
    });
  next();
  return () => {
    for (const mend of mends) mend();
    network.kill('par-2', 1);
    for (const id of ['purge', ...caching] as const) network.start(id);
  };
}

/** Mends after a time, or when told to; once. */
function once(time: SimulatedNetwork['time'], delayMs: number, mend: () => void): () => void {
  let isMended = false;
  const mendOnce = () => {
    if (isMended) return;
    isMended = true;
    mend();
  };
  time.after(delayMs, mendOnce);
  return mendOnce;
}
