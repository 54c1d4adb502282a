/**
 * From the body of a purge request to selectors, or to everything that is wrong with it. Pure. Nothing is ever read into a
 * body that is empty, unknown or only partly right: a purge that is not understood is refused as a whole.
 */
import { parseHost } from '../core/http/host.ts';
import { MAX_TAG_BYTES } from '../core/http/tags.ts';
import { normalisePrefix, normaliseUrl } from '../core/http/target.ts';
import type { Selector } from '../core/purge/command.ts';
import { maxWarmed } from '../core/purge/warm.ts';
import { assertNever } from '../core/runtime/deps.ts';

/** Selectors of one request, over all kinds. */
export const maxSelectors = 1000;
/** Bytes of a URL or prefix. */
const maxUrlLength = 8 * 1024;

export interface BodyProblem {
  /** As in `urls[2]`; empty for the body as a whole. */
  path: string;
  message: string;
}

export type ParsedPurge =
  | { ok: true; soft: boolean; dryRun: boolean; warm: number; selectors: Selector[] }
  | { ok: false; problems: BodyProblem[] };

/** The keys that are known; their values are not to be trusted. */
interface PurgeBody {
  urls?: unknown;
  tags?: unknown;
  prefixes?: unknown;
  hosts?: unknown;
  everything?: unknown;
  soft?: unknown;
  dryRun?: unknown;
  warm?: unknown;
}

interface Located {
  selector: Selector;
  path: string;
}

const lists = {
  urls: (url: string): Selector => ({ kind: 'url', url }),
  tags: (tag: string): Selector => ({ kind: 'tag', tag }),
  prefixes: (prefix: string): Selector => ({ kind: 'prefix', prefix }),
  hosts: (host: string): Selector => ({ kind: 'host', host: normalHost(host) }),
};
const listKeys = ['urls', 'tags', 'prefixes', 'hosts'] as const;
const knownKeys: readonly string[] = [...listKeys, 'everything', 'soft', 'dryRun', 'warm'];

/** Problems shown at once; a body of a thousand wrong URLs is explained well enough by the first of them. */
const maxProblems = 20;

/** Reads a body (parsed JSON). `knownHosts`: the hosts of all sites; a purge of any other would do nothing, in silence. */
export function parsePurge(body: unknown, knownHosts: ReadonlySet<string>): ParsedPurge {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return refused([{ path: '', message: 'expected a JSON object' }]);
  }
  const fields = body as PurgeBody;
  const problems: BodyProblem[] = Object.keys(fields)
    .filter((key) => !knownKeys.includes(key))
    .map((key) => ({ path: key, message: `unknown key (known: ${knownKeys.join(', ')})` }));
  for (const path of ['soft', 'dryRun'] as const) {
    if (fields[path] === undefined || typeof fields[path] === 'boolean') continue;
    problems.push({ path, message: 'expected true or false' });
  }
  const warm = readWarm(fields, problems);
  const located: Located[] = [];
  for (const key of listKeys) readList(key, fields[key], located, problems);
  readEverything(fields.everything, located, problems);
  for (const { selector, path } of located) {
    const message = problemOf(selector, knownHosts);
    if (message !== undefined) problems.push({ path, message });
  }
  if (located.length > maxSelectors) {
    const message = `${located.length} selectors: at most ${maxSelectors} in one request`;
    problems.push({ path: '', message });
  }
  if (located.length === 0 && problems.length === 0) {
    // An empty list must never come to mean "everything" (DESIGN section 4).
    const message = `nothing to purge: give one of ${listKeys.join(', ')}, or "everything": true`;
    problems.push({ path: '', message });
  }
  if (problems.length > 0) return refused(problems);
  const selectors = located.map(({ selector }) => selector);
  return { ok: true, soft: fields.soft === true, dryRun: fields.dryRun === true, warm, selectors };
}

/** What is wrong with one selector by itself; undefined: nothing. */
export function problemOf(selector: Selector, knownHosts: ReadonlySet<string>): string | undefined {
  switch (selector.kind) {
    case 'everything':
      return undefined;
    case 'tag':
      return Buffer.byteLength(selector.tag) > MAX_TAG_BYTES
        ? `a tag has at most ${MAX_TAG_BYTES} bytes`
        : undefined;
    case 'url':
    case 'prefix': {
      const text = selector.kind === 'url' ? selector.url : selector.prefix;
      if (text.length > maxUrlLength) return `longer than ${maxUrlLength} characters`;
      const host = hostOfSelector(selector);
      if (host === undefined) {
        return `"${shorten(text)}" is no absolute http or https URL without a fragment`;
      }
      return knownHosts.has(host) ? undefined : `no site has the host "${host}"`;
    }
    case 'host': {
      const parsed = parseHost(selector.host);
      if (!parsed || parsed.port !== undefined) {
        return `"${shorten(selector.host)}" is no host name (without scheme, port or path)`;
      }
      return knownHosts.has(parsed.host) ? undefined : `no site has the host "${parsed.host}"`;
    }
    default:
      return assertNever(selector);
  }
}

/** The host that a selector names, lower case; undefined for tags, "everything" and what has no normal form. */
export function hostOfSelector(selector: Selector): string | undefined {
  switch (selector.kind) {
    case 'url':
      return normaliseUrl(selector.url)?.host;
    case 'prefix':
      return normalisePrefix(selector.prefix)?.host;
    case 'host':
      return parseHost(selector.host)?.host;
    case 'tag':
    case 'everything':
      return undefined;
    default:
      return assertNever(selector);
  }
}

/** A selector as a person would write it, for messages. */
export function describeSelector(selector: Selector): string {
  switch (selector.kind) {
    case 'url':
      return `url ${shorten(selector.url)}`;
    case 'prefix':
      return `prefix ${shorten(selector.prefix)}`;
    case 'host':
      return `host ${shorten(selector.host)}`;
    case 'tag':
      return `tag ${shorten(selector.tag)}`;
    case 'everything':
      return 'everything';
    default:
      return assertNever(selector);
  }
}

/** Lower case, without a dot at the end; what is no host name stays as it is, and is refused later. */
function normalHost(text: string): string {
  const parsed = parseHost(text);
  return parsed && parsed.port === undefined ? parsed.host : text;
}

function readList(
  key: (typeof listKeys)[number],
  value: unknown,
  located: Located[],
  problems: BodyProblem[],
): void {
  if (value === undefined) return;
  if (!Array.isArray(value)) {
    problems.push({ path: key, message: 'expected a list of strings' });
    return;
  }
  if (value.length === 0) problems.push({ path: key, message: 'the list is empty' });
  for (const [index, item] of value.entries()) {
    const path = `${key}[${index}]`;
    if (typeof item === 'string' && item !== '') located.push({ selector: lists[key](item), path });
    else problems.push({ path, message: 'expected a string that is not empty' });
  }
}

function readEverything(value: unknown, located: Located[], problems: BodyProblem[]): void {
  if (value === undefined) return;
  const path = 'everything';
  if (value === true) located.push({ selector: { kind: 'everything' }, path });
  else problems.push({ path, message: 'expected true, or no such key' });
}

/** How many responses are to be fetched anew; 0: none. */
function readWarm({ warm, dryRun }: PurgeBody, problems: BodyProblem[]): number {
  if (warm === undefined) return 0;
  if (typeof warm !== 'number' || !Number.isInteger(warm) || warm < 1 || warm > maxWarmed) {
    problems.push({ path: 'warm', message: `expected a whole number from 1 to ${maxWarmed}` });
    return 0;
  }
  if (dryRun === true) problems.push({ path: 'warm', message: 'a dry run leaves nothing to warm' });
  return warm;
}

function refused(problems: BodyProblem[]): ParsedPurge {
  if (problems.length <= maxProblems) return { ok: false, problems };
  const shown = problems.slice(0, maxProblems);
  shown.push({ path: '', message: `and ${problems.length - maxProblems} further problems` });
  return { ok: false, problems: shown };
}

function shorten(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
