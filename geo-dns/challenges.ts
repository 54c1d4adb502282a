/**
 * ACME challenges that this server answers for a while (RFC 8555 §8.4): TXT records beside those of the zones. They come from
 * purge-api, all at once each time, and end by themselves.
 */
import type { Name } from '../core/dns/name.ts';
import { classIn, type ResourceRecord, recordTypes } from '../core/dns/record.ts';
import { acmeListSchema, challengeName } from '../core/purge/acme.ts';
import type { Clock, Timer } from '../core/runtime/deps.ts';
import { type Found, lookup, type Zone, type ZoneNode } from './zone.ts';

/** The values of each name. Another object whenever anything has changed. */
export type Challenges = ReadonlyMap<Name, readonly string[]>;

export const noChallenges: Challenges = new Map();

export interface ChallengeKeeper {
  /** Replaces what there was, and returns it. Throws when `body` is no list of challenges. */
  take(body: unknown): Challenges;
  now(): Challenges;
  stop(): void;
}

/** Whoever checks asks at once; a validation that failed is tried again soon. */
const ttlSeconds = 5;

/** Keeps none yet; `onChange` is told of each change. */
export function createChallengeKeeper(
  clock: Clock,
  onChange: (challenges: Challenges) => void,
): ChallengeKeeper {
  let kept: { name: Name; value: string; untilMs: number }[] = [];
  let shown = noChallenges;
  let timer: Timer | undefined;
  const show = () => {
    timer?.cancel();
    const nowMs = clock.monotonicMs();
    kept = kept.filter(({ untilMs }) => untilMs > nowMs);
    const byName = new Map<Name, string[]>();
    for (const { name, value } of kept) {
      byName.set(name, [...(byName.get(name) ?? []), value]);
    }
    shown = byName;
    onChange(shown);
    if (kept.length === 0) return;
    timer = clock.after(Math.min(...kept.map(({ untilMs }) => untilMs)) - nowMs, show);
  };
  return {
    take(body) {
      const nowMs = clock.monotonicMs();
      kept = acmeListSchema.parse(body).challenges.map(({ host, value, leftMs }) => ({
        name: challengeName(host),
        value,
        untilMs: nowMs + leftMs,
      }));
      show();
      return shown;
    },
    now: () => shown,
    stop: () => timer?.cancel(),
  };
}

/** What a zone has for a name and a type, and what challenges give it beside that. */
export function lookupBeside(
  challenges: Challenges | undefined,
  zone: Zone,
  key: Name,
  type: number,
): Found {
  if (!challenges || challenges.size === 0) return lookup(zone, key, type);
  const values = challenges.get(key);
  const made = values && nodeWith(key, values, zone.nodes.get(key));
  const found = lookup(zone, key, type, made);
  // A name above exists then: who is told that it does not would not ask for what is below it (RFC 8020).
  const isThere = found.kind === 'nxdomain' && isAboveChallenge(challenges, key);
  return isThere ? { kind: 'nodata', node: { rrsets: new Map() } } : found;
}

function nodeWith(name: Name, values: readonly string[], inZone: ZoneNode | undefined): ZoneNode {
  const { TXT, CNAME } = recordTypes;
  const made = values.map(
    (value): ResourceRecord => ({
      name,
      class: classIn,
      ttlSeconds,
      data: { type: 'TXT', strings: [Buffer.from(value)] },
    }),
  );
  const rrsets = new Map(inZone?.rrsets);
  // A name with a record of its own is no alias, as long as that lasts.
  rrsets.delete(CNAME);
  const given = (rrsets.get(TXT) ?? []).map((record) => ({ ...record, ttlSeconds }));
  return { rrsets: rrsets.set(TXT, [...given, ...made]) };
}

function isAboveChallenge(challenges: Challenges, name: Name): boolean {
  return [...challenges.keys()].some((challenge) => challenge.endsWith(`.${name}`));
}
