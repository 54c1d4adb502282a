/** Rules of core/http/target.ts: one normal form for key, routing, purge and origin (RFC 3986 §6.2.2). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  normalisePrefix,
  normaliseTarget,
  normaliseUrl,
  parseTarget,
  type QueryRules,
} from '../../../core/http/target.ts';

describe('the normal form', () => {
  const cases: [string, string][] = [
    ['/', '/'],
    ['', '/'],
    ['?a', '/?a'],
    ['/a/b.html', '/a/b.html'],
    ['/a?', '/a?'],
    ['/a?b?c/../d', '/a?b?c/../d'],
    ['/%7euser/%41%2d%2E%5f', '/~user/A-._'],
    ['/a%2fb%3fc%23d%25e', '/a%2Fb%3Fc%23d%25e'],
    ['/%252f', '/%252f'],
    ['/%c3%a9%00', '/%C3%A9%00'],
    ['/a?x=%7e&y=%26%3d', '/a?x=~&y=%26%3D'],
    ['/a/./b/../c', '/a/c'],
    ['/a/%2e%2E/b', '/b'],
    ['/../../a', '/a'],
    ['/..', '/'],
    ['/.', '/'],
    ['/a/..', '/'],
    ['/a/.', '/a/'],
    ['/a/b/..', '/a/'],
    ['/a//../b', '/a/b'],
    ['//a', '//a'],
    ['/a//b', '/a//b'],
    ['/.a/..b/...', '/.a/..b/...'],
    ['/a..b/c.', '/a..b/c.'],
    ["/:@!$&'()*+,;=", "/:@!$&'()*+,;="],
    ['/a?b[]=1', '/a?b[]=1'],
    ['/a|b\\c^`{}"<>', '/a%7Cb%5Cc%5E%60%7B%7D%22%3C%3E'],
    ['/a?q=a+b', '/a?q=a+b'],
  ];
  for (const [text, expected] of cases) {
    it(`${text} is ${expected}`, () => assert.equal(normaliseTarget(text), expected));
  }
});

describe('what is refused', () => {
  const refused = [
    '/a#b',
    '/a b',
    '/a\t',
    '/a\n',
    '/\u0000',
    '/\u007f',
    '/é',
    '/%',
    '/%4',
    '/%4g',
    '/%%34',
  ];
  for (const text of [...refused, '/?%', 'a', 'http://a/', '*', '/a?b#', '/%-1']) {
    it(JSON.stringify(text), () => assert.equal(normaliseTarget(text), undefined));
  }
});

describe('rules for the query', () => {
  const cases: [string, QueryRules, string][] = [
    ['/a?b=2&a=1', { sort: true }, '/a?a=1&b=2'],
    ['/a?b=2&a=2&b=1&a=1', { sort: true }, '/a?a=2&a=1&b=2&b=1'],
    ['/a?b&a=', { sort: true }, '/a?a=&b'],
    ['/a?b=2&a=1', {}, '/a?b=2&a=1'],
    ['/a?utm_source=x&a=1&utm_id=y', { drop: ['utm_*'] }, '/a?a=1'],
    ['/a?utm=x&a=1', { drop: ['utm_*'] }, '/a?utm=x&a=1'],
    ['/a?x=1&y=2&xy=3', { keep: ['x'] }, '/a?x=1'],
    ['/a?x=1&y=2&z=3', { keep: ['x', 'y'], drop: ['y'] }, '/a?x=1'],
    ['/a?x=1', { drop: ['*'] }, '/a'],
    ['/a?x=1', { keep: [] }, '/a'],
    ['/a', { keep: [], sort: true }, '/a'],
    ['/a?%78=1', { drop: ['x'] }, '/a'],
    ['/a?X=1', { drop: ['x'] }, '/a?X=1'],
  ];
  for (const [text, query, expected] of cases) {
    it(`${text} with ${JSON.stringify(query)} is ${expected}`, () => {
      assert.equal(normaliseTarget(text, { query }), expected);
    });
  }
});

/** Paths and queries dense in what normalising looks at. */
const piece = fc.constantFrom(
  ...['/', '.', '..', '%2e', '%2F', '%7e', 'a', 'B', '?', '&', '=', '%41', '%c3%a9', '|', '//'],
);
const target = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`);

describe('what holds for every target', () => {
  it('normalising again changes nothing, with or without sorting', () => {
    fc.assert(
      fc.property(target, fc.boolean(), (text, sort) => {
        const rules = { query: { sort } };
        const once = normaliseTarget(text, rules) ?? '';
        assert.equal(normaliseTarget(once, rules), once);
      }),
    );
  });

  it('the path is the one that the URL standard gives, where nothing else differs', () => {
    const plain = fc.array(fc.constantFrom('/', '.', '..', 'a', 'b', '...'), { maxLength: 12 });
    fc.assert(
      fc.property(plain, (pieces) => {
        const text = `/${pieces.join('')}`;
        assert.equal(normaliseTarget(text), new URL(`http://h${text}`).pathname);
      }),
    );
  });

  it('no text makes it throw, and every answer begins with a slash', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const normal = normaliseTarget(text) ?? '/';
        assert.match(normal, /^\/[\x21-\x7e]*$/);
        parseTarget(text);
        normaliseUrl(text);
        normalisePrefix(text);
      }),
    );
  });
});

describe('the forms of a target (RFC 9112 §3.2)', () => {
  it('tells origin, absolute and asterisk form', () => {
    assert.deepEqual(parseTarget('/a?b'), { form: 'origin', pathAndQuery: '/a?b' });
    assert.deepEqual(parseTarget('*'), { form: 'asterisk' });
    assert.deepEqual(parseTarget('HTTP://A.test:80/b?c'), {
      ...{ form: 'absolute', scheme: 'http', host: 'a.test', port: 80, pathAndQuery: '/b?c' },
    });
    assert.deepEqual(parseTarget('https://a.test?c'), {
      ...{ form: 'absolute', scheme: 'https', host: 'a.test', pathAndQuery: '/?c' },
    });
  });

  for (const text of [
    '',
    'a.test:443',
    'a',
    'ftp://a/',
    'http:/a',
    'http:///a',
    'http://u@a/',
    '**',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseTarget(text), undefined));
  }
});

describe('URLs of purges', () => {
  it('are absolute; scheme and host in lower case, without the port', () => {
    assert.deepEqual(normaliseUrl('HTTPS://WWW.Demo.test:8443/%7ea/../b?x'), {
      ...{ scheme: 'https', host: 'www.demo.test', pathAndQuery: '/b?x' },
    });
    assert.equal(normaliseUrl('http://a.test')?.pathAndQuery, '/');
    assert.equal(normaliseUrl('http://[::1]:80/a')?.host, '[::1]');
  });

  it('may have characters beyond ASCII in path and query, not in the host', () => {
    assert.equal(
      normaliseUrl('http://a.test/é?ü=€😀')?.pathAndQuery,
      '/%C3%A9?%C3%BC=%E2%82%AC%F0%9F%98%80',
    );
    assert.equal(normaliseUrl('http://é.test/'), undefined);
    assert.equal(normaliseUrl('http://a.test/\ud800'), undefined);
  });

  it('follow the rules of the site', () => {
    const rules = { query: { sort: true, drop: ['utm_*'] } };
    assert.equal(normaliseUrl('http://a.test/a?b&utm_x&a', rules)?.pathAndQuery, '/a?a&b');
  });

  it('have the path that the same target has in a request', () => {
    fc.assert(
      fc.property(target, (text) => {
        assert.equal(normaliseUrl(`http://a.test${text}`)?.pathAndQuery, normaliseTarget(text));
      }),
    );
  });

  for (const text of [
    '/a',
    'a.test/b',
    '//a.test/b',
    'ftp://a.test/',
    'http://a.test/#b',
    'http://a.test/ b',
    'http://a b/',
    'http://u:p@a.test/',
    'http://a.test:99999/',
  ]) {
    it(`refuses ${text}`, () => assert.equal(normaliseUrl(text), undefined));
  }
});

describe('prefixes of purges', () => {
  const cases: [string, string | undefined][] = [
    ['http://a.test', '/'],
    ['http://a.test/', '/'],
    ['http://a.test/img', '/img'],
    ['http://a.test/img/', '/img/'],
    ['http://a.test/img/.', '/img/.'],
    ['http://a.test/img/..', '/img/..'],
    ['http://a.test/img/../', '/'],
    ['http://a.test/a/../img', '/img'],
    ['http://a.test/a/..?x', '/?x'],
    ['http://a.test/%7ea%2f', '/~a%2F'],
    ['http://a.test/é', '/%C3%A9'],
    ['http://a.test/a?x=', '/a?x='],
    ['http://a.test/%', undefined],
    ['http://a.test/%C', undefined],
    ['http://a.test/#', undefined],
    ['/img', undefined],
    ['http://', undefined],
  ];
  for (const [text, expected] of cases) {
    it(`${text} is ${expected}`, () => {
      assert.equal(normalisePrefix(text)?.pathAndQuery, expected);
    });
  }

  it('a normal form cut anywhere is its own prefix, unless within a triplet', () => {
    fc.assert(
      fc.property(target, fc.nat(40), (text, at) => {
        const cut = (normaliseTarget(text) ?? '/').slice(0, 1 + at);
        const prefix = normalisePrefix(`http://a.test${cut}`)?.pathAndQuery;
        assert.equal(prefix, /%[0-9A-F]?$/.test(cut) ? undefined : cut);
      }),
    );
  });
});
