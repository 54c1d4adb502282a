/** Rules of core/http/conditional.ts: preconditions and updates (RFC 9110 §13, RFC 9111 §3.2, 4.3). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  evaluatePreconditions,
  isConditional,
  notModifiedHeaders,
  originConditionOf,
  type PreconditionOutcome,
  parseEntityTag,
  strongMatch,
  updateStoredHeaders,
  validatorsOf,
  weakMatch,
} from '../../../core/http/conditional.ts';

const nowMs = Date.UTC(2026, 10, 21);
const older = 'Sun, 06 Nov 1994 08:49:36 GMT';
const modified = 'Sun, 06 Nov 1994 08:49:37 GMT';
const later = 'Sun, 06 Nov 1994 08:49:38 GMT';

type Stored = { etag?: string; lastModified?: string; status?: number };

function evaluate(requestHeaders: string[], stored: Stored = {}) {
  const { etag = '"a"', lastModified = modified, status = 200 } = stored;
  return evaluatePreconditions({ requestHeaders, etag, lastModified, status, nowMs });
}

describe('If-None-Match (RFC 9110 §13.1.2)', () => {
  const cases: [string, string[], Stored, PreconditionOutcome][] = [
    ['the same tag', ['If-None-Match', '"a"'], {}, 'not-modified'],
    ['another tag', ['If-None-Match', '"b"'], {}, 'proceed'],
    ['one of a list', ['If-None-Match', '"b" ,\t"a","c"'], {}, 'not-modified'],
    ['one of several lines', ['If-None-Match', '"b"', 'if-none-match', '"a"'], {}, 'not-modified'],
    ['*', ['If-None-Match', '*'], {}, 'not-modified'],
    ['a weak tag for a strong one', ['If-None-Match', 'W/"a"'], {}, 'not-modified'],
    ['a strong tag for a weak one', ['If-None-Match', '"a"'], { etag: 'W/"a"' }, 'not-modified'],
    ['a tag with a comma', ['If-None-Match', '"x,y", "z"'], { etag: '"x,y"' }, 'not-modified'],
    ['half of a tag with a comma', ['If-None-Match', '"x,y"'], { etag: '"y"' }, 'proceed'],
    ['a backslash escapes nothing', ['If-None-Match', '"x\\", "a"'], {}, 'not-modified'],
    ['a tag without its quotes', ['If-None-Match', 'a'], {}, 'proceed'],
    ['an unquoted tag for an unquoted one', ['If-None-Match', 'a'], { etag: 'a' }, 'not-modified'],
    ['another case', ['If-None-Match', '"A"'], {}, 'proceed'],
    ['w/ in lower case is no mark', ['If-None-Match', 'w/"a"'], {}, 'proceed'],
    ['an empty field', ['If-None-Match', ''], {}, 'proceed'],
    [
      'it goes before If-Modified-Since',
      ['If-Modified-Since', later, 'If-None-Match', '"b"'],
      {},
      'proceed',
    ],
    [
      'and so does a match',
      ['If-Modified-Since', older, 'If-None-Match', '"a"'],
      {},
      'not-modified',
    ],
  ];
  for (const [title, request, stored, outcome] of cases) {
    it(`${title}: ${outcome}`, () => assert.equal(evaluate(request, stored), outcome));
  }

  it('never matches a response without a tag, except for *', () => {
    const input = { etag: undefined, lastModified: undefined, status: 200, nowMs };
    const outcomeOf = (value: string) =>
      evaluatePreconditions({ ...input, requestHeaders: ['If-None-Match', value] });
    assert.equal(outcomeOf('"a"'), 'proceed');
    assert.equal(outcomeOf('*'), 'not-modified');
  });
});

describe('If-Modified-Since (RFC 9110 §13.1.3, RFC 9111 §4.3.2)', () => {
  const cases: [string, string, PreconditionOutcome][] = [
    ['the same date', modified, 'not-modified'],
    ['a second later', later, 'not-modified'],
    ['a second earlier', older, 'proceed'],
    ['another form of the date', 'Sunday, 06-Nov-94 08:49:37 GMT', 'not-modified'],
    ['no date', 'yesterday', 'proceed'],
    ['a number', '0', 'proceed'],
  ];
  for (const [title, value, outcome] of cases) {
    it(`${title}: ${outcome}`, () => {
      assert.equal(evaluate(['If-Modified-Since', value]), outcome);
    });
  }

  it('is ignored with several lines', () => {
    const twice = ['If-Modified-Since', later, 'If-Modified-Since', later];
    assert.equal(evaluate(twice), 'proceed');
  });

  describe('where there is no Last-Modified', () => {
    const input = { etag: undefined, lastModified: undefined, status: 200, nowMs };
    const requestHeaders = ['If-Modified-Since', modified];
    const receivedMs = Date.parse(modified);
    const stored: [string, string[], number, PreconditionOutcome][] = [
      ['Date that equals the condition', ['Date', modified], 0, 'not-modified'],
      ['Date before it', ['Date', older], 0, 'not-modified'],
      ['Date after it', ['Date', later], 0, 'proceed'],
      ['without Date, received by then', [], receivedMs, 'not-modified'],
      ['without Date, received after it', [], receivedMs + 1000, 'proceed'],
      ['a Date that is none: the time of receipt', ['Date', 'x'], receivedMs, 'not-modified'],
    ];
    for (const [title, headers, responseTimeMs, outcome] of stored) {
      it(`${title}: ${outcome}`, () => {
        const dated = { headers, responseTimeMs };
        assert.equal(evaluatePreconditions({ ...input, requestHeaders, dated }), outcome);
      });
    }

    it('nor anything else that tells a date: proceed', () => {
      assert.equal(evaluatePreconditions({ ...input, requestHeaders }), 'proceed');
    });
  });

  it('does not match a Last-Modified that is no date', () => {
    assert.equal(evaluate(['If-Modified-Since', later], { lastModified: 'x' }), 'proceed');
  });
});

describe('If-Match and If-Unmodified-Since are for the origin only (RFC 9111 §4.3.2)', () => {
  const cases: [string, string[], PreconditionOutcome][] = [
    ['a tag that is not stored', ['If-Match', '"x"'], 'proceed'],
    ['modified since', ['If-Unmodified-Since', older], 'proceed'],
    [
      'beside a condition that a cache answers',
      ['If-Match', '"x"', 'If-None-Match', '"a"'],
      'not-modified',
    ],
  ];
  for (const [title, request, outcome] of cases) {
    it(`${title}: ${outcome}`, () => assert.equal(evaluate(request), outcome));
  }

  it('are found by name, in any case, the first of them', () => {
    assert.equal(originConditionOf(['Host', 'a', 'IF-MATCH', '"x"']), 'if-match');
    assert.equal(originConditionOf(['If-Unmodified-Since', 'x']), 'if-unmodified-since');
    assert.equal(originConditionOf(['If-None-Match', '"x"', 'If-Match', '*']), 'if-match');
    const others = ['If-None-Match', '"x"', 'If-Modified-Since', 'x', 'If-Range', '"x"', 'If', 'x'];
    assert.equal(originConditionOf([...others, 'X', 'If-Match', 'If-', '', '', '']), undefined);
  });
});

describe('which requests and responses have preconditions', () => {
  it('sees the two fields in any case, and not If-Range', () => {
    for (const name of ['IF-NONE-MATCH', 'If-Modified-Since']) {
      assert.equal(isConditional(['Host', 'a', name, 'x']), true, name);
    }
    for (const name of ['if-match', 'If-Unmodified-Since']) {
      assert.equal(isConditional(['Host', 'a', name, 'x']), false, name);
    }
    assert.equal(isConditional(['If-Range', '"a"', 'If', 'x', 'If-', 'x', '', '']), false);
    assert.equal(isConditional(['X', 'If-None-Match']), false);
  });

  it('ignores them unless the response would be a 2xx (RFC 9110 §13.2.1)', () => {
    for (const status of [301, 404, 410, 500]) {
      assert.equal(evaluate(['If-None-Match', '"a"'], { status }), 'proceed', String(status));
    }
    assert.equal(evaluate(['If-None-Match', '"a"'], { status: 203 }), 'not-modified');
  });

  it('never throws and never answers 304 for a tag that is not in the field', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ minLength: 1 }), (value, opaque) => {
        const etag = `"${opaque.replaceAll('"', '')}"`;
        fc.pre(!value.includes(etag) && value.trim() !== '*');
        assert.equal(evaluate(['If-None-Match', value], { etag }), 'proceed');
      }),
    );
  });
});

describe('entity tags (RFC 9110 §8.8.3)', () => {
  it('reads strong and weak ones', () => {
    assert.deepEqual(parseEntityTag('"a"'), { weak: false, opaque: '"a"' });
    assert.deepEqual(parseEntityTag('W/"a,\\"'), { weak: true, opaque: '"a,\\"' });
    assert.deepEqual(parseEntityTag('""'), { weak: false, opaque: '""' });
  });

  it('refuses anything else', () => {
    for (const text of [
      '',
      '"',
      'a',
      '"a',
      'a"',
      '"a"b',
      '"a" ',
      'w/"a"',
      'W/a',
      '"a b"',
      '"a"b"',
    ]) {
      assert.equal(parseEntityTag(text), undefined, text);
    }
  });

  it('compares strongly and weakly (§8.8.3.2)', () => {
    const table: [string, string, boolean, boolean][] = [
      ['W/"1"', 'W/"1"', false, true],
      ['W/"1"', 'W/"2"', false, false],
      ['W/"1"', '"1"', false, true],
      ['"1"', '"1"', true, true],
    ];
    for (const [a, b, strong, weak] of table) {
      assert.equal(strongMatch(a, b), strong);
      assert.equal(weakMatch(a, b), weak);
      assert.equal(weakMatch(b, a), weak);
    }
  });
});

describe('asking the origin (RFC 9111 §4.3.1)', () => {
  it('sends the tag and the date that are stored, just as they are', () => {
    const stored = ['ETag', 'W/"a"', 'Last-Modified', 'whenever'];
    assert.deepEqual(validatorsOf(stored), [
      ...['If-None-Match', 'W/"a"', 'If-Modified-Since', 'whenever'],
    ]);
    assert.deepEqual(validatorsOf(['Date', modified]), []);
  });

  it('sends the tags of all variants, each once', () => {
    assert.deepEqual(validatorsOf(['ETag', '"a"'], ['"b"', '"a"']), ['If-None-Match', '"a", "b"']);
    assert.deepEqual(validatorsOf([], ['"b"']), ['If-None-Match', '"b"']);
  });
});

describe('updating what is stored (RFC 9111 §3.2)', () => {
  const stored = ['Date', older, 'X-A', '1', 'x-a', '2', 'Content-Length', '5', 'X-Kept', 'k'];

  it('replaces all lines of the names that came, in any case, and keeps the rest', () => {
    const updated = updateStoredHeaders(stored, ['X-a', '3', 'Date', modified, 'X-New', 'n']);
    assert.deepEqual(updated, [
      ...['Content-Length', '5', 'X-Kept', 'k', 'X-a', '3', 'Date', modified, 'X-New', 'n'],
    ]);
  });

  it('keeps what describes the stored bytes', () => {
    const from304 = [
      'Content-Length',
      '0',
      'Content-Encoding',
      'gzip',
      'Content-Range',
      'bytes */1',
    ];
    assert.deepEqual(updateStoredHeaders(['Content-Length', '5'], from304), [
      'Content-Length',
      '5',
    ]);
  });

  it('takes over other Content-* fields', () => {
    const from304 = ['Content-Type', 'text/b', 'Content-Foo', 'f'];
    assert.deepEqual(updateStoredHeaders(['Content-Type', 'text/a'], from304), from304);
  });

  it('takes over no hop-by-hop field, nor one that Connection names', () => {
    const from304 = ['Connection', 'X-A', 'X-A', '9', 'Keep-Alive', 'x', 'Transfer-Encoding', 'x'];
    assert.deepEqual(updateStoredHeaders(['X-A', '1'], from304), ['X-A', '1']);
  });

  it('starts the age anew: no old Age or Date stays (§4.3.4)', () => {
    assert.deepEqual(updateStoredHeaders(['Age', '90', 'Date', older, 'A', '1'], []), ['A', '1']);
  });

  it('lets no weak tag become strong: the bytes are those of the weak one', () => {
    assert.deepEqual(updateStoredHeaders(['ETag', 'W/"a"'], ['ETag', '"a"']), ['ETag', 'W/"a"']);
    assert.deepEqual(updateStoredHeaders(['ETag', '"a"'], ['ETag', 'W/"a"']), ['ETag', 'W/"a"']);
  });

  it('takes over Set-Cookie only for a site that stores cookies', () => {
    const from304 = ['Set-Cookie', 'session=1'];
    assert.deepEqual(updateStoredHeaders(['A', '1'], from304), ['A', '1']);
    assert.deepEqual(updateStoredHeaders(['A', '1'], from304, 'strip'), ['A', '1']);
    assert.deepEqual(updateStoredHeaders(['A', '1'], from304, 'store'), ['A', '1', ...from304]);
  });
});

it('a 304 carries what updates a copy and nothing about content (RFC 9110 §15.4.5)', () => {
  const sent = [
    ...['Cache-Control', 'max-age=1', 'Content-Location', '/a', 'Date', older, 'ETag', '"a"'],
    ...['Expires', later, 'Vary', 'Accept', 'Last-Modified', older, 'Set-Cookie', 'a', 'X', '1'],
    ...['Content-Security-Policy', "default-src 'self'"],
  ];
  const content = [
    ...['Content-Type', 'text/a', 'content-length', '5', 'Content-Encoding', 'gzip'],
    ...['Content-Language', 'en', 'Content-Range', 'bytes 0-1/2', 'Accept-Ranges', 'bytes'],
  ];
  assert.deepEqual(notModifiedHeaders([...content, ...sent]), sent);
});
