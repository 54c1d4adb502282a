/**
 * ACME challenges (RFC 8555 §8.4) that callers of the API have asked to be answered: kept for an hour or until they are taken
 * back, in memory only, and told to the DNS servers. A client of ACME whose challenge was lost begins anew.
 */
import { type AcmeList, challengeTtlMs, maxChallenges } from '../core/purge/acme.ts';
import type { Clock } from '../core/runtime/deps.ts';
import type { Metrics } from '../core/runtime/metrics.ts';
import type { FanOut } from './fan-out.ts';

export interface Challenge {
  host: string;
  value: string;
  untilMs: number;
}

/** Whether a DNS server answers what is kept now. */
export interface ServerAnswer {
  node: string;
  ok: boolean;
  problem?: string;
}

export interface AcmeChallenges {
  /** Keeps a challenge, or keeps it longer. Undefined: there are too many. */
  add(host: string, value: string): Challenge | undefined;
  /** Takes back those of a host, or one of them; false: there was none. */
  remove(host: string, value?: string): boolean;
  list(): Challenge[];
  /** Tells the servers; resolves with what each says of it. */
  tell(nodeIds: readonly string[]): Promise<ServerAnswer[]>;
}

export interface AcmeDeps {
  clock: Clock;
  metrics: Metrics;
  ask: FanOut['ask'];
}

const tellTimeoutMs = 3000;

export function createAcmeChallenges({ clock, metrics, ask }: AcmeDeps): AcmeChallenges {
  let kept: Challenge[] = [];
  const refused = metrics.counter(
    'breakwater_purge_acme_challenges_refused_total',
    'ACME challenges refused because too many were kept.',
  );
  const list = () => {
    const nowMs = clock.nowMs();
    // A clock that was set back must not make an hour longer.
    kept = kept.filter(({ untilMs }) => untilMs > nowMs && untilMs <= nowMs + challengeTtlMs);
    return kept;
  };
  metrics.gauge('breakwater_purge_acme_challenges', 'ACME challenges kept.', () => list().length);
  const isOf = (host: string, value?: string) => (challenge: Challenge) =>
    challenge.host === host && (value === undefined || challenge.value === value);
  return {
    add(host, value) {
      const others = list().filter((challenge) => !isOf(host, value)(challenge));
      if (others.length >= maxChallenges) {
        refused();
        return undefined;
      }
      const challenge = { host, value, untilMs: clock.nowMs() + challengeTtlMs };
      kept = [...others, challenge];
      return challenge;
    },
    remove(host, value) {
      const left = list().filter((challenge) => !isOf(host, value)(challenge));
      const hadSome = left.length < kept.length;
      kept = left;
      return hadSome;
    },
    list,
    tell(nodeIds) {
      const nowMs = clock.nowMs();
      const body: AcmeList = {
        challenges: list().map(({ host, value, untilMs }) => {
          return { host, value, leftMs: untilMs - nowMs };
        }),
      };
      return Promise.all(nodeIds.map((id) => tellOne(ask, id, body)));
    },
  };
}

async function tellOne(ask: FanOut['ask'], node: string, list: AcmeList): Promise<ServerAnswer> {
  const { ok, body } = await ask(node, 'acme', list, tellTimeoutMs);
  if (ok) return { node, ok };
  const { problem } = body as { problem?: unknown };
  return { node, ok, problem: typeof problem === 'string' ? problem : 'not understood' };
}
