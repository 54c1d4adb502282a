/**
 * What the readers of a history read: pages of many manners whose versions change at the origin, and the selectors that purge them.
 * Every body says which version it is, wherever one looks at it.
 */
import type { Random } from '../../../core/runtime/deps.ts';
import type { Origin, OriginRequest, Route } from '../../support/network/origin.ts';
import { pause } from '../../support/network/until.ts';
import type { Change } from './history.ts';

export const hosts = { shop: 'www.shop.test', images: 'img.shop.test', files: 'files.shop.test' };

export interface Page {
  host: string;
  path: string;
  tags: string[];
  cacheControl: string;
  /** Asked for by two languages, with a response each. */
  isVaried?: boolean;
  /** Larger than a slice, and read in parts. */
  isSliced?: boolean;
  hasEtag: boolean;
}

export interface Purging {
  selectors: object;
  matches(page: Page): boolean;
}

export interface World {
  pages: readonly Page[];
  changes: Change[];
  /** Gives the pages new versions. */
  change(pages: readonly Page[]): void;
}

const minute = 'max-age=60';
const short = 'max-age=1, stale-while-revalidate=60';
const lineBytes = 16;
const sliceLines = (64 * 1024) / lineBytes;
/** The origin takes so long for an answer at most: the time in which a purge overtakes a fetch. */
const slownessMs = 60;

export const urlOf = ({ host, path }: Page): string => `${host}${path}`;

export const pages: readonly Page[] = [
  { host: hosts.shop, path: '/news/1', tags: ['news', 'one'], cacheControl: minute, hasEtag: true },
  { host: hosts.shop, path: '/news/2', tags: ['news'], cacheControl: short, hasEtag: true },
  { host: hosts.shop, path: '/news/3', tags: ['news'], cacheControl: short, hasEtag: false },
  {
    host: hosts.shop,
    path: '/sport/1',
    tags: ['sport', 'one'],
    cacheControl: minute,
    hasEtag: false,
  },
  { host: hosts.shop, path: '/sport/2', tags: ['sport'], cacheControl: 'max-age=1', hasEtag: true },
  {
    host: hosts.shop,
    path: '/in',
    tags: ['sport'],
    cacheControl: minute,
    hasEtag: true,
    isVaried: true,
  },
  { host: hosts.images, path: '/a', tags: ['one'], cacheControl: minute, hasEtag: true },
  { host: hosts.images, path: '/b', tags: [], cacheControl: 'max-age=1', hasEtag: true },
  {
    host: hosts.files,
    path: '/film',
    tags: ['news'],
    cacheControl: minute,
    hasEtag: true,
    isSliced: true,
  },
];

/** Serves `pages` at the origin, each at version 1. */
export function createWorld(origin: Origin, random: Random, nowMs: () => number): World {
  const versions = new Map(pages.map((page) => [page, 1]));
  const changes = pages.map((page) => ({ url: urlOf(page), version: 1, atMs: nowMs() }));
  const byUrl = new Map(pages.map((page) => [urlOf(page), page]));
  const route: Route = async (request, response) => {
    const page = byUrl.get(`${request.headers.host}${request.path}`);
    if (!page) return void response.writeHead(404).end();
    // What the origin has when it is asked is what it answers, however long that takes.
    const version = versions.get(page) ?? 0;
    await pause(random.unit() * slownessMs);
    const { status, headers, body } = answerOf(page, version, request);
    response.writeHead(status, headers);
    response.end(body);
  };
  for (const { path } of pages) origin.on(path, route);
  return {
    pages,
    changes,
    change(changed) {
      for (const page of changed) {
        const version = (versions.get(page) ?? 0) + 1;
        changes.push({ url: urlOf(page), version, atMs: nowMs() });
        versions.set(page, version);
      }
    },
  };
}

function answerOf(page: Page, version: number, { headers }: OriginRequest) {
  const fields: Record<string, string> = {
    'cache-control': page.cacheControl,
    'surrogate-key': page.tags.join(' '),
    ...(page.hasEtag ? { etag: etagOf(version) } : {}),
    ...(page.isVaried ? { vary: 'accept-language' } : {}),
  };
  const isConfirmed = page.hasEtag && headers['if-none-match'] === etagOf(version);
  if (isConfirmed) return { status: 304, headers: fields, body: '' };
  const whole = bodyOf(page, version);
  const range = page.isSliced ? rangeOf(headers, version, whole.length) : undefined;
  if (!range) return { status: 200, headers: fields, body: whole };
  const place = `bytes ${range.start}-${range.end}/${whole.length}`;
  const body = whole.slice(range.start, range.end + 1);
  return { status: 206, headers: { ...fields, 'content-range': place }, body };
}

const etagOf = (version: number) => `"${version}"`;

function rangeOf(headers: OriginRequest['headers'], version: number, length: number) {
  const condition = headers['if-range'];
  if (condition !== undefined && condition !== etagOf(version)) return undefined;
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
  if (from === undefined) return undefined;
  const end = to === '' ? length - 1 : Math.min(Number(to), length - 1);
  return { start: Number(from), end };
}

function bodyOf({ isSliced }: Page, version: number): string {
  const line = `version ${version}`.padEnd(lineBytes - 1, ' ').concat('\n');
  return isSliced ? line.repeat(3 * sliceLines) : line;
}

/** A range over the border of two slices. */
export const range = `bytes=${(sliceLines - 2) * lineBytes}-${(sliceLines + 2) * lineBytes - 1}`;

/** All versions that a body is made of. */
export function versionsIn(body: string): number[] {
  return [...new Set([...body.matchAll(/version (\d+) *\n/g)].map(([, text]) => Number(text)))];
}

const tagOf = (tag: string): Purging => ({
  selectors: { tags: [tag] },
  matches: (page) => page.tags.includes(tag),
});
const prefixOf = (prefix: string): Purging => ({
  selectors: { prefixes: [`http://${prefix}`] },
  matches: (page) => urlOf(page).startsWith(prefix),
});
const hostOf = (host: string): Purging => ({
  selectors: { hosts: [host] },
  matches: (page) => page.host === host,
});
const pageOf = (wanted: Page): Purging => ({
  selectors: { urls: [`http://${urlOf(wanted)}`] },
  matches: (page) => page === wanted,
});

/** Every way to purge, the narrow ones oftener. */
export const purgings: readonly Purging[] = [
  ...pages.map(pageOf),
  ...['news', 'sport', 'one'].map(tagOf),
  ...[`${hosts.shop}/news/`, `${hosts.shop}/`, `${hosts.files}/`].map(prefixOf),
  ...Object.values(hosts).map(hostOf),
  { selectors: { everything: true }, matches: () => true },
];
