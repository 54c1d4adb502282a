/**
 * Purge-api as a service: its listeners, started and drained.
 *
 * Order of the start: the journal is opened (and mended) first, the listeners follow; purges are taken when the start gate
 * has opened. Draining ends the streams first, so that nodes look for the next purge-api at once.
 */
import { createServer, type RequestListener, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { streamPath } from '../core/purge/command.ts';
import { formatHostPort } from '../core/runtime/addresses.ts';
import { type Admin, createAdminApp, listenAdmin } from '../core/runtime/admin.ts';
import { every } from '../core/runtime/deps.ts';
import { acceptDuplex } from '../core/runtime/duplex.ts';
import type { Service } from '../core/runtime/service.ts';
import { type Bound, recordBound } from '../core/topology/nodes.ts';
import type { NodeContext } from '../core/topology/run-node.ts';
import { addAcmeRoutes } from './acme-api.ts';
import { createApi } from './api.ts';
import { type Assembly, assemble } from './assembly.ts';
import { createNodeAuth } from './auth.ts';
import type { FanOut } from './fan-out.ts';
import { closeServer, listen } from './listen.ts';
import { openRemoteJournal } from './remote-journal.ts';
import { addRttRoutes } from './rtt-api.ts';

const pruneIntervalMs = 60_000;
/** Callers and streams together. */
const maxConnections = 4096;
/** How long draining waits for requests under way; nobody waits for a purge any more by then. */
const closeLimitMs = 2000;

/** Starts purge-api; resolves when it listens. Rejects with the system's error when it cannot. */
export async function startPurgeApi(context: NodeContext): Promise<Service> {
  const { topology, node, clock, log, instance } = context;
  const parts = await openParts(context);
  // Known once both listeners are bound; the API may be asked a moment earlier.
  let announced: Bound | undefined;
  const app = createApi(apiDeps(context, parts, () => announced));
  addAcmeRoutes(app, { challenges: parts.acme, topology: parts.topology });
  addRttRoutes(app, { ask: parts.fanOut.ask, topology: parts.topology });
  const api = httpServer(getRequestListener(app.fetch, noGlobals));
  api.maxConnections = maxConnections;
  api.on('drop', () => parts.metrics.connectionRefused());
  const nodeAuth = createNodeAuth(topology.secret);
  const streams = acceptDuplex({ clock }, api, {
    path: streamPath,
    authorise: (request) => nodeAuth(request.headers.authorization),
    onOpen: parts.fanOut.accept,
  });
  const { bound, admin } = await bind(context, parts, api).catch(async (error: unknown) => {
    await closeServer(clock, api, 0);
    parts.evidence.close();
    await parts.journal.close();
    throw error;
  });
  announced = bound;
  recordBound(topology, node.id, bound);
  const timers = [
    every(clock, topology.leaseMs / 3, () => reportSelf(parts, node.id, instance, bound)),
    every(clock, pruneIntervalMs, () => void prune(context, parts)),
  ];
  reportSelf(parts, node.id, instance, bound);
  log.info({ ...bound, head: parts.journal.head() }, 'purge-api is up');
  return {
    bound: { ...bound },
    async drain(limitMs) {
      for (const timer of timers) timer.cancel();
      parts.warming.stop();
      parts.purges.stop();
      parts.fanOut.stop();
      streams.closeAll('purge-api stops');
      await Promise.all([closeServer(clock, api, Math.min(limitMs, closeLimitMs)), admin.close()]);
      parts.evidence.close();
      await parts.journal.close();
    },
    async reload() {
      const { applied, refused } = parts.reloadSelf();
      return `applied: ${list(applied)}; needs a restart: ${list(refused)}`;
    },
  };
}

/** The parts over the journal of the configuration; a connection to a journal elsewhere is not left open when they fail. */
async function openParts(context: NodeContext): Promise<Assembly> {
  let fanOut: FanOut | undefined;
  const journal = await openRemoteJournal(context, () => fanOut);
  try {
    const parts = assemble(context, journal);
    fanOut = parts.fanOut;
    return parts;
  } catch (error) {
    await journal?.close();
    throw error;
  }
}

/** Binds both listeners, or neither. */
async function bind(
  { node, metrics }: NodeContext,
  parts: Assembly,
  api: Server,
): Promise<{ bound: Bound; admin: Admin }> {
  const app = createAdminApp({
    node: node.id,
    readiness() {
      const reason = notReady(parts);
      return reason === undefined ? { ready: true } : { ready: false, reason };
    },
    metrics: () => metrics.text(),
  });
  const address = await listen(api, node.listen);
  const admin = await listenAdmin(app, node.admin);
  return { bound: { listen: address, admin: formatHostPort(admin.address) }, admin };
}

/** The adapter would otherwise put its own Request and Response in the place of Node's. */
const noGlobals = { overrideGlobalObjects: false };

function httpServer(listener: RequestListener): Server {
  return createServer(
    { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 10_000 },
    listener,
  );
}

function apiDeps(context: NodeContext, parts: Assembly, bound: () => Bound | undefined) {
  const {
    metrics,
    journal,
    purges,
    topology,
    authenticate,
    limits,
    registry,
    reloadAll,
    fanOut,
    evidence,
    warming,
  } = parts;
  return {
    log: context.log,
    metrics,
    journal,
    purges,
    topology,
    authenticate,
    limits,
    nodes() {
      // What purge-api says of itself is as of now, not of its last timer.
      const own = bound();
      if (own) reportSelf(parts, context.node.id, context.instance, own);
      return registry.standings();
    },
    reload: reloadAll,
    ask: fanOut.ask,
    evidence,
    warming,
  };
}

function notReady({ gate }: Assembly): string | undefined {
  const missing = gate.waitingFor();
  return missing.length === 0 ? undefined : `waits for the positions of ${missing.join(', ')}`;
}

function reportSelf(parts: Assembly, id: string, instance: string, bound: Bound): void {
  const reason = notReady(parts);
  const isReady = reason === undefined;
  const health = { ready: isReady, draining: false, load: 0, ...bound, ...(reason && { reason }) };
  parts.registry.self(id, { instance, health, topologyHash: parts.topology().hash });
}

async function prune(
  { log }: NodeContext,
  { journal, metrics, evidence }: Assembly,
): Promise<void> {
  try {
    metrics.pruned(await journal.prune());
    evidence.prune();
  } catch (error) {
    log.error({ err: error }, 'the journal could not be pruned');
  }
}

function list(keys: readonly string[]): string {
  return keys.length === 0 ? 'nothing' : keys.join(', ');
}
