/**
 * `/v1/acme-challenges`: what a client of ACME needs to prove a host by DNS-01. A token may do so for its own hosts; one for all
 * hosts also for other names in our zones, such as an apex.
 */
import { type RouteConfig, z } from '@hono/zod-openapi';
import { isWithin } from '../core/dns/name.ts';
import { challengeName, challengeValue, maxChallenges } from '../core/purge/acme.ts';
import type { TopologyWithSecret } from '../core/topology/secret-file.ts';
import { domainName } from '../core/topology/units.ts';
import type { AcmeChallenges, Challenge } from './acme-challenges.ts';
import { type Caller, mayUse } from './auth.ts';
import { problemResponse } from './problem.ts';
import { readJsonBody } from './read-body.ts';
import { type ApiApp, type ApiContext, addRoutes } from './routes.ts';

export interface AcmeApiDeps {
  challenges: AcmeChallenges;
  topology(): TopologyWithSecret;
}

const path = '/v1/acme-challenges';
const request = z.strictObject({
  host: domainName.describe('For a wildcard certificate the name without "*.".'),
  value: challengeValue,
});

/** Adds the routes to `app`, which has authenticated the caller of everything below `/v1`. */
export function addAcmeRoutes(app: ApiApp, deps: AcmeApiDeps): void {
  addRoutes(app, [
    { spec: specs.post, handle: (context) => post(deps, context) },
    { spec: specs.get, handle: ({ get }) => list(deps, get('caller')) },
    { spec: specs.remove, handle: (context) => remove(deps, context) },
  ]);
}

function list({ challenges }: AcmeApiDeps, caller: Caller): Response {
  const own = challenges.list().filter(({ host }) => mayUse(caller, [host]));
  return Response.json({ challenges: own.map(present) });
}

async function post({ challenges, topology }: AcmeApiDeps, context: ApiContext): Promise<Response> {
  const body = await readJsonBody(context.req.raw);
  if (!body.ok) return problemResponse(body.code, body.detail);
  const parsed = request.safeParse(body.value);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path: where, message }) => {
      return { path: where.join('.'), message };
    });
    return problemResponse('invalid-parameter', 'expected { "host", "value" }', { problems });
  }
  const { host, value } = parsed.data;
  const refused = refusal(context.get('caller'), host);
  if (refused) return refused;
  const servers = serversOf(topology(), host);
  if (servers.length === 0) {
    return problemResponse('invalid-parameter', `host: "${host}" lies in no zone of our DNS`);
  }
  const challenge = challenges.add(host, value);
  if (!challenge) {
    const detail = `${maxChallenges} challenges are kept already`;
    return problemResponse('too-many-challenges', detail);
  }
  const answers = await challenges.tell(servers);
  // A certificate authority may ask any of the servers: it is done when all answer.
  const status = answers.every(({ ok }) => ok) ? 201 : 202;
  return Response.json({ ...present(challenge), servers: answers }, { status });
}

async function remove(
  { challenges, topology }: AcmeApiDeps,
  context: ApiContext,
): Promise<Response> {
  const host = (context.req.param('host') ?? '').toLowerCase();
  const refused = refusal(context.get('caller'), host);
  if (refused) return refused;
  if (!challenges.remove(host, context.req.query('value'))) {
    return problemResponse('not-found', `there is no such challenge of "${host.slice(0, 64)}"`);
  }
  await challenges.tell(serversOf(topology(), host));
  return new Response(null, { status: 204 });
}

function refusal(caller: Caller, host: string): Response | undefined {
  if (mayUse(caller, [host])) return undefined;
  const detail = `the host "${host.slice(0, 64)}" is not of ${caller.hosts.join(', ')}`;
  return problemResponse('forbidden-host', detail);
}

/** The DNS servers that answer for `host`. */
function serversOf({ dns }: TopologyWithSecret, host: string): string[] {
  return dns.flatMap(({ id, zones }) =>
    zones.some(({ name }) => isWithin(host, name)) ? [id] : [],
  );
}

function present({ host, value, untilMs }: Challenge) {
  const expiresAt = new Date(untilMs).toISOString();
  return { host, name: challengeName(host), value, expiresAt };
}

const challengeShape = {
  host: z.string(),
  name: z.string().describe('The name whose TXT records are answered.'),
  value: z.string(),
  expiresAt: z.string().describe('RFC 3339, UTC'),
};

const security = [{ token: [] }];
const json = (schema: z.ZodType, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});
const server = z.object({ node: z.string(), ok: z.boolean(), problem: z.string().optional() });
const kept = z.object({ ...challengeShape, servers: z.array(server) });

const specs = {
  post: {
    method: 'post',
    path,
    security,
    request: { body: { required: true, content: { 'application/json': { schema: request } } } },
    responses: {
      201: json(kept, 'All DNS servers of the zone answer it.'),
      202: json(kept, 'Kept; some DNS servers do not answer it yet.'),
    },
  },
  get: {
    method: 'get',
    path,
    security,
    responses: { 200: json(z.object({ challenges: z.array(z.object(challengeShape)) }), 'Kept.') },
  },
  remove: {
    method: 'delete',
    path: `${path}/{host}`,
    security,
    request: {
      params: z.object({ host: z.string() }),
      query: z.object({ value: z.string().optional() }),
    },
    responses: { 204: { description: 'Taken back: all of the host, or the one with the value.' } },
  },
} satisfies Record<string, RouteConfig>;
