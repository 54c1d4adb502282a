/** One history from a seed: a network, its users, what befalls it, a time in which all is well again, and the judgement. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Clients, createClients } from './clients.ts';
import { judgeEnd } from './end-state.ts';
import { beginFaults, loseJournal } from './faults.ts';
import { type SimulatedNetwork, startNetwork } from './simulated-network.ts';
import { cachingIds } from './simulated-topology.ts';
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
const faultyMs = 11_000;
const calmMs = 9_000;

/** Plays the history of a seed. */
export async function play(seed: number, wiring: Wiring = asInProduction): Promise<Outcome> {
  const hasDisk = seed % 5 === 0;
  const folder = hasDisk ? mkdtempSync(path.join(tmpdir(), 'breakwater-simulation-')) : null;
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
  const isLoss = seed % 8 === 7;
  clients.go(chance.pick([30, 60, 200]), isLoss ? 2000 : 700);
  const untilMs = startMs + faultyMs;
  if (isLoss)
    time.after(chance.between(100, 3000), () => void loseJournal(network, chance, clients));
  const mend = isLoss ? () => {} : beginFaults(network, clients, untilMs);
  await time.runUntil(untilMs);
  history.note('calm');
  mend();
  network.calm();
  clients.stop();
  clients.go(500, 4000);
  await time.runUntil(untilMs + calmMs);
  clients.stop();
  clients.readAll();
  await time.runUntil(untilMs + calmMs + 2500);
}
