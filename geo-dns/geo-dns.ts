/**
 * The DNS server as a whole: zones, places, the view of the PoPs, listeners, probes and the stream to purge-api, wired
 * together, started, reloaded and drained.
 *
 * Invariant: it needs nobody to answer. Without purge-api it steers by its own probes, and when those fail too, by
 * distance alone.
 */
import type { DownMessage } from '../core/purge/command.ts';
import { rttReportsSchema } from '../core/purge/rtt.ts';
import { openNodeStream } from '../core/purge/stream.ts';
import { formatHostPort } from '../core/runtime/addresses.ts';
import { listenAdmin } from '../core/runtime/admin.ts';
import type { Service } from '../core/runtime/service.ts';
import { type Changes, changesBetween } from '../core/topology/changes.ts';
import { findNode, reachOf, recordBound } from '../core/topology/nodes.ts';
import type { NodeContext } from '../core/topology/run-node.ts';
import type { TopologyWithSecret } from '../core/topology/secret-file.ts';
import { type AdminState, createAdmin } from './admin.ts';
import { type Answering, startAnswering } from './answering.ts';
import { type ChallengeKeeper, createChallengeKeeper } from './challenges.ts';
import { createDnsMetrics, type DnsMetrics } from './dns-metrics.ts';
import { createRttTable, type RttTable } from './measured/rtt-table.ts';
import { createPopFilters, type PopFilters } from './pop-filters.ts';
import { createPopView, type PopView } from './pop-view.ts';
import { fetchByHttp, type Prober, type ProbeTarget, startProber } from './probe.ts';
import { dnsNodeOf } from './responder.ts';
import { type Current, loadSources } from './sources.ts';

/** What changes while the server runs. */
interface State {
  current: Current;
  /** All are undefined until the listeners are bound. */
  answering?: Answering;
  filters?: PopFilters;
  prober?: Prober;
}

/** Starts the DNS server of `context.node`; resolves when its listeners are bound. */
export async function startDns(context: NodeContext): Promise<Service> {
  const { topology, node, clock, log, instance } = context;
  const metrics = createDnsMetrics(context.metrics);
  // All that can fail because of the configuration fails before a port is bound.
  const { current } = await loadSources({ log, metrics }, topology, node.id);
  const state: State = { current };
  const onHint = (popId: string) => state.prober?.hurry(popId);
  const onHeard = () => void state.filters?.standings();
  const view = createPopView({ log, metrics, onHint, onHeard }, topology.pops);
  const filters: PopFilters = createPopFilters(
    { clock, log, metrics, onChange: (pops) => state.answering?.takePops(pops) },
    view.standings,
    () => dnsNodeOf(state.current.topology, node.id),
  );
  state.filters = filters;

  let isReady = false;
  let isDraining = false;
  const notReady = () =>
    isDraining ? 'draining' : isReady ? undefined : 'the PoPs have not been probed yet';
  const challenges = createChallengeKeeper(context.clock, (all) =>
    state.answering?.takeChallenges(all),
  );
  const { answering, admin, bound } = await listen(context, metrics, state, {
    notReady,
    pops: filters.standings,
    challenges,
  });
  state.answering = answering;
  const rtts = startRttTable(context, metrics, state);
  const prober = startProbes(context, metrics, view, topology);
  state.prober = prober;

  const reload = oneAtATime(() => reloadFrom(context, metrics, state, view));
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
    topologyHash: () => state.current.topology.hash,
    onMessage: (message) => takeMessage(view, message),
    async onRequest(what, body) {
      if (what === 'acme') return { names: challenges.take(body).size };
      if (what === 'rtt') return { taken: rtts.take(rttReportsSchema.parse(body).reports) };
      if (what !== 'reload') throw new Error(`a DNS server has no answer to "${what}"`);
      return reload();
    },
  });
  void prober.firstRound.then(() => {
    isReady = true;
    stream.renewNow();
    log.info({ ...bound, zones: [...state.current.zones.keys()] }, 'answering');
  });
  return {
    bound,
    async reload() {
      const { applied, refused } = await reload();
      return `applied: ${applied.join(', ') || 'nothing'}; needs a restart: ${refused.join(', ') || 'nothing'}`;
    },
    async drain() {
      isDraining = true;
      stream.stop();
      state.prober?.stop();
      filters.stop();
      challenges.stop();
      rtts.stop();
      await Promise.all([answering.close(), admin.close()]);
    },
  };
}

/** The times that clients measure, for all that answers. */
function startRttTable({ clock }: NodeContext, metrics: DnsMetrics, state: State): RttTable {
  return createRttTable({
    clock,
    isPop: (id) => state.current.topology.pops.some((pop) => pop.id === id),
    onReport: metrics.rttReport,
    onEvict: metrics.rttEviction,
    onChange: (networks) => state.answering?.takeMeasured(networks),
  });
}

/** Binds the public and the admin listener, or neither, and says where. */
async function listen(
  context: NodeContext,
  metrics: DnsMetrics,
  state: State,
  {
    notReady,
    pops,
    challenges,
  }: Pick<AdminState, 'notReady' | 'pops'> & { challenges: ChallengeKeeper },
) {
  const { topology, node } = context;
  const served = () => state.current;
  const answering = await startAnswering(context, metrics, {
    served,
    pops,
    challenges: challenges.now,
  });
  const app = createAdmin({
    node: node.id,
    metrics: context.metrics,
    snapshots: answering.snapshots,
    notReady,
    pops,
  });
  const admin = await listenAdmin(app, node.admin).catch(async (error: unknown) => {
    await answering.close();
    throw error;
  });
  const bound = { listen: answering.bound, admin: formatHostPort(admin.address) };
  recordBound(topology, node.id, bound);
  return { answering, admin, bound };
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
  state: State,
  view: PopView,
): Promise<Omit<Changes, 'merged'>> {
  const { log, node } = context;
  const { applied, refused, merged } = changesBetween(
    state.current.topology,
    context.loadAgain(),
    node.id,
  );
  const loaded = await loadSources({ log, metrics }, merged, node.id, state.current);
  state.prober?.stop();
  view.reconfigure(merged.pops);
  state.current = loaded.current;
  state.answering?.takeServed(loaded.current);
  state.prober = startProbes(context, metrics, view, merged);
  return { applied: [...applied, ...loaded.changed], refused: [...refused, ...loaded.refused] };
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
