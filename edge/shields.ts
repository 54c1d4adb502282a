/**
 * The port over a PoP's shields: for each of its rings in order, the shields in the rendezvous order of the key, and at last the
 * origins, if the site allows it. So all edges ask one shield for one key, and its neighbour while it is away.
 *
 * A shield is passed over while passive health has it out, when it cannot be reached, when it says that it takes no requests
 * (`breakwater-refused` with 503, or with 403 where it does not know this edge), and when it is lost before its head and the request may be sent again. Whatever else it
 * answers, errors of the origin included, is the answer. An error that the shield made itself because its own upstream failed
 * (`breakwater-failure`) is that failure: nobody else is asked, since all shields ask the same origins.
 *
 * Invariants: a request of whose body a byte was read is never sent again; fields between tiers are sent to shields
 * only, with the key that proves who asks.
 */
import { combined } from '../core/http/headers.ts';
import { tierHeaders } from '../core/purge/command.ts';
import { formatHostPort } from '../core/runtime/addresses.ts';
import type { Clock } from '../core/runtime/deps.ts';
import type { Log } from '../core/runtime/log.ts';
import type { Metrics } from '../core/runtime/metrics.ts';
import { deriveKey } from '../core/topology/load.ts';
import { findNode, reachOf } from '../core/topology/nodes.ts';
import type { TopologyWithSecret } from '../core/topology/secret-file.ts';
import { tierKeyPurpose } from '../core/topology/tier-keys.ts';
import type { Dialer, Peer } from '../core/upstream/dial.ts';
import { upstreamFailure } from '../core/upstream/failures.ts';
import { carriesBody } from '../core/upstream/outgoing.ts';
import { createPeerHealth, outcomeOf, type PeerHealth } from '../core/upstream/peer-health.ts';
import { createRetryBudget } from '../core/upstream/retry-budget.ts';
import { orderByRendezvous } from '../core/upstream/ring.ts';
import {
  failureField,
  parseFailure,
  refusedField,
  splitTierFields,
  withoutTierFields,
} from '../core/upstream/tier-fields.ts';
import type {
  Deadline,
  Failure,
  ResponseBody,
  Upstream,
  UpstreamRequest,
  UpstreamResponse,
  UpstreamResult,
} from '../core/upstream/upstream.ts';
import {
  createUpstreamMetrics,
  type RetryReason,
  type UpstreamMetrics,
} from '../core/upstream/upstream-metrics.ts';

export interface ShieldsDeps {
  clock: Clock;
  dialer: Dialer;
  log: Log;
  metrics: Metrics;
  topology: TopologyWithSecret;
  /** The edge that asks. */
  nodeId: string;
  /** For sites that allow it, and PoPs without shields. */
  origins: Upstream;
}

export interface Shields extends Upstream {
  /** Takes the shields of a configuration that was read again. Requests under way go on as they began. */
  updateTopology(next: TopologyWithSecret): void;
}

/** A shield is near, or should not be waited for; the site's limit counts where it is smaller. */
const maxConnectMs = 1000;
/** What a shield gets beyond the origin's limits, so that it is the shield who answers that the origin is late. */
const graceMs = 2000;

/** Creates the port over the shields of the PoP `nodeId`. */
export function createShields(deps: ShieldsDeps): Shields {
  const { dialer, log, metrics, nodeId, origins } = deps;
  const counts = createUpstreamMetrics(metrics);
  const fellBack = metrics.counter(
    'breakwater_edge_origin_fallbacks_total',
    'Requests that the edge took to the origins because no shield answered.',
  );
  const health = createShieldHealth(deps, counts);
  const budget = createRetryBudget();
  let directory = createDirectory(deps.topology, nodeId);

  /** Asks usable shields in turn; a further one after a request that was sent and lost is a retry, and costs the budget. */
  const askInTurn = async (order: readonly string[], ask: Ask): Promise<Verdict | undefined> => {
    let last: Verdict | undefined;
    for (const id of order) {
      // Asked now and not for all at once: meanwhile it may have gone out, or another request may be its trial.
      if (!health.isUsable(id)) continue;
      if (last?.next) {
        if (wasSent(last.reason) && !budget.take()) {
          counts.retryRefused('shield');
          return { next: false, result: { ok: false, failure: last.failure } };
        }
        counts.retried('shield', last.reason);
      }
      last = await ask(id);
      if (!last.next) return last;
    }
    return last;
  };

  return {
    async fetch(request, deadline) {
      if (directory.rings.length === 0) return origins.fetch(request, deadline);
      budget.deposit();
      const order = directory.rings.flatMap((ring) => orderByRendezvous(request.key, ring));
      const limits = shieldLimits(deadline);
      const ask: Ask = (id) => askShield({ dialer, log, health, directory }, id, request, limits);
      const verdict = await askInTurn(order, ask);
      if (verdict && !verdict.next) return verdict.result;
      if (request.site.originFallback) {
        fellBack();
        return origins.fetch(request, deadline);
      }
      if (verdict) return { ok: false, failure: verdict.failure };
      const id = health.lastResort(order);
      const tried = id === undefined ? undefined : await ask(id);
      if (!tried) return { ok: false, failure: upstreamFailure('unavailable', 'no shield is up') };
      return tried.next ? { ok: false, failure: tried.failure } : tried.result;
    },
    updateTopology(next) {
      directory = createDirectory(next, nodeId);
    },
    async close() {
      await Promise.all([dialer.close(), origins.close()]);
    },
  };
}

type Ask = (id: string) => Promise<Verdict>;

interface Asking {
  dialer: Dialer;
  log: Log;
  health: PeerHealth;
  directory: Directory;
}

/** Asks one shield and keeps the book on its health. */
async function askShield(
  { dialer, health, directory, log }: Asking,
  id: string,
  request: UpstreamRequest,
  limits: Deadline,
): Promise<Verdict> {
  const shield = directory.find(id);
  if (!shield) return { next: true, reason: 'unavailable', failure: unknownAddress(id) };
  health.sent(id);
  const result = await dialer.dial(shield.peer, toShield(request, shield.credentials), limits);
  if (result.ok) {
    const answer = fromShield(result.response);
    const isRefusal =
      (answer.status === 503 || answer.status === 403) && answer.tierHeaders.has(refusedField);
    if (isRefusal && answer.status === 403) {
      log.error(
        { shield: id },
        'the shield does not know this edge: do both have the same secret?',
      );
    }
    health.done(id, isRefusal ? 'refused' : 'answered');
    if (isRefusal) return refused(id, request, answer);
    return { next: false, result: failedBehind(id, answer) ?? { ok: true, response: answer } };
  }
  const { failure } = result;
  // A shield that listens on a port of the system's choosing has another one after a restart.
  if (failure.kind === 'connect') directory.forget(id);
  health.done(id, outcomeOf(failure));
  if (!failure.retryable || request.signal.aborted) return { next: false, result };
  return { next: true, reason: failure.kind, failure };
}

function createShieldHealth({ clock, log }: ShieldsDeps, counts: UpstreamMetrics): PeerHealth {
  return createPeerHealth({
    clock,
    onChange(shield, isOut) {
      counts.peerReady('shield', shield, !isOut);
      log.warn({ shield }, isOut ? 'shield is out' : 'shield is back');
    },
  });
}

/** What came of asking one shield: the result, or that the next one should be asked. */
type Verdict =
  | { next: false; result: UpstreamResult }
  | { next: true; reason: RetryReason; failure: Failure };

/** Whether the request may have reached a shield that began to work on it. */
function wasSent(reason: RetryReason): boolean {
  return reason === 'cut' || reason === 'timeout';
}

function refused(id: string, request: UpstreamRequest, answer: UpstreamResponse): Verdict {
  answer.body.abort();
  const failure = upstreamFailure('unavailable', `the shield ${id} takes no requests`);
  if (carriesBody(request)) return { next: false, result: { ok: false, failure } };
  return { next: true, reason: 'refused', failure };
}

/** The failure of the shield's own upstream, if that is what it answers with. */
function failedBehind(id: string, answer: UpstreamResponse): UpstreamResult | undefined {
  const told = answer.tierHeaders.get(failureField);
  if (told === undefined || answer.status < 500) return undefined;
  discard(answer.body);
  const proxyStatus = combined(answer.headers, 'proxy-status');
  return {
    ok: false,
    failure: {
      source: 'upstream',
      retryable: false,
      cause: `the shield ${id} says: ${told}`,
      ...parseFailure(told),
      told: { name: id, status: answer.status, proxyStatus },
    },
  };
}

/** Of a body that nobody wants so much is read, for the connection's sake. */
const discardBytes = 64 * 1024;

/** Reads a small body to its end, so that its connection can be used again while the origin is away. */
function discard(body: ResponseBody): void {
  if (body.lengthBytes === undefined || body.lengthBytes > discardBytes) body.abort();
  else body.start({ data() {}, end() {}, fail() {} });
}

function toShield(request: UpstreamRequest, credentials: string) {
  return {
    ...request,
    hostHeader: request.host,
    headers: [
      ...withoutTierFields(request.headers),
      ...request.tierHeaders,
      tierHeaders.tier,
      credentials,
    ],
  };
}

function fromShield(response: UpstreamResponse): UpstreamResponse {
  return { ...response, ...splitTierFields(response.headers) };
}

function shieldLimits({ connectMs, firstByteMs, betweenBytesMs }: Deadline): Deadline {
  return {
    connectMs: Math.min(connectMs, maxConnectMs),
    firstByteMs: firstByteMs + graceMs,
    betweenBytesMs: betweenBytesMs + graceMs,
  };
}

function unknownAddress(id: string): Failure {
  return upstreamFailure('unavailable', `the shield ${id} has not said where it listens`);
}

interface ShieldEntry {
  peer: Peer;
  /** `ID KEY` of this edge for this shield. */
  credentials: string;
}

/** The shields of a PoP under one configuration. */
interface Directory {
  rings: readonly (readonly string[])[];
  /** Undefined while it is unknown where the shield listens; looked up again each time until it is known. */
  find(id: string): ShieldEntry | undefined;
  /** Looks it up again next time. */
  forget(id: string): void;
}

function createDirectory(topology: TopologyWithSecret, nodeId: string): Directory {
  const entries = new Map<string, ShieldEntry>();
  const rings = topology.pops.find((pop) => pop.id === nodeId)?.shieldRings ?? [];
  return {
    rings,
    find(id) {
      const known = entries.get(id);
      if (known) return known;
      const address = reachOf(topology, findNode(topology, id));
      if (!address) return undefined;
      const key = deriveKey(topology.secret, tierKeyPurpose(nodeId, id));
      const origin = `http://${formatHostPort(address)}`;
      const entry = {
        peer: { tier: 'shield' as const, name: id, origin },
        credentials: `${nodeId} ${key}`,
      };
      entries.set(id, entry);
      return entry;
    },
    forget(id) {
      entries.delete(id);
    },
  };
}
