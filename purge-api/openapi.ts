/**
 * The API as OpenAPI 3.1 describes it: schemas of bodies and answers, and the routes. Requests are read by hand in `api.ts`
 * (bounded bytes, all problems at once); this document is what tools see.
 */
import { type RouteConfig, z } from '@hono/zod-openapi';
import { positionSchema, selectorSchema } from '../core/purge/command.ts';
import { evidenceSchema } from '../core/purge/evidence.ts';
import { networkExplanationSchema } from '../core/purge/explanation.ts';
import { maxWarmed } from '../core/purge/warm.ts';
import { explainRequest } from './explain.ts';
import { maxSelectors } from './parse-purge.ts';

const text = z.string();
const strings = z.array(z.string().min(1)).min(1).max(maxSelectors);
const time = z.string().nullable().describe('RFC 3339, UTC');

const purgeRequest = z
  .strictObject({
    urls: strings.optional().describe('Absolute URLs; all variants, both schemes, any port.'),
    tags: strings.optional().describe('Surrogate tags.'),
    prefixes: strings.optional().describe('Absolute URL prefixes, matched byte by byte.'),
    hosts: strings.optional().describe('Host names of sites.'),
    everything: z.literal(true).optional().describe('All that the token may purge.'),
    soft: z.boolean().optional().describe('Makes stale instead of removing.'),
    warm: z
      .number()
      .int()
      .min(1)
      .max(maxWarmed)
      .optional()
      .describe('Fetches so many of the hottest purged responses anew, shields first.'),
    dryRun: z.boolean().optional().describe('Only says what would be hit; nothing is purged.'),
  })
  .openapi('PurgeRequest');

const evidence = z.object({
  node: text,
  role: z.enum(['edge', 'shield']),
  cursor: positionSchema.nullable(),
  appliedAt: time,
  matched: z.number().int().nullable().describe('Stored responses matched; null: not counted yet.'),
  quarantined: z
    .boolean()
    .describe(
      'Not needed: it holds no lease, so it validates what it serves, and DNS leaves it out.',
    ),
  state: z.enum(['acknowledged', 'behind', 'unreachable']),
  unreachableSince: time,
  reason: text.nullable().describe('Why it has not acknowledged; null: it has, or is about to.'),
});

const warm = z
  .object({
    state: z.enum(['waiting', 'running', 'done', 'stopped', 'refused']),
    responses: z.number().int().describe('Different responses that were chosen.'),
    asked: z.number().int().describe('Refills: one response at one node.'),
    done: z.number().int(),
    failed: z.number().int(),
    silent: z.array(text).describe('Nodes that did not say what they hold.'),
    problem: text.nullable(),
  })
  .optional()
  .describe('Where the purge was to be warmed; kept until purge-api restarts.');

const purge = z
  .object({
    id: text,
    seq: z.number().int(),
    status: z.enum(['pending', 'converged']),
    acceptedAt: time,
    soft: z.boolean(),
    scope: z.array(text),
    selectors: z.array(selectorSchema),
    by: text.describe('The name of the token, or of the node whose PURGE method was used.'),
    convergedInMs: z.number().nullable(),
    nodes: z.array(evidence),
    warm,
  })
  .openapi('Purge');

const dryRun = z
  .object({
    dryRun: z.literal(true),
    soft: z.boolean(),
    nodes: z.array(
      z.object({
        node: text,
        role: z.enum(['edge', 'shield']),
        ok: z.boolean(),
        matched: z.number().int().nullable().describe('Stored responses; null: it did not say.'),
        complete: z.boolean().describe('False: it is at least so many.'),
        examples: z.array(text).describe('A few of their URLs.'),
        problem: text.nullable(),
      }),
    ),
  })
  .openapi('DryRun');

const node = z.object({
  id: text,
  role: z.enum(['edge', 'shield', 'dns', 'purge']),
  connected: z.boolean(),
  ready: z.boolean(),
  draining: z.boolean(),
  load: z.number().nullable(),
  reason: text.nullable(),
  lease: z
    .object({ state: z.enum(['held', 'waiting', 'none']), until: time })
    .nullable()
    .describe(
      'Whether it may serve what it has stored without validation; null: it stores nothing.',
    ),
  quarantined: z.boolean(),
  unreachableSince: time,
  cursor: positionSchema.nullable(),
  lag: z.number().int().nullable().describe('Entries behind the head; null: unknown.'),
  heardAt: time,
  listen: text,
  admin: text,
  reach: text.nullable(),
  workers: z.number().int().nullable(),
  topologyMatches: z.boolean().nullable(),
  instance: text.nullable(),
  fingerprint: text
    .nullable()
    .describe('Of the key that the node signs with, as purge-api has pinned it.'),
});

const nodes = z
  .object({ network: text, head: positionSchema, nodes: z.array(node) })
  .openapi('Nodes');

const journal = z
  .object({
    head: positionSchema,
    floor: positionSchema.describe('The newest entry that is no longer kept.'),
    entries: z.array(
      z.object({
        seq: z.number().int(),
        id: text,
        at: time,
        soft: z.boolean(),
        scope: z.array(text),
        selectors: z.array(selectorSchema),
        hash: text,
      }),
    ),
    next: z.number().int().nullable().describe('The `after` of the next page; null: the end.'),
  })
  .openapi('Journal');

const change = z.object({
  node: text,
  ok: z.boolean(),
  applied: z.array(text),
  refused: z.array(text),
  problem: text.optional(),
});
const forgotten = z.object({ node: text, forgotten: text.nullable() }).openapi('ForgottenKey');

const reload = z.object({ nodes: z.array(change) }).openapi('Reload');

const problem = z
  .object({
    type: text,
    title: text,
    status: z.number().int(),
    detail: text,
    problems: z.array(z.object({ path: text, message: text })).optional(),
  })
  .openapi('Problem');

const wait = z.string().optional().describe('Such as 10s; at most 60s.');
const json = <S extends z.ZodType>(schema: S, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});
const problems = {
  default: {
    description: 'A problem (RFC 9457).',
    content: { 'application/problem+json': { schema: problem } },
  },
};
const security = [{ token: [] }];

/** What each route of the API takes and gives. */
export const specs = {
  postPurge: {
    method: 'post',
    path: '/v1/purges',
    security,
    request: {
      query: z.object({ wait }),
      headers: z.object({ 'idempotency-key': z.string().max(256).optional() }),
      body: { required: true, content: { 'application/json': { schema: purgeRequest } } },
    },
    responses: {
      200: json(z.union([purge, dryRun]), 'Converged; or, with `dryRun`, what would be hit.'),
      202: json(purge, 'In the journal, and not converged yet.'),
      ...problems,
    },
  },
  getPurge: {
    method: 'get',
    path: '/v1/purges/{id}',
    security,
    request: { params: z.object({ id: text }), query: z.object({ wait }) },
    responses: { 200: json(purge, 'The purge and its evidence.'), ...problems },
  },
  getNodes: {
    method: 'get',
    path: '/v1/nodes',
    security,
    responses: { 200: json(nodes, 'Every node of the network.'), ...problems },
  },
  getJournal: {
    method: 'get',
    path: '/v1/journal',
    security,
    request: { query: z.object({ after: text.optional(), limit: text.optional() }) },
    responses: { 200: json(journal, 'Entries after a number, in order.'), ...problems },
  },
  postExplain: {
    method: 'post',
    path: '/v1/explain',
    security,
    request: {
      body: { required: true, content: { 'application/json': { schema: explainRequest } } },
    },
    responses: {
      200: json(
        networkExplanationSchema,
        'What each PoP and shield holds under the URL, what it would answer, and why.',
      ),
      ...problems,
    },
  },
  postReload: {
    method: 'post',
    path: '/v1/reload',
    security,
    responses: { 200: json(reload, 'What each node has taken of its file.'), ...problems },
  },
  getEvidence: {
    method: 'get',
    path: '/v1/purges/{id}/evidence',
    security,
    request: { params: z.object({ id: text }) },
    responses: {
      200: json(
        evidenceSchema,
        'The evidence of the purge as a signed document, for `breakwater verify`.',
      ),
      ...problems,
    },
  },
  deleteKey: {
    method: 'delete',
    path: '/v1/nodes/{id}/key',
    security,
    request: { params: z.object({ id: text }) },
    responses: {
      200: json(forgotten, 'The key is forgotten; the next that the node shows is pinned.'),
      ...problems,
    },
  },
} satisfies Record<string, RouteConfig>;
