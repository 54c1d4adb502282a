/**
 * What one thread needs to answer queries: zones, places and PoPs as they are now, and beside them what belongs to the thread alone
 * (its share of the rate limit, cookies, signatures, turns, prepared answers). Put together here, decided elsewhere.
 */
import { type Clock, every, type Random } from '../core/runtime/deps.ts';
import type { Log } from '../core/runtime/log.ts';
import { deriveKey } from '../core/topology/load.ts';
import type { DnsNode } from '../core/topology/schema.ts';
import type { TopologyWithSecret } from '../core/topology/secret-file.ts';
import type { AnswerContext } from './answer.ts';
import type { Challenges } from './challenges.ts';
import { createCookies } from './cookies.ts';
import type { DnsMetrics } from './dns-metrics.ts';
import { createSignAnswer } from './dnssec/sign-answer.ts';
import { createSigner } from './dnssec/signer.ts';
import type { Measured } from './measured/measured.ts';
import { createPreparedAnswers } from './prepared.ts';
import { withQueryLog } from './query-log.ts';
import { createRateLimiter } from './rate-limit.ts';
import { createRespond, type Respond } from './respond.ts';
import type { PopStanding } from './select.ts';
import { createTurns } from './steering/turns.ts';
import { defaultTcpLimits } from './tcp-listener.ts';

/** What a reload replaces. */
export interface Served extends Pick<AnswerContext, 'zones' | 'locate' | 'steering'> {
  topology: TopologyWithSecret;
}

export interface ResponderDeps {
  clock: Clock;
  random: Random;
  log: Log;
  metrics: DnsMetrics;
}

export interface ResponderOptions {
  nodeId: string;
  /** Of that moment; another object when anything has changed. */
  served: () => Served;
  pops: () => readonly PopStanding[];
  /** Another object when any has changed. */
  challenges: () => Challenges;
  /** What clients have measured; another object when anything has changed. */
  measured: () => Measured;
  /** How many threads share the node's clients, and so its rate limit. */
  threads: number;
}

export interface Responder {
  respond: Respond;
  /** Hands what was not counted yet to the metrics. */
  flush(): void;
  stop(): void;
}

/** How far the counters may lag behind answers that were ready. */
const flushMs = 1000;

export function createResponder(deps: ResponderDeps, options: ResponderOptions): Responder {
  const { clock, random, metrics } = deps;
  const { nodeId, served, pops, challenges, measured, threads } = options;
  const { secret, limits } = served().topology;
  const config = () => dnsNodeOf(served().topology, nodeId);
  const limiter = createRateLimiter(
    { clock, random, onEvict: metrics.rateLimitEviction },
    { rules: () => shareOf(config().rateLimit, threads), exempt: limits.exempt },
  );
  const cookies = createCookies({
    clock,
    keyOfDay: (day) => Buffer.from(deriveKey(secret, `dns-cookie ${day}`), 'hex').subarray(0, 16),
  });
  const sign = createSignAnswer(createSigner({ clock, metrics }));
  const prepared = createPreparedAnswers(clock, [served, pops, challenges, measured]);
  const turns = createTurns();
  const nsid = () => (config().nsid ? nodeId : undefined);
  const { idleMs: tcpIdleMs } = defaultTcpLimits;
  const flushing = every(clock, flushMs, prepared.flush);
  const respond = createRespond(
    { ...deps, limiter, cookies, nsid, tcpIdleMs, prepared, sign },
    () => ({ ...served(), pops: pops(), challenges: challenges(), measured: measured(), turns }),
  );
  return {
    respond: withQueryLog(deps, respond, () => config().queryLog.sample),
    flush: prepared.flush,
    stop: () => flushing.cancel(),
  };
}

/** The system spreads the queries of a network over the threads. */
function shareOf(rules: DnsNode['rateLimit'], threads: number): DnsNode['rateLimit'] {
  const responsesPerSecond = Math.ceil(rules.responsesPerSecond / threads);
  return threads === 1 ? rules : { ...rules, responsesPerSecond };
}

export function dnsNodeOf(topology: TopologyWithSecret, id: string): DnsNode {
  const node = topology.dns.find((dns) => dns.id === id);
  if (!node) throw new Error(`${topology.file} has no DNS server "${id}"`);
  return node;
}
