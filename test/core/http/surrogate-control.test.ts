/** Rules of core/http/surrogate-control.ts (W3C Note "Edge Architecture Specification", §2.2, §2.3). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type CacheControl, noDirectives } from '../../../core/http/cache-control.ts';
import { parseSurrogateControl } from '../../../core/http/surrogate-control.ts';

const names = ['breakwater', 'demo'];
const read = (...lines: string[]) => parseSurrogateControl(lines, names);

function holds(cases: [title: string, lines: string[], expected: Partial<CacheControl>][]): void {
  for (const [title, lines, expected] of cases) {
    it(`${title}: ${JSON.stringify(lines)}`, () => {
      assert.deepEqual(read(...lines), { ...noDirectives, ...expected });
    });
  }
}

describe('directives', () => {
  holds([
    ['max-age', ['max-age=3600'], { maxAge: 3600 }],
    ['names in any case', ['Max-Age=60, NO-STORE'], { maxAge: 60, noStore: true }],
    [
      'max-age with the time that it may be served stale (§2.2.3)',
      ['max-age=60+30'],
      { maxAge: 60, staleWhileRevalidate: 30 },
    ],
    ['the same with whitespace', ['max-age=60 + 30'], { maxAge: 60, staleWhileRevalidate: 30 }],
    ['a senseless time is none', ['max-age=60+x'], { maxAge: 60, staleWhileRevalidate: 'invalid' }],
    [
      'a senseless lifetime is stale',
      ['max-age=x+30'],
      { maxAge: 'invalid', staleWhileRevalidate: 30 },
    ],
    ['a negative one too', ['max-age=-1'], { maxAge: 'invalid' }],
    ['no-store (§2.2.1)', ['no-store'], { noStore: true }],
    [
      'no-store-remote, because every node of a CDN may be remote (§2.2.2)',
      ['no-store-remote, max-age=60'],
      { noStore: true, maxAge: 60 },
    ],
    ['content beside others means nothing', ['content="ESI/1.0", max-age=60'], { maxAge: 60 }],
    [
      'what servers took over from Cache-Control',
      ['max-age=60, stale-if-error=9, stale-while-revalidate=5', 'private="x"'],
      { maxAge: 60, staleIfError: 9, staleWhileRevalidate: 5, private: ['x'] },
    ],
    ['nothing in a quoted string', ['content="a, no-store; max-age=1", max-age=5'], { maxAge: 5 }],
  ]);
});

describe('a target (§2.3)', () => {
  holds([
    ['is us by the name of the network', ['max-age=60;demo'], { maxAge: 60 }],
    ['is us by the name of the software', ['max-age=60 ; Breakwater'], { maxAge: 60 }],
    ['is somebody else', ['max-age=60;other, no-store;akamai, max-age=5'], { maxAge: 5 }],
    ['overrides the same directive without one', ['max-age=60, max-age=5;demo'], { maxAge: 5 }],
    ['overrides it before it too', ['max-age=5;demo', 'max-age=60'], { maxAge: 5 }],
    [
      'does not override another one: the more careful word stands',
      ['no-store, max-age=5;demo'],
      { noStore: true, maxAge: 5 },
    ],
  ]);
});

describe('a field that says nothing to us', () => {
  const silent = [
    '',
    ' , ',
    'content="ESI/1.0"',
    'max-age=60;other',
    'no-store;other, content="x"',
    'foo, bar=1',
    'x==',
    'content="no-store"',
  ];
  for (const line of silent) {
    it(`counts as absent: ${JSON.stringify(line)}`, () => assert.equal(read(line), undefined));
  }

  it('is one that is not there', () => assert.equal(read(), undefined));
});

it('never throws, and says nothing that Cache-Control could not say', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (lines) => {
      const read = parseSurrogateControl(lines, names) ?? noDirectives;
      assert.deepEqual(Object.keys(read).sort(), Object.keys(noDirectives).sort());
    }),
  );
});
