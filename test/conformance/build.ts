/** Short ways to write the cases that come up again and again: stored and reused, asked for again, validated. */
import type {
  Case,
  Exchange,
  Expected,
  Level,
  Line,
  OriginAnswer,
  SiteName,
  Text,
} from './case.ts';

/** What a case is, without what happens in it. */
export interface About {
  id: string;
  name: string;
  spec: string;
  level: Level;
  site?: SiteName;
  bent?: string;
}

/** What differs from two plain GETs. */
export interface More {
  /** Of the first answer. */
  origin?: OriginAnswer;
  /** Lines of the first request, of the second one, of both. */
  first?: readonly Line[];
  second?: readonly Line[];
  both?: readonly Line[];
  /** Before the second request. */
  pauseMs?: number;
  /** Of the second answer. */
  expect?: Expected;
}

export const cacheControl = (value: Text): Line => ['Cache-Control', value];
export const hour: Line = ['Cache-Control', 'max-age=3600'];
export const etag = (value: Text): Line => ['ETag', value];
/** Stale when it comes: an hour of life and two of age. */
export const staleHour: readonly Line[] = [hour, ['Age', '7200']];

function twice(about: About, lines: readonly Line[], more: More, expect: Expected): Case {
  const { origin: said = {}, first = [], second = [], both = [], pauseMs } = more;
  const origin: OriginAnswer = { lines, ...said };
  return {
    ...about,
    requests: [
      { lines: [...both, ...first], origin },
      {
        lines: [...both, ...second],
        ...(pauseMs === undefined ? {} : { pauseMs }),
        origin: changed(origin),
        expect: { ...expect, ...more.expect },
      },
    ],
  };
}

/** The same answer with another body. An honest origin does not give it the same validators. */
function changed(origin: OriginAnswer): OriginAnswer {
  const isValidator = ([name]: Line) => /^(etag|last-modified)$/i.test(name);
  return { ...origin, lines: (origin.lines ?? []).filter((line) => !isValidator(line)) };
}

/** An answer with these lines is stored, and the same request is answered with it. */
export function reused(about: About, lines: readonly Line[], more: More = {}): Case {
  return twice(about, lines, more, { source: 'stored' });
}

/** An answer with these lines does not answer the next request. */
export function askedAgain(about: About, lines: readonly Line[], more: More = {}): Case {
  return twice(about, lines, more, { source: 'origin' });
}

/** What is stored is validated for the next request, and sent when the origin says that it is still good. */
export function validated(
  about: About,
  lines: readonly Line[],
  fields: Record<string, Text>,
  more: More & { lines304?: readonly Line[] } = {},
): Case {
  const { lines304 = [], expect } = more;
  const second: Exchange = {
    lines: [...(more.both ?? []), ...(more.second ?? [])],
    origin: { status: 304, lines: lines304 },
    expect: { source: 'revalidated', asked: { fields }, ...expect },
  };
  const [first] = twice(about, lines, more, {}).requests;
  return { ...about, requests: first ? [first, second] : [] };
}

/** A case for each row, all of one kind: `[id, what is said, lines]`, after a sentence that they share. */
export function each(
  about: Omit<About, 'id'>,
  kind: (about: About, lines: readonly Line[]) => Case,
  rows: readonly (readonly [id: string, what: string, lines: readonly Line[]])[],
): Case[] {
  return rows.map(([id, what, lines]) =>
    kind({ ...about, id, name: `${about.name}: ${what}` }, lines),
  );
}
