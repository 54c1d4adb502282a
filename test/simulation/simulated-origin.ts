/** The origin of a simulated network: pages that have a version each, answered late, with validators, or not at all. */
import { first } from '../../core/http/headers.ts';
import type { Chance } from './chance.ts';
import type { Server } from './data-wire.ts';
import type { Asked, Receiver } from './simulated-exchange.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { host } from './simulated-topology.ts';

export const pages = ['/a', '/b', '/dir/c'] as const;
export type Page = (typeof pages)[number];

/** What a page's responses are tagged with. */
export const tagsOf: Record<Page, readonly string[]> = {
  '/a': ['all', 'a'],
  '/b': ['all', 'b'],
  '/dir/c': ['all', 'c'],
};

export const urlOf = (page: Page): string => `http://${host}${page}`;

export interface SimulatedOrigin extends Server {
  version(page: Page): number;
  /** The page has other content from now on. */
  change(page: Page): void;
  /** Answers nothing until the returned call. */
  fail(): () => void;
}

/** Creates an origin whose responses may be stored as `cacheControl` says. */
export function createOrigin(
  process: SimulatedProcess,
  chance: Chance,
  cacheControl: string,
): SimulatedOrigin {
  const versions = new Map<Page, number>(pages.map((page) => [page, 1]));
  let failures = 0;
  const version = (page: Page) => versions.get(page) ?? 0;
  const answer = (asked: Asked, page: Page, receiver: Receiver) => {
    const now = version(page);
    const etag = etagOf(now);
    const headers = ['Cache-Control', cacheControl, 'ETag', etag];
    headers.push('Surrogate-Key', tagsOf[page].join(' '));
    const isConfirmed = first([...asked.rawHeaders], 'if-none-match')?.includes(etag) === true;
    process.later(chance.isLikely(0.1) ? chance.between(100, 1500) : chance.between(1, 40), () => {
      receiver.head(isConfirmed ? 304 : 200, headers);
      if (isConfirmed) return receiver.end(true);
      process.later(chance.isLikely(0.1) ? chance.between(50, 800) : 1, () => {
        receiver.data(Buffer.from(`version ${now}`));
        receiver.end(true);
      });
    });
  };
  return {
    process,
    version,
    change: (page) => void versions.set(page, version(page) + 1),
    fail() {
      failures += 1;
      return () => {
        failures -= 1;
      };
    },
    take(asked, receiver) {
      const page = pages.find((known) => known === asked.pathAndQuery);
      if (!page || failures > 0) receiver.end(false);
      else answer(asked, page, receiver);
      return () => {};
    },
  };
}

const etagOf = (version: number) => `"${version}"`;

/** The version that a response's validator names; undefined: it is no page's. */
export function versionOf(headers: readonly string[]): number | undefined {
  const version = /^"(\d+)"$/.exec(first([...headers], 'etag') ?? '')?.[1];
  return version === undefined ? undefined : Number(version);
}
