/**
 * The DNS and its clients in time steps: each client asks again when its answer runs out, is sent by geo-dns's own `select`, and is a
 * load on the PoP that it was sent to; load moves the choice of the next who ask, and the share that a PoP keeps. Then some
 * PoPs die: after three probes the DNS leaves them out, and their clients follow as their answers run out. Pure; nothing is
 * left to chance but the population.
 */
import type { Pop } from '../../core/topology/schema.ts';
import type { SteeringRules } from '../../core/topology/steering-schema.ts';
import { type PopStanding, select } from '../../geo-dns/select.ts';
import { nextShare, rulesAmong, type SheddingRules } from '../../geo-dns/shedding.ts';
import { locatedIn } from './catchments.ts';
import type { Population } from './population.ts';
import { without } from './world.ts';

export interface SimulationInput {
  population: Population;
  /** As they stand at the beginning; their loads are the simulation's own. */
  pops: readonly (PopStanding & { pop: Pick<Pop, 'capacity'> })[];
  rules: SteeringRules;
  shedding: SheddingRules;
  /** How long a client keeps an answer. */
  ttlMs: number;
  probeIntervalMs: number;
  /** Requests in progress of one client, on average. */
  inProgress: number;
  /** PoPs that die. */
  without: readonly string[];
}

export interface PopLoad {
  pop: string;
  standing: string;
  clients: number;
  /** Requests in progress over capacity. */
  load: number;
  /** The share of its networks that it keeps. */
  share: number;
}

export interface Snapshot {
  pops: PopLoad[];
  /** By country, in the order of the population: clients by PoP. */
  routes: number[][];
}

export interface SimulationResult {
  before: Snapshot;
  /** With the dead PoPs, once all has come to rest; undefined when none dies. */
  after: Snapshot | undefined;
  /** The highest load of each PoP while the clients of the dead ones move. */
  peaks: number[];
  /** From the death until the last client has been sent elsewhere. */
  strandedMs: number;
}

const stepMs = 1000;
/** Ten lifetimes of an answer are enough for shares to come to rest. */
const restTtls = 10;

export function simulate(input: SimulationInput): SimulationResult {
  const state = createState(input);
  const ttlSteps = Math.max(1, Math.round(input.ttlMs / stepMs));
  const run = (steps: number, pops: SimulationInput['pops'], peaks?: number[]) => {
    for (let step = 0; step < steps; step += 1) state.step(pops, ttlSteps, peaks);
  };
  state.askAll(input.pops);
  run(restTtls * ttlSteps, input.pops);
  const before = state.snapshot(input.pops);
  if (input.without.length === 0) return { before, after: undefined, peaks: [], strandedMs: 0 };
  const dead = without(input.pops, input.without).map((standing, index) => ({
    ...standing,
    pop: { ...standing.pop, capacity: input.pops[index]?.pop.capacity ?? 1 },
  }));
  const peaks = before.pops.map(() => 0);
  const detectionSteps = Math.ceil((3 * input.probeIntervalMs) / stepMs);
  run(detectionSteps, input.pops, peaks);
  run(restTtls * ttlSteps, dead, peaks);
  const after = state.snapshot(dead);
  return { before, after, peaks, strandedMs: (detectionSteps + ttlSteps) * stepMs };
}

/** The clients and where they are, and what the PoPs carry. */
function createState({ population, rules, shedding, inProgress, pops: initial }: SimulationInput) {
  const clients = population.countryOf.length;
  const sentTo = new Int16Array(clients).fill(-1);
  const counts = initial.map(() => 0);
  const shares = initial.map(() => 1);
  const indexOf = new Map(initial.map(({ pop }, index) => [pop.id, index]));
  let now = 0;

  const loadOf = (index: number) =>
    ((counts[index] ?? 0) * inProgress) / (initial[index]?.pop.capacity ?? 1);
  const current = (pops: readonly PopStanding[]) =>
    pops.map((pop, index) => {
      const share = shares[index] ?? 1;
      return { ...pop, load: loadOf(index), ...(share < 1 ? { share } : {}) };
    });
  const ask = (pops: readonly PopStanding[], first: number, every: number) => {
    const chooser = createChooser(population, rules, pops, indexOf);
    for (let client = first; client < clients; client += every) {
      const to = chooser(client, now);
      const from = sentTo[client] ?? -1;
      if (from >= 0) counts[from] = (counts[from] ?? 0) - 1;
      counts[to] = (counts[to] ?? 0) + 1;
      sentTo[client] = to;
    }
  };
  return {
    /** The first answers, in ten parts, so that the first load already counts. */
    askAll(pops: readonly PopStanding[]) {
      for (let part = 0; part < 10; part += 1) ask(current(pops), part, 10);
    },
    /** Those whose answer runs out ask; then a second passes. */
    step(pops: readonly PopStanding[], ttlSteps: number, peaks?: number[]) {
      ask(current(pops), now % ttlSteps, ttlSteps);
      now += 1;
      const loads = pops.flatMap(({ standing }, i) => (standing === 'in' ? [loadOf(i)] : []));
      const limits = rulesAmong(shedding, loads);
      for (const index of shares.keys()) {
        shares[index] = nextShare(shares[index] ?? 1, loadOf(index), stepMs, limits);
        if (peaks) peaks[index] = Math.max(peaks[index] ?? 0, loadOf(index));
      }
    },
    snapshot(pops: readonly PopStanding[]): Snapshot {
      const routes = population.countries.map(() => initial.map(() => 0));
      for (let client = 0; client < clients; client += 1) {
        const row = routes[population.countryOf[client] ?? 0];
        const to = sentTo[client] ?? -1;
        if (row && to >= 0) row[to] = (row[to] ?? 0) + 1;
      }
      const loads = pops.map(({ pop, standing }, index) => ({
        pop: pop.id,
        standing,
        clients: counts[index] ?? 0,
        load: loadOf(index),
        share: shares[index] ?? 1,
      }));
      return { pops: loads, routes };
    },
  };
}

/** Where a client is sent. Where the answer is the same for a whole country, it is looked for once. */
function createChooser(
  population: Population,
  rules: SteeringRules,
  pops: readonly PopStanding[],
  indexOf: ReadonlyMap<string, number>,
) {
  const byCountry = new Map<number, number>();
  return (client: number, turn: number): number => {
    const country = population.countryOf[client] ?? 0;
    const known = byCountry.get(country);
    if (known !== undefined) return known;
    const there = population.countries[country];
    const located = there ? locatedIn(there) : { source: 'none' as const, prefixLength: 0 };
    const network = population.networkOf(client);
    const selection = select(located, pops, { rules, network, turn: turn + client });
    const to = indexOf.get(selection.candidates[0]?.pop.id ?? '') ?? 0;
    const isShared = selection.dependsOnNetwork || rules.policy === 'round-robin';
    if (!isShared) byCountry.set(country, to);
    return to;
  };
}
