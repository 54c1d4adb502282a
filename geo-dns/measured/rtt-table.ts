/**
 * Round-trip times by client network and PoP, from reports of clients. Each is a moving average, of which a fifth is the newest report;
 * a report counts half an hour later by half. A time is used while enough reports stand behind it, so that neither one client
 * nor yesterday decides.
 *
 * Invariants: bounded in networks, the one that was reported for longest ago gives way, counted; what is told is another
 * object whenever anything in it has changed, and no more often than every 30 s, since answers are kept ready until then.
 */
import type { RttReport } from '../../core/purge/rtt.ts';
import { maskBytes, parseAddress } from '../../core/runtime/addresses.ts';
import { type Clock, every } from '../../core/runtime/deps.ts';
import type { MeasuredNetworks } from './measured.ts';

export const rttLimits = {
  networks: 5000,
  /** Weight of the newest report in the average. */
  newest: 0.2,
  /** Reports, weighted by their age, behind a time that is used. */
  enough: 5,
  halfLifeMs: 30 * 60_000,
  publishMs: 30_000,
};

interface Average {
  rttMs: number;
  /** Reports behind it, each halved in a half-life. */
  weight: number;
  atMs: number;
}

interface NetworkState {
  bytes: readonly number[];
  prefixLength: number;
  byPop: Map<string, Average>;
}

export interface RttTable {
  /** Takes reports for PoPs that `isPop` knows; returns how many. */
  take(reports: readonly RttReport[]): number;
  stop(): void;
}

export interface RttTableDeps {
  clock: Clock;
  isPop(id: string): boolean;
  onReport(outcome: 'taken' | 'ignored'): void;
  onEvict(): void;
  /** Told when what is measured well enough has changed. */
  onChange(networks: MeasuredNetworks): void;
}

export function createRttTable(
  { clock, isPop, onReport, onEvict, onChange }: RttTableDeps,
  limits = rttLimits,
): RttTable {
  // In the order of their last report: the first is the oldest.
  const networks = new Map<string, NetworkState>();
  let told = '[]';
  let toldAtMs = Number.NEGATIVE_INFINITY;
  const takeOne = ({ client, pop, rttMs }: RttReport): boolean => {
    const address = parseAddress(client);
    if (!address || !isPop(pop)) return false;
    const prefixLength = address.family === 4 ? 24 : 48;
    const bytes = maskBytes(address.bytes, prefixLength);
    const key = bytes.join('.');
    const state = networks.get(key) ?? { bytes, prefixLength, byPop: new Map() };
    networks.delete(key);
    networks.set(key, state);
    const nowMs = clock.monotonicMs();
    state.byPop.set(pop, nextAverage(state.byPop.get(pop), rttMs, nowMs, limits));
    const [oldest] = networks.keys();
    if (networks.size > limits.networks && oldest !== undefined) {
      networks.delete(oldest);
      onEvict();
    }
    return true;
  };
  const publish = () => {
    const nowMs = clock.monotonicMs();
    const shown: MeasuredNetworks = [...networks.values()].flatMap((state) => {
      const rtts = timesOf(state, nowMs, limits);
      const { bytes, prefixLength } = state;
      return rtts.size === 0 ? [] : [{ bytes, prefixLength, rtts }];
    });
    for (const [key, { byPop }] of networks) if (byPop.size === 0) networks.delete(key);
    const text = JSON.stringify(shown.map(({ bytes, rtts }) => [bytes, ...rtts]).sort());
    if (text === told) return;
    told = text;
    toldAtMs = nowMs;
    onChange(shown);
  };
  const timer = every(clock, limits.publishMs, publish);
  return {
    take(reports) {
      const taken = reports.filter((report) => {
        const isTaken = takeOne(report);
        onReport(isTaken ? 'taken' : 'ignored');
        return isTaken;
      });
      // The first that are enough are used at once; what follows waits its time.
      if (clock.monotonicMs() - toldAtMs >= limits.publishMs) publish();
      return taken.length;
    },
    stop: () => timer.cancel(),
  };
}

function nextAverage(
  before: Average | undefined,
  rttMs: number,
  nowMs: number,
  { newest, halfLifeMs }: typeof rttLimits,
): Average {
  if (!before) return { rttMs, weight: 1, atMs: nowMs };
  const weight = decayed(before, nowMs, halfLifeMs) + 1;
  // The first reports are a plain mean: the very first must not weigh four fifths.
  const part = Math.max(newest, 1 / weight);
  return { rttMs: before.rttMs + part * (rttMs - before.rttMs), weight, atMs: nowMs };
}

function decayed({ weight, atMs }: Average, nowMs: number, halfLifeMs: number): number {
  return weight * 2 ** (-(nowMs - atMs) / halfLifeMs);
}

/** The times with enough behind them, whole milliseconds; what has nearly no weight left is forgotten. */
function timesOf(
  { byPop }: NetworkState,
  nowMs: number,
  { enough, halfLifeMs }: typeof rttLimits,
): Map<string, number> {
  const times = new Map<string, number>();
  for (const [pop, average] of byPop) {
    const weight = decayed(average, nowMs, halfLifeMs);
    // Just reported `enough` times is enough, although the first of them are some seconds old.
    if (weight >= enough - 0.5) times.set(pop, Math.max(1, Math.round(average.rttMs)));
    else if (weight < 0.1) byPop.delete(pop);
  }
  return times;
}
