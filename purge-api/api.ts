/**
 * The HTTP API (DESIGN section 2): every route, who may use it, and every error as a problem. What a purge means is decided
 * in `parse-purge.ts`, what becomes of it in `purges.ts`.
 *
 * Invariants: without a token nothing is told but the OpenAPI document and that the process lives; a caller sees and purges
 * only what lies within the hosts of its token; bodies are bounded before they are read.
 */
import { createHash } from 'node:crypto';
import { OpenAPIHono } from '@hono/zod-openapi';
import type { JournalEntry, Position } from '../core/purge/command.ts';
import type { Log } from '../core/runtime/log.ts';
import type { TopologyWithSecret } from '../core/topology/secret-file.ts';
import { parseDurationMs } from '../core/topology/units.ts';
import { type Caller, mayUse, outsideOf } from './auth.ts';
import type { Convergence } from './convergence.ts';
import { dryRunNetwork } from './dry-run.ts';
import type { Evidence } from './evidence.ts';
import { forgetKey, getEvidence } from './evidence-routes.ts';
import { type ExplainDeps, explainNetwork } from './explain.ts';
import type { Idempotency, Journal, PurgeCommand, Recorded } from './journal.ts';
import type { PurgeMetrics } from './metrics.ts';
import type { NodeStanding } from './node-registry.ts';
import { specs } from './openapi.ts';
import { describeSelector, parsePurge } from './parse-purge.ts';
import { presentEntry, presentNode, presentPurge } from './present.ts';
import { type ProblemCode, problemResponse } from './problem.ts';
import type { Purges, Submitted } from './purges.ts';
import { readJsonBody } from './read-body.ts';
import {
  type ApiContext,
  type ApiEnvironment,
  addRoutes,
  type Route,
  refuseOthers,
} from './routes.ts';
import { limitHeaders, type TokenLimits } from './token-limits.ts';
import type { Warming } from './warming.ts';

export interface ApiDeps extends ExplainDeps {
  log: Log;
  metrics: PurgeMetrics;
  journal: Journal;
  purges: Purges;
  /** The configuration in force. */
  topology(): TopologyWithSecret;
  authenticate(authorization: string | undefined): Caller | undefined;
  limits: TokenLimits;
  /** Every node, purge-api included. */
  nodes(): readonly NodeStanding[];
  /** Asks every node, and purge-api itself, to read its file again. */
  reload(): Promise<ReloadOutcome>;
  evidence: Evidence;
  warming: Warming;
}

export interface ReloadAnswer {
  node: string;
  ok: boolean;
  applied: string[];
  refused: string[];
  problem?: string;
}

export type ReloadOutcome =
  | { ok: true; nodes: ReloadAnswer[] }
  /** Purge-api's own file is wrong; no node was asked. */
  | { ok: false; problem: string };

const maxWaitMs = 60_000;
const maxPageEntries = 1000;
const defaultPageEntries = 100;
const maxPageBytes = 4 * 2 ** 20;

/** Creates the app. It answers every request, whatever happens inside. */
export function createApi(deps: ApiDeps): OpenAPIHono<ApiEnvironment> {
  const app = new OpenAPIHono<ApiEnvironment>();
  app.get('/healthz', (context) => context.text('ok\n'));
  app.get('/openapi.json', (context) =>
    context.json(
      app.getOpenAPI31Document({
        openapi: '3.1.0',
        info: { title: 'Breakwater purge API', version: '1' },
      }),
    ),
  );
  app.use('/v1/*', async (context, next) => {
    const caller = deps.authenticate(context.req.header('authorization'));
    if (!caller) return unauthorized(deps);
    context.set('caller', caller);
    return next();
  });
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
  });
  addRoutes(app, routesOf(deps));
  for (const path of ['/openapi.json', '/healthz']) refuseOthers(app, path, ['GET', 'HEAD']);
  app.notFound(({ req }) => problemResponse('not-found', `there is no ${req.path}`));
  app.onError((error) => {
    deps.log.error({ err: error }, 'a request failed');
    return problemResponse('internal-error', 'see the log of purge-api');
  });
  return app;
}

function routesOf(deps: ApiDeps): Route[] {
  return [
    { spec: specs.postPurge, handle: (context) => postPurge(deps, context) },
    { spec: specs.getPurge, handle: (context) => getPurge(deps, context) },
    {
      spec: specs.getEvidence,
      handle: ({ req, get }) => getEvidence(deps, get('caller'), req.param('id') ?? ''),
    },
    { spec: specs.getNodes, handle: (context) => getNodes(deps, context) },
    {
      spec: specs.deleteKey,
      handle: ({ req, get }) => forgetKey(deps.evidence, get('caller'), req.param('id') ?? ''),
    },
    { spec: specs.getJournal, handle: (context) => getJournal(deps, context) },
    { spec: specs.postExplain, handle: (context) => postExplain(deps, context) },
    { spec: specs.postReload, handle: (context) => postReload(deps, context) },
  ];
}

function unauthorized({ metrics }: ApiDeps): Response {
  metrics.request('unauthorized');
  const detail = 'send "Authorization: Bearer TOKEN" with a token of the configuration';
  return problemResponse('unauthorized', detail, { headers: { 'www-authenticate': 'Bearer' } });
}

async function postPurge(deps: ApiDeps, context: ApiContext): Promise<Response> {
  const refuse = (code: ProblemCode, detail: string, extra = {}) => {
    deps.metrics.request(code);
    return problemResponse(code, detail, extra);
  };
  const caller = context.get('caller');
  const body = await readJsonBody(context.req.raw);
  if (!body.ok) return refuse(body.code, body.detail);
  const parsed = parsePurge(body.value, hostsOf(deps.topology()));
  if (!parsed.ok) {
    const [first] = parsed.problems;
    const detail = [first?.path, first?.message].filter(Boolean).join(': ');
    return refuse('invalid-purge', detail, { problems: parsed.problems });
  }
  const [outside] = outsideOf(caller.hosts, parsed.selectors);
  if (outside) {
    const detail = `${describeSelector(outside)} is not of ${caller.hosts.join(', ')}`;
    return refuse('forbidden-host', detail);
  }
  const waitMs = waitOf(context);
  if (waitMs === undefined) return refuse('invalid-parameter', waitProblem);
  const { soft, selectors, warm } = parsed;
  const command: PurgeCommand = { soft, selectors, scope: caller.hosts, by: caller.name };
  const idempotency = idempotencyOf(context, command, warm);
  if (idempotency === 'invalid') return refuse('invalid-parameter', keyProblem);
  const allowance = deps.limits.take(caller.name);
  const limit = allowance ? limitHeaders(allowance) : {};
  if (allowance?.isAllowed === false) {
    const detail = `"${caller.name}" may ask for ${allowance.quota} purges in ${allowance.perMs / 1000} s`;
    return refuse('limit-reached', detail, { headers: limit });
  }
  for (const [name, value] of Object.entries(limit)) context.header(name, value);
  if (parsed.dryRun) {
    deps.metrics.request('dry-run');
    const question = { soft, selectors, scope: [...caller.hosts] };
    return context.json(await dryRunNetwork(deps, question));
  }
  const submitted = await submitAndWarm(deps, command, idempotency, warm);
  if (submitted.kind !== 'accepted') {
    deps.limits.giveBack(caller.name);
    return refuseSubmitted(submitted, refuse);
  }
  deps.metrics.request('accepted');
  return answerPurge(deps, context, submitted.recorded, waitMs);
}

/** What is hot has to be asked before the purge. An entry that was there before is a repeated one, and not warmed again. */
async function submitAndWarm(
  { journal, purges, warming }: ApiDeps,
  command: PurgeCommand,
  idempotency: Idempotency | undefined,
  warm: number,
): Promise<Submitted> {
  if (warm === 0) return purges.submit(command, idempotency);
  const { soft, selectors, scope } = command;
  const question = { soft, selectors: [...selectors], scope: [...scope] };
  const found = await warming.find(question, warm);
  const before = journal.head();
  const submitted = await purges.submit(command, idempotency);
  if (submitted.kind === 'accepted' && submitted.recorded.entry.seq > before.seq) {
    warming.start(submitted.recorded.entry, found);
  }
  return submitted;
}

function refuseSubmitted(
  submitted: Exclude<Submitted, { kind: 'accepted' }>,
  refuse: (code: ProblemCode, detail: string, extra?: object) => Response,
): Response {
  if (submitted.kind === 'conflict') {
    return refuse('idempotency-conflict', 'the same key came with another body before');
  }
  if (submitted.kind === 'failed') return refuse('journal-unavailable', submitted.problem);
  const seconds = String(Math.ceil(submitted.retryAfterMs / 1000));
  const detail = `purge-api has just started and waits for the positions of ${submitted.waitingFor.join(', ')}`;
  return refuse('starting', detail, { headers: { 'retry-after': seconds } });
}

async function getPurge(deps: ApiDeps, context: ApiContext): Promise<Response> {
  const waitMs = waitOf(context);
  if (waitMs === undefined) return problemResponse('invalid-parameter', waitProblem);
  const id = context.req.param('id') ?? '';
  const recorded = await deps.purges.find(id);
  // What another token may not see does not exist for it.
  if (!recorded || !mayUse(context.get('caller'), recorded.entry.scope)) {
    return problemResponse('not-found', `there is no purge "${id.slice(0, 64)}", or no longer`);
  }
  if (waitMs > 0) await deps.purges.wait(recorded.entry, waitMs);
  const { entry } = recorded;
  const convergence = deps.evidence.complete(entry, deps.purges.judge(entry));
  return context.json(presentPurge(recorded, convergence, deps.warming.progress(id)), 200);
}

function getNodes(deps: ApiDeps, context: ApiContext): Response {
  const { network, hash } = deps.topology();
  const head = deps.journal.head();
  const nodes = deps.nodes().map((standing) => ({
    ...presentNode(standing, head, hash),
    fingerprint: deps.evidence.fingerprintOf(standing.record.summary.id),
  }));
  return context.json({ network, head, nodes });
}

async function getJournal(deps: ApiDeps, context: ApiContext): Promise<Response> {
  const after = wholeNumber(context.req.query('after'), 0, Number.MAX_SAFE_INTEGER);
  const limit = wholeNumber(context.req.query('limit'), defaultPageEntries, maxPageEntries);
  if (after === undefined || limit === undefined || limit === 0) {
    const detail = `"after" is a sequence number, "limit" is from 1 to ${maxPageEntries}`;
    return problemResponse('invalid-parameter', detail);
  }
  const { journal } = deps;
  const entries = await journal.after(after, { limit, maxBytes: maxPageBytes });
  const last = entries.at(-1);
  const caller = context.get('caller');
  const head: Position = journal.head();
  return context.json({
    head,
    floor: journal.floor(),
    entries: entries.filter((entry) => mayUse(caller, entry.scope)).map(presentEntry),
    next: last && last.seq < head.seq ? last.seq : null,
  });
}

async function postExplain(deps: ApiDeps, context: ApiContext): Promise<Response> {
  const body = await readJsonBody(context.req.raw);
  if (!body.ok) return problemResponse(body.code, body.detail);
  const explained = await explainNetwork(deps, context.get('caller'), body.value);
  if (explained.ok) return context.json(explained.answer);
  const { code, detail, problems } = explained;
  return problemResponse(code, detail, problems ? { problems } : {});
}

async function postReload(deps: ApiDeps, context: ApiContext): Promise<Response> {
  if (!context.get('caller').hosts.includes('*')) {
    return problemResponse('forbidden-action', 'a reload needs a token with hosts ["*"]');
  }
  const outcome = await deps.reload();
  if (!outcome.ok) return problemResponse('invalid-configuration', outcome.problem);
  return context.json({ nodes: outcome.nodes });
}

async function answerPurge(
  deps: ApiDeps,
  context: ApiContext,
  recorded: Recorded,
  waitMs: number,
): Promise<Response> {
  if (waitMs > 0) await deps.purges.wait(recorded.entry, waitMs);
  const convergence = judgeAccepted(deps, recorded.entry);
  context.header('location', `/v1/purges/${recorded.entry.id}`);
  return context.json(
    presentPurge(recorded, convergence, deps.warming.progress(recorded.entry.id)),
    convergence.status === 'converged' ? 200 : 202,
  );
}

/** An entry that is new needs nothing that was kept; a repeated one may have converged long ago. */
function judgeAccepted({ purges, evidence }: ApiDeps, entry: JournalEntry): Convergence {
  const live = purges.judge(entry);
  const isOlder = live.status === 'pending' && evidence.declaredThrough() >= entry.seq;
  return isOlder ? evidence.complete(entry, live) : live;
}

function hostsOf(topology: TopologyWithSecret): ReadonlySet<string> {
  return new Set(topology.sites.flatMap((site) => site.hosts));
}

const waitProblem = '"wait" is a duration such as 10s';
const keyProblem = 'an Idempotency-Key has 1 to 256 visible ASCII characters';

/** Milliseconds of `?wait=`, capped; 0 without one; undefined when it is none. */
function waitOf(context: ApiContext): number | undefined {
  const text = context.req.query('wait');
  if (text === undefined) return 0;
  const waitMs = parseDurationMs(text);
  return waitMs === undefined ? undefined : Math.min(waitMs, maxWaitMs);
}

/** The key, made unique to the token, and what the command comes to. */
function idempotencyOf(
  context: ApiContext,
  { by, soft, scope, selectors }: PurgeCommand,
  warm: number,
): Idempotency | undefined | 'invalid' {
  const key = context.req.header('idempotency-key');
  if (key === undefined) return undefined;
  if (!/^[\x21-\x7e]{1,256}$/.test(key)) return 'invalid';
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([soft, scope, selectors, ...(warm > 0 ? [warm] : [])]))
    .digest('hex');
  return { key: `${by} ${key}`, fingerprint };
}

function wholeNumber(
  text: string | undefined,
  fallback: number,
  maximum: number,
): number | undefined {
  if (text === undefined) return fallback;
  if (!/^\d{1,15}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= maximum ? value : undefined;
}
