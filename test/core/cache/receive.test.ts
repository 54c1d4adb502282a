/** Rules of core/cache/receive.ts: what a response of the upstream becomes (RFC 9111 §3, §4.3.4; DESIGN section 4). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StoredResponse } from '../../../core/cache/entry.ts';
import { confirmed, mayConfirm, received, reportOf } from '../../../core/cache/receive.ts';
import { first } from '../../../core/http/headers.ts';
import type { UpstreamResponse } from '../../../core/upstream/upstream.ts';
import { createTestEngine, type EngineOptions } from '../../support/engine.ts';
import { createFakeBody } from '../../support/fake-upstream.ts';
import { journal, responseWith } from '../../support/responses.ts';

const epoch = { identity: journal, seq: 5, hash: 'h' };
const fresh = ['Cache-Control', 'max-age=60'];
const receivedAtMs = Date.UTC(2026, 0, 1, 12);

function response(headers: string[], more: Partial<UpstreamResponse> = {}): UpstreamResponse {
  return {
    status: 200,
    reason: 'OK',
    headers,
    body: createFakeBody(3),
    from: { tier: 'origin', name: 'origin.test:80' },
    tierHeaders: new Map(),
    requestTimeMs: receivedAtMs - 1000,
    responseTimeMs: receivedAtMs,
    ...more,
  };
}

interface Options extends EngineOptions {
  method?: string;
  asked?: string[];
}

function receive(got: UpstreamResponse, { method = 'GET', asked = [], ...options }: Options = {}) {
  const request = createTestEngine(options).request('/', { method, headers: asked });
  const result = received(request, got, epoch, 1000);
  assert.ok(result.kind === 'streaming');
  return result;
}

/** Confirms a stored response by a 304. */
function confirm(
  stored: StoredResponse,
  headers: string[],
  { asked = [], ...options }: Options = {},
  more: Partial<UpstreamResponse> = {},
): StoredResponse | undefined {
  const request = createTestEngine(options).request('/', { headers: asked });
  return confirmed(request, stored, response(headers, { status: 304, ...more }), epoch);
}

describe('the fields that are stored', () => {
  it('are all but those of the exchange', () => {
    const dropped = [
      'Age',
      '5',
      'Cache-Status',
      'x; hit',
      'Content-Length',
      '3',
      'X-Cache',
      'HIT',
      'X-Request-Id',
      'r',
    ];
    const kept = [
      'Date',
      'Thu, 01 Jan 2026 11:59:59 GMT',
      'Via',
      '1.1 eu',
      'Content-Type',
      'text/plain',
    ];
    assert.deepEqual(receive(response([...dropped, ...kept])).init.headers, kept);
  });

  it('get a Date when there is none (RFC 9110 §6.6.1)', () => {
    const { init } = receive(response(fresh));
    assert.equal(first(init.headers, 'date'), 'Thu, 01 Jan 2026 12:00:00 GMT');
  });

  it('leave out what a qualified no-cache or private names (RFC 9111 §5.2.2.4, §5.2.2.7)', () => {
    const headers = ['Cache-Control', 'max-age=60, private="X-User"', 'X-User', 'me', 'X-All', 'a'];
    const { init, notStored, personal } = receive(response(headers));
    assert.deepEqual(
      [notStored, first(init.headers, 'x-user'), first(init.headers, 'x-all'), personal],
      [null, undefined, 'a', ['X-User', 'me']],
    );
  });

  it('leave out Set-Cookie where the site strips it, for everybody, stored or not', () => {
    for (const [cacheControl, why] of [
      ['max-age=60', null],
      ['max-age=60, private="Set-Cookie"', null],
      ['no-store', 'no-store'],
    ]) {
      const got = response(['Cache-Control', cacheControl ?? '', 'Set-Cookie', 'a=b']);
      const { init, notStored, personal } = receive(got, {
        site: { cache: { setCookie: 'strip' } },
      });
      assert.deepEqual(
        [notStored, first(init.headers, 'set-cookie'), personal],
        [why, undefined, undefined],
      );
    }
  });

  it('keep the length of an answer to HEAD, which has no body to tell it', () => {
    const { init } = receive(response(['Content-Length', '3']), { method: 'HEAD' });
    assert.equal(first(init.headers, 'content-length'), '3');
  });
});

describe('what is stored with them', () => {
  it('key, variant, tags, times and the epoch', () => {
    const headers = [
      ...fresh,
      'Vary',
      'Accept-Language',
      'Surrogate-Key',
      'a b',
      'Cache-Tag',
      'c',
      'ETag',
      '"1"',
    ];
    const { init } = receive(response(headers), { asked: ['Accept-Language', 'de'] });
    assert.deepEqual(
      [init.key, init.url, init.varyFields, init.variant, init.tags, init.etag],
      [
        'http://www.demo.test/',
        'www.demo.test/',
        ['accept-language'],
        'accept-language:de\n',
        ['a', 'b', 'c'],
        '"1"',
      ],
    );
    assert.deepEqual(
      [init.identity, init.labelSeq, init.staleSinceMs, init.responseTimeMs, init.bodyBytes],
      [journal, 5, null, receivedAtMs, 3],
    );
    assert.equal(init.freshness.lifetimeSeconds, 60);
  });

  it('the site’s defaults where the response says nothing', () => {
    const site = { cache: { defaultTtl: '10s', staleWhileRevalidate: '20s', staleIfError: '30s' } };
    const { freshness } = receive(response([]), { site }).init;
    assert.deepEqual(
      [
        freshness.lifetimeSeconds,
        freshness.staleWhileRevalidateSeconds,
        freshness.staleIfErrorSeconds,
      ],
      [10, 20, 30],
    );
  });
});

describe('whether it is stored', () => {
  const tags = (count: number) => Array.from({ length: count }, (_, i) => `t${i}`).join(' ');
  const cases: [string, string[], Partial<UpstreamResponse>, string | null][] = [
    ['what may be', fresh, {}, null],
    ['what HTTP forbids', ['Cache-Control', 'no-store'], {}, 'no-store'],
    ['exactly as large as it may be', fresh, { body: createFakeBody(1000) }, null],
    ['too large', fresh, { body: createFakeBody(1001) }, 'too-large'],
    ['of unknown length', fresh, { body: createFakeBody() }, null],
    ['exactly as many tags as are kept', [...fresh, 'Surrogate-Key', tags(1000)], {}, null],
    ['too many tags', [...fresh, 'Surrogate-Key', tags(1001)], {}, 'too-many-tags'],
    ['too long a tag', [...fresh, 'Surrogate-Key', 'x'.repeat(1025)], {}, 'too-many-tags'],
  ];
  for (const [title, headers, more, notStored] of cases) {
    it(`${title}: ${notStored ?? 'stored'}`, () => {
      assert.equal(receive(response(headers, more)).notStored, notStored);
    });
  }
});

describe('whether others who wait may have it', () => {
  const cases: [string, number, string[], boolean][] = [
    ['what is stored', 200, fresh, true],
    ['what is for one client only', 200, ['Cache-Control', 'private'], false],
    ['an error of the origin', 500, [], true],
    ['an error with a cookie', 500, ['Set-Cookie', 'a=b'], false],
    ['an error that differs for everybody', 500, ['Vary', '*'], false],
    ['an error that forbids it (RFC 9111 §5.2.2.5)', 500, ['Cache-Control', 'no-store'], false],
    ['an error of the client', 403, [], false],
  ];
  for (const [title, status, headers, shareable] of cases) {
    it(`${title}: ${shareable}`, () => {
      assert.equal(receive(response(headers, { status })).shareable, shareable);
    });
  }
});

describe('the label', () => {
  const shield = (tierHeaders: Record<string, string>): Partial<UpstreamResponse> => ({
    from: { tier: 'shield', name: 'eu' },
    tierHeaders: new Map(Object.entries(tierHeaders)),
  });

  it('of an origin is the epoch, whatever it says about labels', () => {
    const got = response(fresh, { tierHeaders: new Map([['breakwater-label', 'x 9 -']]) });
    assert.equal(receive(got).init.labelSeq, 5);
  });

  it('of a tier is its own, if that is not older', () => {
    const { init, notStored } = receive(
      response(fresh, shield({ 'breakwater-label': `${journal} 7 -` })),
    );
    assert.deepEqual([init.labelSeq, notStored], [7, null]);
    const older = receive(response(fresh, shield({ 'breakwater-label': `${journal} 4 -` })));
    assert.equal(older.notStored, 'unlabelled');
  });

  it('of what a tier marked as stale is the epoch, with the mark', () => {
    const { init, notStored } = receive(
      response(fresh, shield({ 'breakwater-stale-since': '123' })),
    );
    assert.deepEqual([init.labelSeq, init.staleSinceMs, notStored], [5, 123, null]);
  });

  it('a mark that is no number is none', () => {
    const { report } = receive(response(fresh, shield({ 'breakwater-stale-since': '1e3' })));
    assert.equal(report.staleSinceMs, undefined);
  });
});

describe('a 304', () => {
  const stored = responseWith(
    {
      headers: [...fresh, 'ETag', '"1"', 'X-A', '1', 'Content-Type', 'text/plain'],
      etag: '"1"',
      labelSeq: 2,
    },
    'body',
  );

  it('brings its fields, a new lifetime, a new label; the body stays (RFC 9111 §4.3.4)', () => {
    const entry = confirm(stored, [
      'Cache-Control',
      'max-age=5',
      'X-A',
      '2',
      'Content-Encoding',
      'gzip',
    ]);
    assert.ok(entry);
    assert.equal(entry.body, stored.body);
    assert.deepEqual(
      [
        first(entry.headers, 'x-a'),
        first(entry.headers, 'content-type'),
        first(entry.headers, 'content-encoding'),
      ],
      ['2', 'text/plain', undefined],
    );
    assert.deepEqual(
      [entry.freshness.lifetimeSeconds, entry.labelSeq, entry.responseTimeMs],
      [5, 5, receivedAtMs],
    );
  });

  it('with an Age has been confirmed that long ago', () => {
    const entry = confirm(stored, ['Age', '7']);
    assert.ok(entry && entry.freshness.initialAgeSeconds >= 7);
    assert.equal(first(entry.headers, 'age'), undefined);
  });

  const date = new Date(receivedAtMs).toUTCString();
  const lifetimes: [string, string[], number][] = [
    ['nothing: that of the stored fields, from now on', [], 60],
    ['a shorter max-age', ['Cache-Control', 'max-age=1'], 1],
    ['Cache-Control without one', ['Cache-Control', 'public'], 0],
    ['CDN-Cache-Control, which rules us (RFC 9213)', ['CDN-Cache-Control', 'max-age=7'], 7],
    [
      'Expires, where Cache-Control no longer names a lifetime',
      [
        'Cache-Control',
        'public',
        'Date',
        date,
        'Expires',
        new Date(receivedAtMs + 9000).toUTCString(),
      ],
      9,
    ],
  ];
  for (const [title, headers, seconds] of lifetimes) {
    it(`has its lifetime from ${title} (RFC 9111 §4.3.4)`, () => {
      const entry = confirm(stored, headers);
      assert.deepEqual(
        [entry?.freshness.lifetimeSeconds, entry && first(entry.headers, 'date')],
        [seconds, date],
      );
    });
  }

  it('starts the age anew: neither the stored Age nor the stored Date counts (RFC 9111 §4.2.3)', () => {
    const old = ['Date', 'Thu, 01 Jan 2026 01:00:00 GMT', ...fresh];
    const entry = confirm(responseWith({ headers: old }), []);
    assert.equal(entry?.freshness.initialAgeSeconds, 1, 'the second that the exchange took');
  });

  it('may ask for validation each time, or forbid what is stale from now on', () => {
    assert.equal(confirm(stored, ['Cache-Control', 'no-cache'])?.freshness.noCache, true);
    const strict = confirm(stored, ['Cache-Control', 'max-age=5, must-revalidate']);
    assert.equal(strict?.freshness.mustRevalidate, true);
  });

  it('leaves out of the copy what its qualified no-cache or private names, also from before', () => {
    const headers = ['Cache-Control', 'max-age=5, no-cache="x-a, x-b"', 'X-B', 'new', 'X-C', 'c'];
    const entry = confirm(stored, headers);
    assert.deepEqual(
      ['x-a', 'x-b', 'x-c'].map((name) => entry && first(entry.headers, name)),
      [undefined, undefined, 'c'],
    );
    assert.equal(entry?.freshness.noCache, false);
  });

  it('may change tags and Vary', () => {
    const headers = ['Surrogate-Key', 'new', 'Vary', 'Accept-Language'];
    const entry = confirm(stored, headers, { asked: ['Accept-Language', 'de'] });
    assert.deepEqual([entry?.tags, entry?.variant], [['new'], 'accept-language:de\n']);
  });

  it('that forbids to keep the response does not confirm it', () => {
    for (const headers of [
      ['Cache-Control', 'no-store'],
      ['Cache-Control', 'private'],
      ['Vary', '*'],
    ]) {
      assert.equal(confirm(stored, headers), undefined, headers.join(': '));
    }
    assert.equal(confirm(stored, ['Surrogate-Key', 'x'.repeat(1025)]), undefined);
  });

  it('of a tier under an older position leaves label and mark as they were', () => {
    const marked = Object.assign(
      responseWith({ labelSeq: 2, staleSinceMs: 9, headers: fresh }),
      {},
    );
    const entry = confirm(marked, [], {}, { from: { tier: 'shield', name: 'eu' } });
    assert.deepEqual([entry?.labelSeq, entry?.staleSinceMs], [2, 9]);
  });

  it('of an origin takes the mark away', () => {
    const marked = responseWith({ labelSeq: 2, staleSinceMs: 9, headers: fresh });
    assert.equal(confirm(marked, [])?.staleSinceMs, null);
  });
});

describe('who may confirm what is stored (RFC 9111 §3.5)', () => {
  const authorized = ['Authorization', 'Basic eA=='];
  const may = (headers: string[], asked: string[]) =>
    mayConfirm(createTestEngine().request('/', { headers: asked }), responseWith({ headers }));

  it('a plain request', () => assert.ok(may(fresh, [])));
  it('not one with Authorization', () => assert.ok(!may(fresh, authorized)));
  it('unless the response is for all', () => {
    assert.ok(may(['Cache-Control', 'max-age=60, public'], authorized));
  });
});

it('a report joins the Cache-Status lines of the tiers behind', () => {
  const headers = ['Cache-Status', 'a; hit', 'X', 'y', 'cache-status', 'b; fwd=miss', 'Age', '0'];
  const { behind, wasAged, from, fwdStatus } = reportOf(response(headers));
  assert.deepEqual(
    [behind, wasAged, from, fwdStatus],
    ['a; hit, b; fwd=miss', true, 'origin.test:80', 200],
  );
});

describe('Surrogate-Control', () => {
  const headers = ['Cache-Control', 'no-store', 'Surrogate-Control', 'max-age=9+5;demo'];
  const site = { cache: { surrogateControl: true } };

  it('means nothing unless the site says so', () => {
    assert.equal(receive(response(headers)).notStored, 'no-store');
  });

  it('replaces Cache-Control where it does, by the name of the network', () => {
    const { init, notStored } = receive(response(headers), { site });
    assert.equal(notStored, null);
    const { lifetimeSeconds, staleWhileRevalidateSeconds } = init.freshness;
    assert.deepEqual([lifetimeSeconds, staleWhileRevalidateSeconds], [9, 5]);
  });

  it('rules what is stored when it is confirmed, too', () => {
    const stored = responseWith({ headers: [...headers, 'ETag', '"1"'], etag: '"1"' });
    assert.equal(mayConfirm(createTestEngine({ site }).request(), stored), true);
    const updated = ['ETag', '"1"', 'Surrogate-Control', 'max-age=7'];
    assert.equal(confirm(stored, updated, { site })?.freshness.lifetimeSeconds, 7);
    assert.equal(
      confirm(stored, ['ETag', '"1"', 'Surrogate-Control', 'no-store'], { site }),
      undefined,
    );
  });
});
