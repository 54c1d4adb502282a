/**
 * Where purge-api is and what to show it: `--api` and `--token`, `BREAKWATER_API` and `BREAKWATER_TOKEN`, else what the
 * configuration says. With both given, no configuration is needed: a build server has a token and an address, no file.
 */
import { z } from 'zod';
import { formatHostPort } from '../../core/runtime/addresses.ts';
import {
  type ControlRequest,
  type ControlResponse,
  controlRequest,
} from '../../core/runtime/http-client.ts';
import type { Topology } from '../../core/topology/load.ts';
import { findNode, reachOf } from '../../core/topology/nodes.ts';
import type { CliContext } from './cli-context.ts';
import { CommandError, exitCodes, usageError } from './command-error.ts';
import { findConfig, requireTopology } from './find-config.ts';

export interface ApiOptions {
  config?: string;
  api?: string;
  token?: string;
}

export interface ApiAccess {
  /** `http://host:port`, without a final slash. */
  base: string;
  token: string | undefined;
}

const defaultTimeoutMs = 10_000;

/** Resolves the address and the token. Throws CommandError when one of them is to be found nowhere. */
export function findApi(options: ApiOptions, context: CliContext): ApiAccess {
  const { environment } = context;
  const base = options.api ?? environment.BREAKWATER_API;
  const token = options.token ?? environment.BREAKWATER_TOKEN;
  if (base !== undefined && token !== undefined) return { base: cleanBase(base), token };
  const topology = topologyFor(options, context, base === undefined ? 'address' : 'token');
  return {
    base: base === undefined ? baseOf(topology) : cleanBase(base),
    token: token ?? chooseToken(topology),
  };
}

function topologyFor(options: ApiOptions, context: CliContext, missing: 'address' | 'token') {
  const isHalfGiven =
    missing === 'token' || (options.token ?? context.environment.BREAKWATER_TOKEN);
  if (isHalfGiven && !findConfig(options.config, context)) {
    const [option, variable] =
      missing === 'token' ? ['--token', 'BREAKWATER_TOKEN'] : ['--api', 'BREAKWATER_API'];
    throw usageError(
      `no ${missing} of the purge API: give ${option}, set ${variable}, or name a configuration with -c FILE`,
    );
  }
  return requireTopology(options.config, context);
}

/** The token for all hosts, else the first; undefined when the file has none. */
export function chooseToken({ purge }: Pick<Topology, 'purge'>): string | undefined {
  return (purge.tokens.find((token) => token.hosts.includes('*')) ?? purge.tokens[0])?.secret;
}

function baseOf(topology: Topology): string {
  const reach = reachOf(topology, findNode(topology, topology.purge.id));
  if (reach) return `http://${formatHostPort(reach)}`;
  throw new CommandError(`purge-api of ${topology.file} has not been started here: npm start`);
}

function cleanBase(text: string): string {
  const withScheme = /^https?:\/\//.test(text) ? text : `http://${text}`;
  if (!URL.canParse(withScheme)) throw usageError(`"${text}" is no address of a purge API`);
  return withScheme.replace(/\/+$/, '');
}

/** One request to purge-api. Throws CommandError where it cannot be reached; any status is an answer. */
export async function askApi(
  { base, token }: ApiAccess,
  path: string,
  options: Omit<ControlRequest, 'timeoutMs'> & { timeoutMs?: number } = {},
): Promise<ControlResponse> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  try {
    return await controlRequest(`${base}${path}`, {
      timeoutMs: defaultTimeoutMs,
      ...options,
      headers: { ...options.headers, ...authorization },
    });
  } catch (error) {
    const problem = unreachable(base, error as NodeJS.ErrnoException);
    throw new CommandError(problem, exitCodes.refused, { cause: error });
  }
}

function unreachable(base: string, error: NodeJS.ErrnoException): string {
  if (error.code === 'ECONNREFUSED') {
    return `no network is running at ${base}: start it with npm start`;
  }
  return `${base} does not answer: ${error.message}`;
}

/** The answer as JSON. Throws CommandError with the problem's own words (RFC 9457) for any status of 400 or more. */
export function jsonOf(response: ControlResponse): unknown {
  const parsed = parseJson(response.body.toString('utf8'));
  if (response.status < 400) return parsed;
  throw new CommandError(problemText(response.status, parsed));
}

/** The words of a problem document, else the status. */
export function problemText(status: number, parsed: unknown): string {
  const problem = problemSchema.safeParse(parsed);
  if (!problem.success) return `the purge API answered with status ${status}`;
  const { title, detail, problems = [] } = problem.data;
  const lines = problems.map(({ path, message }) =>
    path === '' ? message : `${path}: ${message}`,
  );
  // With a list at hand the detail would only repeat it.
  const rest = lines.length > 0 ? lines.join('; ') : detail;
  return rest === undefined ? title : `${title}: ${rest}`;
}

const problemSchema = z.object({
  title: z.string(),
  detail: z.string().optional(),
  problems: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Something else than purge-api is listening there; the status is all that can be told.
    return undefined;
  }
}
