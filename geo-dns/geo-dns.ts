/**
 * The DNS server as a whole: zones, places, the view of the PoPs, listeners, probes and the stream to purge-api, wired
 * together, started, reloaded and drained.
 *
 * Invariant: it needs nobody to answer. Without purge-api it steers by its own probes, and when those fail too, by
 * distance alone.
 */
import type { DownMessage } from '../core/purge/command.ts';
import { openNodeStream } from '../core/purge/stream.ts';
import { formatHostPort, type HostPort, parseHostPort } from '../core/runtime/addresses.ts';
import { listenAdmin } from '../core/runtime/admin.ts';
import { every } from '../core/runtime/deps.ts';
import type { Service } from '../core/runtime/service.ts';
import { type Changes, changesBetween } from '../core/topology/changes.ts';
import { deriveKey } from '../core/topology/load.ts';
import { findNode, reachOf, recordBound } from '../core/topology/nodes.ts';
import type { NodeContext } from '../core/topology/run-node.ts';
import type { DnsNode } from '../core/topology/schema.ts';
import type { TopologyWithSecret } from '../core/topology/secret-file.ts';
import { steeringByHost } from '../core/topology/steering-schema.ts';
import { createAdmin } from './admin.ts';
import type { AnswerContext } from './answer.ts';
import { createCookies } from './cookies.ts';
import { createDnsMetrics, type DnsMetrics } from './dns-metrics.ts';
import { createSignAnswer } from './dnssec/sign-answer.ts';
import { createSigner } from './dnssec/signer.ts';
import { type GeoDatabase, openGeoDatabase } from './locate/database.ts';
import { createLocate } from './locate/locate.ts';
import { createPopView, type PopView } from './pop-view.ts';
import { createPreparedAnswers } from './prepared.ts';
import { fetchByHttp, type Prober, type ProbeTarget, startProber } from './probe.ts';
import { createRateLimiter } from './rate-limit.ts';
import { createRespond, type Respond } from './respond.ts';
import { startServer } from './server.ts';
import { createTurns } from './steering/turns.ts';
import { defaultTcpLimits } from './tcp-listener.ts';
import { loadZones, type Sources } from './zone-source.ts';

/** How far the counters may lag behind answers that were ready. */
const flushMs = 1000;

/** What a reload replaces. */
interface Current extends Pick<AnswerContext, 'zones' | 'locate' | 'steering'>, Sources {
  topology: TopologyWithSecret;
  database: GeoDatabase | undefined;
  /** Undefined until the listeners are bound. */
  prober?: Prober;
}

/** Starts the DNS server of `context.node`; resolves when its listeners are bound. */
export async function startDns(context: NodeContext): Promise<Service> {
  const { topology, node, clock, random, log, instance } = context;
  const metrics = createDnsMetrics(context.metrics);
  // All that can fail because of the configuration fails before a port is bound.
  const config = dnsNodeOf(topology, node.id);
  const { zones, files, keys } = loadZones(topology, config);
  const database = await openDatabase(context, metrics, config.geoip.database);
  const locate = createLocate({ places: config.geoip.places, database });
  const steering = steeringByHost(topology.sites);
  const current: Current = { topology, zones, files, keys, locate, steering, database };
  const turns = createTurns();
  const onHint = (popId: string) => current.prober?.hurry(popId);
  const view = createPopView({ log, metrics, onHint }, topology.pops);

  let isReady = false;
  let isDraining = false;
  const notReady = () =>
    isDraining ? 'draining' : isReady ? undefined : 'the PoPs have not been probed yet';
  const limiter = createRateLimiter(
    { clock, random, onEvict: metrics.rateLimitEviction },
    { rules: () => dnsNodeOf(current.topology, node.id).rateLimit, exempt: topology.limits.exempt },
  );
  const cookies = createCookies({
    clock,
    keyOfDay: (day) =>
      Buffer.from(deriveKey(topology.secret, `dns-cookie ${day}`), 'hex').subarray(0, 16),
  });
  const sign = createSignAnswer(createSigner({ clock, metrics }));
  const { idleMs: tcpIdleMs } = defaultTcpLimits;
  const nsid = () => (dnsNodeOf(current.topology, node.id).nsid ? node.id : undefined);
  const prepared = createPreparedAnswers(clock, () => [
    current.zones,
    current.locate,
    view.standings(),
    current.topology,
  ]);
  const flushing = every(clock, flushMs, prepared.flush);
  const respond = createRespond(
    { clock, log, metrics, limiter, cookies, nsid, tcpIdleMs, prepared, sign },
    () => ({
      zones: current.zones,
      locate: current.locate,
      pops: view.standings(),
      ...(current.steering ? { steering: current.steering } : {}),
      turns,
    }),
  );
  const { server, admin, bound } = await listen(context, metrics, respond, { notReady, view });
  const prober = startProbes(context, metrics, view, topology);
  current.prober = prober;

  const reload = oneAtATime(() => reloadFrom(context, metrics, current, view));
  const stream = openNodeStream(context, {
    topology,
    node: { id: node.id, role: 'dns' },
    instance,
    wantsView: true,
    position: () => null,
    health: () => {
      const reason = notReady();
      const ready = reason === undefined;
      return { ready, draining: isDraining, load: 0, ...bound, ...(ready ? {} : { reason }) };
    },
    topologyHash: () => current.topology.hash,
    onMessage: (message) => takeMessage(view, message),
    async onRequest(what) {
      if (what !== 'reload') throw new Error(`a DNS server has no answer to "${what}"`);
      const { applied, refused } = await reload();
      return { applied, refused };
    },
  });
  void prober.firstRound.then(() => {
    isReady = true;
    stream.renewNow();
    log.info({ ...bound, zones: [...current.zones.keys()] }, 'answering');
  });
  return {
    bound,
    async reload() {
      const { applied, refused } = await reload();
      return `applied: ${applied.join(', ') || 'nothing'}; needs a restart: ${refused.join(', ') || 'nothing'}`;
    },
    async drain() {
      isDraining = true;
      flushing.cancel();
      stream.stop();
      current.prober?.stop();
      await Promise.all([server.close(), admin.close()]);
    },
  };
}

/** Binds the public and the admin listener, or neither, and says where. */
async function listen(
  context: NodeContext,
  metrics: DnsMetrics,
  respond: Respond,
  { notReady, view }: { notReady: () => string | undefined; view: PopView },
) {
  const { topology, node, clock, log } = context;
  const server = await startServer(
    { clock, log, metrics },
    { listen: addressOf(node.listen), respond, tcp: { exempt: topology.limits.exempt } },
  );
  const app = createAdmin({
    node: node.id,
    metrics: context.metrics,
    notReady,
    pops: view.standings,
  });
  const admin = await listenAdmin(app, node.admin).catch(async (error: unknown) => {
    await server.close();
    throw error;
  });
  context.metrics.gauge(
    'breakwater_dns_tcp_connections',
    'TCP connections that are open.',
    () => server.tcpConnections,
  );
  const bound = { listen: server.bound, admin: formatHostPort(admin.address) };
  recordBound(topology, node.id, bound);
  return { server, admin, bound };
}

async function openDatabase(
  { log }: NodeContext,
  metrics: DnsMetrics,
  file: string | undefined,
): Promise<GeoDatabase | undefined> {
  if (file === undefined) return undefined;
  const database = await openGeoDatabase(file, metrics.unusableGeoRecord);
  log.info({ file, database: database.description }, 'GeoIP database');
  return database;
}

function startProbes(
  { clock, node }: NodeContext,
  metrics: DnsMetrics,
  view: PopView,
  topology: TopologyWithSecret,
): Prober {
  const targets = topology.pops.map(
    ({ id }): ProbeTarget => ({ id, reach: () => reachOf(topology, findNode(topology, id)) }),
  );
  const { probe } = dnsNodeOf(topology, node.id);
  return startProber({ clock, metrics, view, fetch: fetchByHttp }, targets, probe);
}

function takeMessage(view: PopView, message: DownMessage): void {
  if (message.type === 'welcome') view.startViews();
  if (message.type === 'view') view.takeView(message);
  // Journal entries are for caches; there is nothing here that a purge could match.
}

/** Reads the file again and swaps what may be swapped, all at once. Rejects, and changes nothing, when the file is wrong. */
async function reloadFrom(
  context: NodeContext,
  metrics: DnsMetrics,
  current: Current,
  view: PopView,
): Promise<Omit<Changes, 'merged'>> {
  const changes = changesBetween(current.topology, context.loadAgain(), context.node.id);
  const { applied, refused, merged: topology } = changes;
  const config = dnsNodeOf(topology, context.node.id);
  const { zones, files, keys, kept, changed } = loadZones(topology, config, current);
  for (const { zone, what, problems } of kept) {
    context.log.warn({ zone, what, problems }, 'not taken over: the zone stays as it was');
    refused.push(`dns.${config.id}.zones.${zone}.${what}`);
  }
  applied.push(...changed.map(({ zone, what }) => `dns.${config.id}.zones.${zone}.${what}`));
  let { database } = current;
  try {
    database = await openDatabase(context, metrics, config.geoip.database);
  } catch (error) {
    // A database that cannot be opened keeps the last good one.
    context.log.warn({ problem: (error as Error).message }, 'GeoIP database not replaced');
    refused.push(`dns.${config.id}.geoip.database`);
  }
  current.prober?.stop();
  view.reconfigure(topology.pops);
  Object.assign(current, {
    topology,
    zones,
    files,
    keys,
    database,
    locate: createLocate({ places: config.geoip.places, database }),
    steering: steeringByHost(topology.sites),
    prober: startProbes(context, metrics, view, topology),
  } satisfies Current);
  return { applied, refused };
}

/** Calls that overlap share one run after another: each sees a whole configuration. */
function oneAtATime<T>(run: () => Promise<T>): () => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return () => {
    const next = last.then(run, run);
    last = next;
    return next;
  };
}

function dnsNodeOf(topology: TopologyWithSecret, id: string): DnsNode {
  const node = topology.dns.find((dns) => dns.id === id);
  if (!node) throw new Error(`${topology.file} has no DNS server "${id}"`);
  return node;
}

function addressOf(text: string): HostPort {
  const address = parseHostPort(text);
  if (!address) throw new Error(`${text} is no address to listen on`);
  return address;
}
