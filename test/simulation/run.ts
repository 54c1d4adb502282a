/** One history from a seed: a network, its users, what befalls it, a time in which all is well again, and the judgement. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Clients, createClients } from './clients.ts';
import { isWell, judgeEnd } from './end-state.ts';
import { beginFaults } from './faults.ts';
import { loseJournal } from './lost-journal.ts';
import { type SimulatedNetwork, startNetwork } from './simulated-network.ts';
import { cachingIds, leaseMs } from './simulated-topology.ts';
import { asInProduction, type Wiring } from './wiring.ts';

export interface Outcome {
  seed: number;
  problems: readonly string[];
  digest: string;
  /** The last lines of the history. */
  tail: string[];
  counts: ReadonlyMap<string, number>;
  events: number;
}

const startMs = 1500;
const faultyMs = 8000;
const healLimitMs = 20_000;
/** Longer than a lease that was granted before. */
const wellForMs = 1.25 * leaseMs;
const settleMs = 1500;

/** In whose history the journal is put back to an older copy, and nothing else goes wrong. */
export const losesJournal = (seed: number): boolean => seed % 8 === 7;

/** Whose nodes have a disk tier, on real files. */
const hasDisk = (seed: number): boolean => seed % 8 === 3;

/** Plays the history of a seed. */
export async function play(seed: number, wiring: Wiring = asInProduction): Promise<Outcome> {
  const folder = hasDisk(seed) ? mkdtempSync(path.join(tmpdir(), 'breakwater-simulation-')) : null;
  const network = startNetwork({ seed, wiring, folder });
  try {
    const clients = createClients(network);
    await live(network, clients, seed);
    judgeEnd(network, clients);
  } catch (error) {
    network.history.problem(`the simulation failed: ${(error as Error).stack}`);
  } finally {
    network.end();
    if (folder) rmSync(folder, { recursive: true, force: true });
  }
  const { history, time } = network;
  return {
    seed,
    problems: history.problems,
    digest: history.digest(),
    tail: history.tail(2000),
    counts: history.counts,
    events: time.eventsRun,
  };
}

async function live(network: SimulatedNetwork, clients: Clients, seed: number): Promise<void> {
  const { time, history } = network;
  const chance = network.chance.fork();
  for (const id of chance.shuffle([...cachingIds, 'purge' as const])) {
    time.after(chance.between(0, 300), () => network.start(id));
  }
  await time.runUntil(startMs);
  const isLoss = losesJournal(seed);
  clients.go(chance.pick([30, 60, 200]), isLoss ? 2000 : 700);
  const untilMs = startMs + faultyMs;
  if (isLoss)
    time.after(chance.between(100, 1000), () => void loseJournal(network, chance, clients));
  const mend = isLoss ? () => {} : beginFaults(network, clients, untilMs);
  await time.runUntil(untilMs);
  history.note('calm');
  mend();
  network.calm();
  clients.stop();
  clients.go(300, 2000);
  // It takes as long as half-open connections take to be noticed, at the most.
  const limitMs = untilMs + healLimitMs;
  let wellSinceMs = time.nowMs();
  while (time.nowMs() - wellSinceMs < wellForMs && time.nowMs() < limitMs) {
    await time.runUntil(time.nowMs() + 500);
    if (!isWell(network)) wellSinceMs = time.nowMs();
  }
  clients.stop();
  clients.readAll();
  await time.runUntil(time.nowMs() + settleMs);
}
