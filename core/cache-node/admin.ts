/** What the admin listener of a caching node has beside health and metrics: `explain`, and `PURGE`. */
import type { Context } from 'hono';
import type { KeySpace } from '../cache/key.ts';
import type { AppendOutcome } from '../purge/append-requests.ts';
import type { Selector } from '../purge/command.ts';
import { type Admin, adminProblem, createAdminApp, listenAdmin } from '../runtime/admin.ts';
import type { MetricsSnapshot } from '../runtime/metrics.ts';
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

/** Binds the admin listener. */
export function startAdmin(context: NodeContext, plan: AdminPlan): Promise<Admin> {
  const app = createAdminApp({
    node: plan.node.id,
    readiness() {
      const health = plan.health.now();
      return { ...health, ready: health.ready && !health.draining };
    },
    metrics: async () => context.metrics.text(await plan.metrics()),
  });
  app.get('/explain', (c) => explain(plan, c));
  app.on('PURGE', '*', (c) => purge(plan, c));
  return listenAdmin(app, plan.node.admin);
}

async function purge(plan: AdminPlan, c: Context): Promise<Response> {
  const host = c.req.header('host')?.replace(/:\d+$/, '').toLowerCase() ?? '';
  if (!plan.keySpace().siteOf(host)) {
    return adminProblem(404, 'Unknown host', `no site has the host "${host}"`);
  }
  const { pathname, search } = new URL(c.req.url);
  const soft = c.req.header('breakwater-soft-purge') === '1';
  const url = `http://${host}${pathname}${search}`;
  const outcome = await plan.append([{ kind: 'url', url }], soft);
  if (!outcome.ok) return adminProblem(503, 'Not appended', outcome.problem);
  return c.json({ id: outcome.id, seq: outcome.seq, status: 'pending' }, 202);
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
  return adminProblem(400, 'The question is not understood', explained.problem);
}
