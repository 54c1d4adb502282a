/**
 * Why a client is sent to a PoP, as the strings of a TXT record, one `key=value` each: what `_why.HOST` answers, and
 * what `breakwater get` prints. The keys are a contract with those who read them.
 */

import type { RecordData } from '../core/dns/record.ts';
import type { Steered } from './answer.ts';
import type { Located } from './locate/locate.ts';
import type { Candidate } from './select.ts';

/** A TXT string holds 255 bytes (RFC 1035 §3.3). */
const maxStringBytes = 255;
/** PoPs listed at most. Beyond some twenty the answer does not fit a datagram, and comes over TCP. */
const maxListed = 100;

/** The TXT data that explains `steered`. */
export function explainTxt(steered: Steered): RecordData {
  return {
    type: 'TXT',
    strings: explain(steered).map((pair) => Buffer.from(pair).subarray(0, maxStringBytes)),
  };
}

function explain({
  located,
  basis,
  selection,
  alikePrefixLength,
  scopePrefixLength,
}: Steered): string[] {
  const { policy, reason, candidates, chosen } = selection;
  const first = candidates[0];
  const place = located.source === 'none' ? undefined : located.name;
  return [
    `pop=${first?.pop.id ?? 'none'}`,
    `reason=${reason}`,
    `place=${place ?? 'unknown'}`,
    `source=${located.source}`,
    `basis=${basis}`,
    ...(first ? distances(first) : []),
    `scope=${scopePrefixLength}`,
    ...whereabouts(located),
    `within=${alikePrefixLength}`,
    ...(policy === 'latency' ? [] : [`policy=${policy}`]),
    ...(first && first.standing !== 'in' ? [`standing=${first.standing}`] : []),
    ...(chosen.length > 1 ? [`answer=${chosen.map(({ pop }) => pop.id).join(' ')}`] : []),
    ...candidates
      .slice(1, maxListed)
      .map(
        (other) =>
          `then=${[other.pop.id, ...distances(other), ...reasonOf(other, first), standingOf(other)].join(' ')}`,
      ),
  ];
}

/** What a what-if needs to choose anew: the place as a point. */
function whereabouts(located: Located): string[] {
  if (located.source === 'none') return [];
  const { latitude, longitude, country, continent } = located;
  return [
    `at=${latitude},${longitude}`,
    ...(country === undefined ? [] : [`country=${country}`]),
    ...(continent === undefined ? [] : [`continent=${continent}`]),
  ];
}

/** Where it is not that of the first: a PoP that comes later may do so on other grounds. */
function reasonOf({ reason }: Candidate, first: Candidate | undefined): string[] {
  return reason === first?.reason ? [] : [`reason=${reason}`];
}

function standingOf({ standing, isShed }: Candidate): string {
  return standing === 'in' && isShed ? 'shed' : standing;
}

function distances({ distanceKm, rttMs, loadKm, load, share }: Candidate): string[] {
  return [
    ...(rttMs === undefined ? [] : [`rtt-ms=${rttMs}`]),
    ...(distanceKm === undefined ? [] : [`distance-km=${Math.round(distanceKm)}`]),
    ...(loadKm === 0 ? [] : [`load=${load.toFixed(2)}`, `load-km=${Math.round(loadKm)}`]),
    ...(share === undefined ? [] : [`share=${share}`]),
  ];
}
