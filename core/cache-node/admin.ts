/**
 * The admin listener of a caching node: health, readiness, metrics, `explain`, and `PURGE`. For operators and Prometheus, never public.
 */

import type { Server } from 'node:http';
import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import type { KeySpace } from '../cache/key.ts';
import type { AppendOutcome } from '../purge/append-requests.ts';
import type { Selector } from '../purge/command.ts';
import { type HostPort, parseHostPort } from '../runtime/addresses.ts';
import { type MetricsSnapshot, metricsContentType } from '../runtime/metrics.ts';
import type { NodeContext } from '../topology/run-node.ts';
import type { NodeExplained } from './explain-node.ts';
import type { NodeHealth } from './node-health.ts';

export interface AdminPlan {
  node: { id: string; admin: string };
  health: NodeHealth;
  /** The metrics of the node's other threads. */
  metrics: () => Promise<MetricsSnapshot[]>;
  append: (selectors: Selector[], soft: boolean) => Promise<AppendOutcome>;
  keySpace: () => KeySpace;
  explain: (question: unknown) => Promise<NodeExplained>;
}

export interface Admin {
  address: HostPort;
  close(): Promise<void>;
}

/** Binds the admin listener. */
export async function startAdmin(context: NodeContext, plan: AdminPlan): Promise<Admin> {
  const app = new Hono();
  app.get('/healthz', (c) => c.json({ node: plan.node.id, alive: true }));
  app.get('/readyz', (c) => {
    const health = plan.health.now();
    return c.json({ node: plan.node.id, ...health }, health.ready && !health.draining ? 200 : 503);
  });
  app.get('/metrics', async (c) => {
    const text = await context.metrics.text(await plan.metrics());
    return c.body(text, 200, { 'Content-Type': metricsContentType });
  });
  app.get('/explain', (c) => explain(plan, c));
  app.on('PURGE', '*', async (c) => {
    const host = c.req.header('host')?.replace(/:\d+$/, '') ?? '';
    if (!plan.keySpace().siteOf(host.toLowerCase())) {
      return c.json(
        { status: 404, title: 'Unknown host', detail: `no site has the host "${host}"` },
        404,
      );
    }
    const { pathname, search } = new URL(c.req.url);
    const soft = c.req.header('breakwater-soft-purge') === '1';
    const outcome = await plan.append(
      [{ kind: 'url', url: `http://${host}${pathname}${search}` }],
      soft,
    );
    if (!outcome.ok)
      return c.json({ status: 503, title: 'Not appended', detail: outcome.problem }, 503);
    return c.json({ id: outcome.id, seq: outcome.seq, status: 'pending' }, 202);
  });
  app.notFound((c) => {
    const detail = 'this listener has /healthz, /readyz, /metrics, /explain and PURGE';
    return c.json({ status: 404, title: 'Not found', detail }, 404);
  });
  const server = createServer(getRequestListener(app.fetch));
  const address = await bind(
    server,
    parseHostPort(plan.node.admin) ?? { host: '127.0.0.1', port: 0 },
  );
  return {
    address,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** `?url=URL`, and `header=Name: value` as often as wanted. */
async function explain(plan: AdminPlan, c: Context): Promise<Response> {
  const headers = (c.req.queries('header') ?? []).map((field) => {
    const colon = field.indexOf(':');
    // Without a colon the name is empty, and refused.
    return [field.slice(0, Math.max(0, colon)).trim(), field.slice(colon + 1).trim()];
  });
  const explained = await plan.explain({
    url: c.req.query('url') ?? '',
    headers: Object.fromEntries(headers),
  });
  if (explained.ok) return c.json(explained.explanation);
  const title = 'The question is not understood';
  return c.json({ status: 400, title, detail: explained.problem }, 400);
}

function bind(server: Server, { host, port }: HostPort): Promise<HostPort> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      const bound = server.address();
      resolve({ host, port: typeof bound === 'object' && bound ? bound.port : port });
    });
  });
}
