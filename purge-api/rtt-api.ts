/**
 * `POST /v1/rtt`: round-trip times that clients have measured, passed on to the DNS servers, which steer by them. For a token of all
 * hosts: whoever reports moves clients, so browsers report to the operator's own site, and that reports here.
 */
import { type RouteConfig, z } from '@hono/zod-openapi';
import { type RttReport, rttReportsSchema } from '../core/purge/rtt.ts';
import type { TopologyWithSecret } from '../core/topology/secret-file.ts';
import type { FanOut } from './fan-out.ts';
import { problemResponse } from './problem.ts';
import { readJsonBody } from './read-body.ts';
import { type ApiApp, type ApiContext, addRoutes } from './routes.ts';

export interface RttApiDeps {
  ask: FanOut['ask'];
  topology(): TopologyWithSecret;
}

const tellTimeoutMs = 5000;

/** Adds the route to `app`, which has authenticated the caller of everything below `/v1`. */
export function addRttRoutes(app: ApiApp, deps: RttApiDeps): void {
  addRoutes(app, [{ spec, handle: (context) => post(deps, context) }]);
}

async function post(deps: RttApiDeps, context: ApiContext): Promise<Response> {
  if (!context.get('caller').hosts.includes('*')) {
    return problemResponse('forbidden-host', 'reports need a token for all hosts (["*"])');
  }
  const body = await readJsonBody(context.req.raw);
  if (!body.ok) return problemResponse(body.code, body.detail);
  const parsed = rttReportsSchema.safeParse(body.value);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path: where, message }) => {
      return { path: where.join('.'), message };
    });
    const detail = 'expected { "reports": [{ "client", "pop", "rttMs" }] }';
    return problemResponse('invalid-parameter', detail, { problems });
  }
  return Response.json({ servers: await tell(deps, parsed.data.reports) }, { status: 202 });
}

/** Reports are many and soon old: a server that is away misses them, and nothing is kept for it. */
function tell({ ask, topology }: RttApiDeps, reports: readonly RttReport[]) {
  return Promise.all(
    topology().dns.map(async ({ id: node }) => {
      const { ok } = await ask(node, 'rtt', { reports }, tellTimeoutMs);
      return { node, ok };
    }),
  );
}

const servers = z.object({ servers: z.array(z.object({ node: z.string(), ok: z.boolean() })) });

const spec = {
  method: 'post',
  path: '/v1/rtt',
  security: [{ token: [] }],
  request: {
    body: { required: true, content: { 'application/json': { schema: rttReportsSchema } } },
  },
  responses: {
    202: {
      description: 'Passed on to the DNS servers that are connected.',
      content: { 'application/json': { schema: servers } },
    },
  },
} satisfies RouteConfig;
