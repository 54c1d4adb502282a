/**
 * What breaks the network while its history is recorded, drawn from a seed: processes are killed, stopped and started; streams are
 * cut, held back for less and for more than a lease, delayed, and their messages lost, repeated and reordered; the origin goes away.
 */
import type { Random } from '../../../core/runtime/deps.ts';
import type { LinkedNetwork } from '../../support/network/linked-network.ts';
import type { Direction, Fate } from '../../support/network/stream-proxy.ts';
import { pause } from '../../support/network/until.ts';
import type { Start } from './history.ts';
import { chosen } from './recorder.ts';

export interface FaultDeps {
  network: LinkedNetwork;
  random: Random;
  nowMs(): number;
  starts: Start[];
  leaseMs: number;
}

type Fault = (deps: FaultDeps, id: string) => Promise<void>;

/** Messages that the network may see twice, late or never; TCP would not do that to a greeting. */
const shaken = new Set(['entries', 'ack', 'renew', 'lease', 'matched', 'view']);

/** Less than a lease, or more than purge-api waits before it calls a node quarantined. */
const shortOrLong = ({ random, leaseMs }: FaultDeps) =>
  leaseMs * (random.unit() < 0.5 ? 0.2 + 0.5 * random.unit() : 1.3 + 0.7 * random.unit());

const again = async ({ network, nowMs, starts }: FaultDeps, id: string, how: string) => {
  starts.push({ node: id, atMs: nowMs(), how });
  await network.node(id).start();
};

const endAndStart =
  (signal: 'SIGKILL' | 'SIGTERM'): Fault =>
  async (deps, id) => {
    await deps.network.node(id).end(signal);
    await pause(deps.random.unit() * deps.leaseMs);
    await again(deps, id, signal);
  };

const stopAndContinue: Fault = async (deps, id) => {
  const node = deps.network.node(id);
  node.signal('SIGSTOP');
  await pause(shortOrLong(deps));
  node.signal('SIGCONT');
};

const cut: Fault = async ({ network }, id) => network.link(id).cut();

const holdBack: Fault = async (deps, id) => {
  const link = deps.network.link(id);
  const both: Direction[] = ['down', 'up'];
  link.hold(...chosen(deps.random, [both, both, ['down'], ['up']] as Direction[][]));
  await pause(shortOrLong(deps));
  link.letGo();
};

const refuse: Fault = async (deps, id) => {
  const link = deps.network.link(id);
  link.refuse(true);
  link.cut();
  await pause(shortOrLong(deps));
  link.refuse(false);
};

const delay: Fault = async (deps, id) => {
  const link = deps.network.link(id);
  link.delay(deps.random.unit() * 400);
  await pause(deps.leaseMs * (0.5 + deps.random.unit()));
  link.delay(0);
};

const shake: Fault = async ({ network, random, leaseMs }, id) => {
  const link = network.link(id);
  const fates: Fate[] = ['pass', 'pass', 'drop', 'twice', 'twice', 'late', 'late'];
  link.judge((_, { type }) => (shaken.has(String(type)) ? chosen(random, fates) : 'pass'));
  await pause(leaseMs * (0.5 + random.unit()));
  link.judge(undefined);
  // What was lost at the end nobody would miss before the next purge.
  link.cut();
};

const ofNodes: Record<string, Fault> = {
  kill: endAndStart('SIGKILL'),
  restart: endAndStart('SIGTERM'),
  stop: stopAndContinue,
  cut,
  hold: holdBack,
  refuse,
  delay,
  shake,
};
const ofPurgeApi: Record<string, Fault> = {
  kill: endAndStart('SIGKILL'),
  restart: endAndStart('SIGTERM'),
  stop: stopAndContinue,
};

const ofOrigin: Record<string, Fault> = {
  async outage({ network, random, leaseMs }) {
    await network.origin.stop();
    await pause(random.unit() * leaseMs);
    await network.origin.start();
  },
};

export interface Faults {
  /** How often each has been injected: `kill eu`. */
  readonly counts: Map<string, number>;
  /** Injects no more; resolves when all have been healed. */
  stop(): Promise<void>;
}

/** Faults that go on at the same time, each at another node. */
const together = 2;

/** Breaks one thing after another until told to stop. */
export function startFaults(deps: FaultDeps): Faults {
  const { network, random } = deps;
  const counts = new Map<string, number>();
  const ids = [
    'purge',
    'origin',
    ...[...network.config.shields, ...network.config.pops].map(({ id }) => id),
  ];
  const broken = new Set<string>();
  let isOver = false;
  const breakOne = async () => {
    const id = chosen(
      random,
      ids.filter((each) => !broken.has(each)),
    );
    const faults = id === 'purge' ? ofPurgeApi : id === 'origin' ? ofOrigin : ofNodes;
    const name = chosen(random, Object.keys(faults));
    counts.set(`${name} ${id}`, (counts.get(`${name} ${id}`) ?? 0) + 1);
    broken.add(id);
    await faults[name]?.(deps, id);
    broken.delete(id);
  };
  const acting = Array.from({ length: together }, async () => {
    while (!isOver) {
      await breakOne();
      await pause(random.unit() * deps.leaseMs * 0.5);
    }
  });
  return {
    counts,
    async stop() {
      isOver = true;
      await Promise.all(acting);
    },
  };
}
