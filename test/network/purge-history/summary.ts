/** What a history was made of, in one line, and what it lacks to prove anything. */
import { leastFaults, type Played, total } from './play.ts';

export interface Summary {
  text: string;
  /** What has not happened often enough. */
  missing: string[];
}

/** A loaded machine does less, and still this much. */
const atLeast: Record<string, number> = {
  reads: 200,
  hits: 50,
  'reads after converged': 50,
  converged: 5,
  faults: leastFaults,
};

export function summaryOf({ history, faults }: Played): Summary {
  const { reads, purges, sightings } = history;
  const converged = purges.filter(({ convergedAtMs }) => convergedAtMs !== null);
  const isAfterConverged = (url: string, atMs: number) =>
    converged.some(
      ({ matches, convergedAtMs }) => matches.includes(url) && (convergedAtMs ?? 0) < atMs,
    );
  const counts: Record<string, number> = {
    reads: reads.length,
    hits: reads.filter(({ cacheStatus }) => /; hit[^,]*$/.test(cacheStatus)).length,
    stale: reads.filter(({ isStale }) => isStale).length,
    'without lease': reads.filter(({ cacheStatus }) => cacheStatus.includes('no-lease')).length,
    'reads after converged': reads.filter((r) => isAfterConverged(r.url, r.begunAtMs)).length,
    purges: purges.length,
    accepted: purges.filter(({ id }) => id !== null).length,
    converged: converged.length,
    'with a quarantined node': converged.filter(({ quarantined }) => quarantined.length > 0).length,
    sightings: sightings.length,
    'not ready': sightings.filter(({ isReady }) => !isReady).length,
    faults: total(faults),
  };
  const told = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  const broken = [...faults].map(([name, count]) => `${name} ${count}`);
  return {
    text: `${told.join(', ')}: ${broken.join(', ')}`,
    missing: Object.entries(atLeast)
      .filter(([name, least]) => (counts[name] ?? 0) < least)
      .map(([name, least]) => `${name}: ${counts[name] ?? 0} of ${least}`),
  };
}
