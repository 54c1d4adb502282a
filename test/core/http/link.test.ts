import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { earlyHints } from '../../../core/http/link.ts';

/** The hints of these lines. */
const hints = (...lines: string[]) => earlyHints(lines.flatMap((line) => ['Link', line]));

test('takes the members that say preload, modulepreload or preconnect, in any case, as they were written (RFC 8297 §2)', () => {
  assert.deepEqual(
    hints(
      '</a.css>; rel=preload; as=style, </next>; rel=next',
      '<https://cdn.test>;rel=PreConnect',
      '</m.js> ; REL = "modulepreload"',
      '</b.css>; rel=stylesheet',
    ),
    [
      '</a.css>; rel=preload; as=style',
      '<https://cdn.test>;rel=PreConnect',
      '</m.js> ; REL = "modulepreload"',
    ],
  );
});

test('a member with several relations counts if one of them does (RFC 8288 §3.3)', () => {
  assert.deepEqual(hints('</a>; rel="stylesheet  preload"'), ['</a>; rel="stylesheet  preload"']);
  assert.deepEqual(hints('</a>; rel="preloader", </b>; rel="x-preload"'), []);
});

test('commas and semicolons in targets and quoted strings part nothing (RFC 8288 §3)', () => {
  const first = '</a,b;c>; title="x, <y>; rel=next \\", z"; rel=preload';
  const second = '</d>; rel=preload';
  assert.deepEqual(hints(`${first}, ${second}`), [first, second]);
});

test('of several rel parameters the first counts (RFC 8288 §3.3)', () => {
  assert.deepEqual(hints('</a>; rel=next; rel=preload'), []);
});

test('a link with an anchor is about another page (RFC 8288 §3.2)', () => {
  assert.deepEqual(hints('</a>; rel=preload; anchor="/other"'), []);
});

test('empty members and parameters, and values that are no tokens, are no fault', () => {
  assert.deepEqual(
    hints(', </a>;; rel=preload; type=font/woff2; crossorigin ;,, </b>;rel=preload,'),
    ['</a>;; rel=preload; type=font/woff2; crossorigin ;', '</b>;rel=preload'],
  );
});

for (const [what, broken] of [
  ['no target', 'rel=preload'],
  ['a target without an end', '</b; rel=preload'],
  ['a quoted string without an end', '</b>; rel=preload; title="x'],
  ['something between target and parameters', '</b> x; rel=preload'],
  ['a parameter without a name', '</b>; =x; rel=preload'],
  ['a parameter whose name is no token', '</b>; a b@=x; rel=preload'],
  ['a quote where none belongs', '</b>; a=b"; rel="preload'],
] as const) {
  test(`a member with ${what} ends its line, and only that`, () => {
    assert.deepEqual(
      hints(`</a>; rel=preload, ${broken}, </c>; rel=preload`, '</d>; rel=preload'),
      ['</a>; rel=preload', '</d>; rel=preload'],
    );
  });
}

test('other fields are not looked at', () => {
  assert.deepEqual(
    earlyHints(['Set-Cookie', '</a>; rel=preload', 'X-Link', '</a>; rel=preload']),
    [],
  );
});

test('never throws, and what it gives can be read again to the same', () => {
  const part = fc.constantFrom('<', '>', '"', '\\', ',', ';', ' ', '=', 'rel', 'preload', '</a>');
  fc.assert(
    fc.property(fc.array(part, { maxLength: 40 }), (parts) => {
      const found = hints(parts.join(''));
      assert.deepEqual(hints(found.join(', ')), found);
    }),
  );
});
