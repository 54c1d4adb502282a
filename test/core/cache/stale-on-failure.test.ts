/** Rules of core/cache/stale-on-failure.ts: what is stored, after the upstream has failed (RFC 9111 §4.2.4, §5.2.2.2). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Cleanliness } from '../../../core/cache/clean-through.ts';
import {
  isErrorOfUpstream,
  isUnreachable,
  type StaleVerdict,
  staleOnFailure,
} from '../../../core/cache/stale-on-failure.ts';
import { parseCacheControl } from '../../../core/http/cache-control.ts';
import type { Freshness } from '../../../core/http/freshness.ts';
import type { Failure, FailureKind } from '../../../core/upstream/upstream.ts';
import { responseWith } from '../../support/responses.ts';

const failure = (kind: FailureKind, source: Failure['source'] = 'upstream'): Failure => ({
  source,
  kind,
  retryable: false,
  cause: 'x',
});
const soft: Cleanliness = { kind: 'soft', seq: 7, sinceMs: 5000 };
const hard: Cleanliness = { kind: 'hard', seq: 7 };

interface Case {
  freshness?: Partial<Freshness>;
  cleanliness?: Cleanliness;
  asked?: string;
  /** Null: an answer of 500, 502, 503 or 504. */
  kind?: FailureKind | null;
  limitSeconds?: number;
  atSeconds: number;
  gives: StaleVerdict;
}

/** The stored response came at time 0 and is fresh for 60 s. */
function judge({ freshness = {}, cleanliness, asked = '', kind = 'connect', ...more }: Case) {
  const { limitSeconds, atSeconds } = more;
  return staleOnFailure({
    stored: responseWith({ freshness }),
    cleanliness: cleanliness ?? { kind: 'clean' },
    asked: parseCacheControl([asked]),
    failure: kind === null ? undefined : failure(kind),
    limitMs: limitSeconds === undefined ? undefined : limitSeconds * 1000,
    nowMs: atSeconds * 1000,
  });
}

function table(cases: Record<string, Case>): void {
  for (const [title, one] of Object.entries(cases)) {
    it(`${title}: ${one.gives}`, () => assert.equal(judge(one), one.gives));
  }
}

const must = { mustRevalidate: true };
const sie = { staleIfErrorSeconds: 30 };
const year = 365 * 86_400;

describe('while nobody can be reached (RFC 9111 §4.2.4)', () => {
  table({
    'what is stale': { atSeconds: 61, gives: 'serve' },
    'however long ago it became stale': { atSeconds: year, gives: 'serve' },
    'what is fresh, though the client wanted it validated': { atSeconds: 1, gives: 'serve' },
    'what a soft purge has made stale': { cleanliness: soft, atSeconds: year, gives: 'serve' },
    'what a hard purge has matched, never': { cleanliness: hard, atSeconds: 1, gives: 'withhold' },
    'nor in a window': { cleanliness: hard, freshness: sie, atSeconds: 1, gives: 'withhold' },
    'whatever the client asks': { asked: 'no-cache, max-age=0', atSeconds: 61, gives: 'serve' },
  });
});

describe('what must be validated is not served stale, and that is an error of its own (§5.2.2.2)', () => {
  table({
    'must-revalidate, proxy-revalidate or s-maxage, and stale': {
      freshness: must,
      atSeconds: 60,
      gives: 'unvalidated',
    },
    'the same while it is fresh': { freshness: must, atSeconds: 59, gives: 'serve' },
    'the same within a window that it names itself (RFC 5861 §4)': {
      freshness: { ...must, ...sie },
      atSeconds: 89,
      gives: 'serve',
    },
    'and after it': { freshness: { ...must, ...sie }, atSeconds: 90, gives: 'unvalidated' },
    'no-cache, fresh or not': { freshness: { noCache: true }, atSeconds: 1, gives: 'unvalidated' },
    'not by the word of the client': {
      freshness: must,
      asked: 'stale-if-error=600, max-stale',
      atSeconds: 61,
      gives: 'unvalidated',
    },
    'nor when the site has no limit': { freshness: must, atSeconds: 61, gives: 'unvalidated' },
    'purged hard it is not there': {
      freshness: must,
      cleanliness: hard,
      atSeconds: 61,
      gives: 'withhold',
    },
  });
});

describe('the limit of the site', () => {
  table({
    'its last moment': { limitSeconds: 10, atSeconds: 69.999, gives: 'serve' },
    'its end': { limitSeconds: 10, atSeconds: 70, gives: 'withhold' },
    'counts from a soft purge': {
      limitSeconds: 10,
      cleanliness: soft,
      atSeconds: 15,
      gives: 'withhold',
    },
    '0: never, not even at the first stale moment': {
      limitSeconds: 0,
      atSeconds: 60,
      gives: 'withhold',
    },
    '0, and a window for errors beside it': {
      limitSeconds: 0,
      freshness: sie,
      atSeconds: 89,
      gives: 'serve',
    },
  });
});

describe('an error that the upstream answers with is no absence', () => {
  table({
    'without a window': { kind: null, atSeconds: 61, gives: 'withhold' },
    'within the window of the response': {
      kind: null,
      freshness: sie,
      atSeconds: 89,
      gives: 'serve',
    },
    'within the window of the client': {
      kind: null,
      asked: 'stale-if-error=30',
      atSeconds: 89,
      gives: 'serve',
    },
    'what must be validated': { kind: null, freshness: must, atSeconds: 61, gives: 'withhold' },
  });

  it('500, 502, 503 and 504 may stand for one (RFC 5861 §4)', () => {
    const statuses = [200, 404, 499, 500, 501, 502, 503, 504, 505];
    assert.deepEqual(statuses.filter(isErrorOfUpstream), [500, 502, 503, 504]);
  });
});

describe('which failures mean that nobody can be reached', () => {
  const cases: [FailureKind, boolean][] = [
    ['connect', true],
    ['timeout', true],
    ['cut', true],
    ['unavailable', true],
    ['framing', false],
    ['overload', false],
    ['aborted', false],
  ];
  for (const [kind, expected] of cases) {
    it(`${kind}: ${expected}`, () => assert.equal(isUnreachable(failure(kind)), expected));
  }

  it('none that lies with the client or with us', () => {
    assert.equal(isUnreachable(failure('timeout', 'downstream')), false);
    assert.equal(isUnreachable(failure('unavailable', 'internal')), false);
  });
});
