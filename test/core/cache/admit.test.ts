/** Rules of core/cache/admit.ts: who is let in, under which key, and what goes on upstream (DESIGN sections 2, 3 and 10). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type AdmitDeps,
  type Admitted,
  admit,
  type ReceivedHead,
  type Refused,
} from '../../../core/cache/admit.ts';
import { createKeySpace } from '../../../core/cache/key.ts';
import { defaultHeadLimits } from '../../../core/http/framing.ts';
import { first, headerValues } from '../../../core/http/headers.ts';
import { variantKey } from '../../../core/http/vary.ts';
import { siteWith } from '../../support/sites.ts';

const proxy = '192.0.2.9';
const client = '192.0.2.1';
const tier = ['Breakwater-Tier', 'par ok'];

interface Options extends Partial<ReceivedHead> {
  /** Fields besides Host, flat. */
  headers?: string[];
  deps?: Partial<AdmitDeps>;
  site?: Record<string, unknown>;
}

function judge({ headers = [], deps, site, ...head }: Options = {}): Admitted | Refused {
  const keySpace = createKeySpace([siteWith(site)]);
  const base: AdmitDeps = {
    keySpace: () => keySpace,
    limits: defaultHeadLimits,
    cdnId: 'breakwater-demo',
    nodeId: 'eu',
    ports: new Set([8081]),
    isTrustedProxy: (address) => address === proxy,
    authenticateTier: (value) => (value === 'par ok' ? 'par' : undefined),
    tiersOnly: false,
    nextRequestId: () => 'id-1',
  };
  return admit(
    { ...base, ...deps },
    {
      method: 'GET',
      target: '/',
      rawHeaders: ['Host', 'www.demo.test', ...headers],
      address: client,
      secure: false,
      nowMs: 5,
      ...head,
    },
  );
}

function admitted(options: Options = {}): Admitted {
  const result = judge(options);
  assert.ok(result.ok, result.ok ? '' : result.detail);
  return result;
}

/** The fields that go upstream. */
const forwarded = (options: Options = {}) => admitted(options).request.forwardHeaders();

describe('a refusal', () => {
  const cases: [string, Options, number][] = [
    ['no Host', { rawHeaders: [] }, 400],
    ['two Hosts', { rawHeaders: ['Host', 'www.demo.test', 'Host', 'www.demo.test'] }, 400],
    ['an invalid Host', { rawHeaders: ['Host', 'a b'] }, 400],
    [
      'Content-Length with Transfer-Encoding',
      { headers: ['Content-Length', '1', 'Transfer-Encoding', 'chunked'] },
      400,
    ],
    [
      'a Transfer-Encoding that is not chunked',
      { headers: ['Transfer-Encoding', 'gzip, chunked'] },
      400,
    ],
    ['a target with a space', { target: '/a b' }, 400],
    ['a target without a normal form', { target: '/%zz' }, 400],
    ['OPTIONS of no resource', { method: 'OPTIONS', target: '*' }, 400],
    ['a target that is too long', { target: `/${'a'.repeat(8192)}` }, 414],
    ['too many fields', { headers: Array.from({ length: 200 }, () => 'x') }, 431],
    ['too large a head', { headers: ['X', 'a'.repeat(16_384)] }, 431],
    ['TRACE', { method: 'TRACE' }, 405],
    ['CONNECT', { method: 'CONNECT', target: '/' }, 405],
    ['a host of no site', { rawHeaders: ['Host', 'other.test'] }, 421],
    ['a port that nobody listens on', { rawHeaders: ['Host', 'www.demo.test:81'] }, 421],
    ['the default port of another scheme', { rawHeaders: ['Host', 'www.demo.test:443'] }, 421],
    [
      'our own network in CDN-Loop (RFC 8586)',
      { headers: ['CDN-Loop', 'x, Breakwater-Demo; a=b'] },
      508,
    ],
    ['a client of a shield', { deps: { tiersOnly: true } }, 403],
    [
      'a tier that cannot prove itself',
      { deps: { tiersOnly: true }, headers: ['Breakwater-Tier', 'par no'] },
      403,
    ],
  ];
  for (const [title, options, status] of cases) {
    it(`${status}: ${title}`, () => {
      const result = judge(options);
      assert.ok(!result.ok);
      assert.equal(result.status, status);
      assert.ok(result.title && result.detail);
    });
  }
});

describe('the key', () => {
  const cases: [string, Options, string][] = [
    [
      'host in lower case, without a default port',
      { rawHeaders: ['Host', 'WWW.demo.test:80'] },
      'http://www.demo.test/',
    ],
    [
      'without the listener’s port',
      { rawHeaders: ['Host', 'www.demo.test:8081'] },
      'http://www.demo.test/',
    ],
    [
      'without the dot at the end',
      { rawHeaders: ['Host', 'www.demo.test.'] },
      'http://www.demo.test/',
    ],
    [
      'https on a TLS connection',
      { secure: true, rawHeaders: ['Host', 'www.demo.test:443'] },
      'https://www.demo.test/',
    ],
    ['target in normal form', { target: '/a/../%7Eb?x' }, 'http://www.demo.test/~b?x'],
    [
      'an absolute target replaces Host (RFC 9112 §3.2.2)',
      { target: 'http://www.demo.test/a', rawHeaders: ['Host', 'other.test'] },
      'http://www.demo.test/a',
    ],
    [
      'a client does not choose the scheme',
      { headers: ['X-Forwarded-Proto', 'https'] },
      'http://www.demo.test/',
    ],
    [
      'a trusted proxy does',
      { address: proxy, headers: ['X-Forwarded-Proto', 'https'] },
      'https://www.demo.test/',
    ],
    ['a tier does', { headers: [...tier, 'X-Forwarded-Proto', 'https'] }, 'https://www.demo.test/'],
    [
      'nobody chooses another one',
      { headers: [...tier, 'X-Forwarded-Proto', 'ftp'] },
      'http://www.demo.test/',
    ],
  ];
  for (const [title, options, key] of cases) {
    it(title, () => assert.equal(admitted(options).request.key.text, key));
  }
});

describe('who asks', () => {
  it('a tier is known by its field, and its position is read', () => {
    const { tier: asker } = admitted({
      headers: [...tier, 'Breakwater-Position', 'journal-a 3 abc'],
    });
    assert.deepEqual(asker, {
      id: 'par',
      position: { identity: 'journal-a', seq: 3, hash: 'abc' },
    });
  });

  it('a tier without a readable position has none', () => {
    const headers = [...tier, 'Breakwater-Position', 'nonsense'];
    assert.deepEqual(admitted({ headers }).tier, { id: 'par', position: undefined });
  });

  it('a tier’s background refresh is one here too; a client’s word for it is nothing', () => {
    const refresh = ['Breakwater-Refresh', '1'];
    assert.equal(admitted({ headers: [...tier, ...refresh] }).request.isRefresh, true);
    assert.equal(admitted({ headers: refresh }).request.isRefresh, false);
  });

  it('a tier that asks may have passed through this network', () => {
    assert.ok(judge({ headers: [...tier, 'CDN-Loop', 'breakwater-demo'] }).ok);
  });

  it('the client is the peer, or whom a trusted proxy or a tier names last', () => {
    const chain = ['X-Forwarded-For', '198.51.100.1, 198.51.100.2'];
    assert.equal(admitted({ headers: chain }).clientAddress, client);
    assert.equal(admitted({ headers: chain, address: proxy }).clientAddress, '198.51.100.2');
    assert.equal(admitted({ headers: [...tier, ...chain] }).clientAddress, '198.51.100.2');
    assert.equal(admitted({ address: proxy }).clientAddress, proxy);
  });

  it('a request has the id that a tier gave it, never one of a client', () => {
    const id = ['X-Request-Id', 'theirs'];
    assert.equal(admitted({ headers: id }).requestId, 'id-1');
    assert.equal(admitted({ headers: [...tier, ...id] }).requestId, 'theirs');
  });
});

describe('directives of the request', () => {
  const headers = ['Cache-Control', 'no-cache, max-stale=5', 'Pragma', 'no-cache'];
  const closed = { cache: { clientRevalidation: false } };

  it('are honoured', () => {
    assert.equal(admitted({ headers }).request.directives.noCache, true);
  });

  it('are not where the site says so, nor do they reach the next tier, which would honour them', () => {
    assert.equal(admitted({ headers, site: closed }).request.directives.noCache, undefined);
    const fields = forwarded({ headers, site: closed });
    assert.equal(first(fields, 'cache-control'), undefined);
    assert.equal(first(fields, 'pragma'), undefined);
  });

  it('of a tier are honoured in any case', () => {
    const options = { headers: [...tier, ...headers], site: closed };
    assert.equal(admitted(options).request.directives.noCache, true);
    assert.equal(first(forwarded(options), 'cache-control'), 'no-cache, max-stale=5');
  });
});

describe('what goes upstream', () => {
  it('is end to end, with case, order and repeats', () => {
    const headers = ['X-One', '1', 'Cookie', 'a=b', 'x-one', '2'];
    assert.deepEqual(forwarded({ headers }).slice(0, 6), headers);
  });

  it('has nothing of this connection, and nothing that the body tells anew', () => {
    const headers = [
      ...[
        'Connection',
        'close, X-Mine',
        'X-Mine',
        'a',
        'Keep-Alive',
        'b',
        'TE',
        'c',
        'Upgrade',
        'd',
      ],
      ...['Proxy-Authorization', 'e', 'Expect', '100-continue', 'Content-Length', '3'],
      // No delta against what we hold (RFC 3229).
      ...['A-IM', 'vcdiff'],
    ];
    const names = forwarded({ headers }).filter((_, i) => i % 2 === 0);
    const ours = [
      'Via',
      'X-Request-Id',
      'X-Forwarded-For',
      'X-Forwarded-Proto',
      'X-Forwarded-Host',
      'Forwarded',
      'CDN-Loop',
    ];
    assert.deepEqual(names, ours);
  });

  it('names the client in our words, whatever it said itself (DESIGN section 10)', () => {
    const lies = [
      ...[
        'X-Forwarded-For',
        '1.1.1.1',
        'X-Forwarded-Host',
        'evil.test',
        'Forwarded',
        'for=1.1.1.1',
      ],
      ...['X-Original-URL', '/admin', 'X-HTTP-Method-Override', 'DELETE', 'X-Request-Id', 'lie'],
      ...['Breakwater-Position', 'journal-a 9 x', 'breakwater-anything', 'x'],
    ];
    const fields = forwarded({ headers: lies });
    assert.deepEqual(headerValues(fields, 'x-forwarded-for'), [client]);
    assert.deepEqual(headerValues(fields, 'x-forwarded-host'), ['www.demo.test']);
    assert.deepEqual(headerValues(fields, 'x-forwarded-proto'), ['http']);
    assert.deepEqual(headerValues(fields, 'forwarded'), [
      `for=${client};host=www.demo.test;proto=http`,
    ]);
    assert.deepEqual(headerValues(fields, 'x-request-id'), ['id-1']);
    for (const name of [
      'x-original-url',
      'x-http-method-override',
      'breakwater-position',
      'breakwater-anything',
    ]) {
      assert.equal(first(fields, name), undefined, name);
    }
  });

  it('continues the chain of a trusted proxy', () => {
    const headers = ['X-Forwarded-For', '198.51.100.1', 'Forwarded', 'for=198.51.100.1'];
    const fields = forwarded({ headers, address: proxy });
    assert.equal(first(fields, 'x-forwarded-for'), `198.51.100.1, ${proxy}`);
    assert.match(first(fields, 'forwarded') ?? '', /^for=198\.51\.100\.1, for=192\.0\.2\.9;/);
  });

  it('leaves what a tier said about the client as it is', () => {
    const said = [
      'X-Forwarded-For',
      '198.51.100.1',
      'X-Forwarded-Proto',
      'https',
      'X-Request-Id',
      'r',
    ];
    const fields = forwarded({ headers: [...tier, ...said] });
    assert.deepEqual(headerValues(fields, 'x-forwarded-for'), ['198.51.100.1']);
    assert.deepEqual(headerValues(fields, 'x-request-id'), ['r']);
    assert.equal(first(fields, 'breakwater-tier'), undefined);
  });

  it('adds one hop to Via and CDN-Loop (RFC 9110 §7.6.3, RFC 8586)', () => {
    const fields = forwarded({ headers: ['Via', '1.0 a', 'via', '1.1 b', 'CDN-Loop', 'other'] });
    assert.deepEqual(headerValues(fields, 'via'), ['1.0 a, 1.1 b, 1.1 eu']);
    assert.deepEqual(headerValues(fields, 'cdn-loop'), ['other, breakwater-demo']);
  });
});

describe('Accept-Encoding', () => {
  const cases: [string[], string[]][] = [
    [[], []],
    [['Accept-Encoding', 'gzip, deflate, br'], ['br, gzip']],
    [['Accept-Encoding', 'deflate', 'accept-encoding', 'zstd'], ['zstd']],
    [['Accept-Encoding', 'invented'], ['identity']],
    [['Accept-Encoding', ''], ['identity']],
    [['Accept-Encoding', 'identity;q=0'], ['identity;q=0']],
  ];
  for (const [headers, values] of cases) {
    it(`${JSON.stringify(headers)} goes up as ${JSON.stringify(values)}`, () => {
      assert.deepEqual(headerValues(forwarded({ headers }), 'accept-encoding'), values);
    });
  }

  it('that goes up has the key of the request, at this tier and the next', () => {
    const printable = fc.string({ unit: fc.constantFrom(...'gzipbrtd*;q=01., ') });
    fc.assert(
      fc.property(printable, (value) => {
        const request = ['Accept-Encoding', value];
        const fields = ['accept-encoding'];
        const key = variantKey(fields, request);
        const once = forwarded({ headers: request });
        assert.equal(variantKey(fields, once), key);
        const sent = ['Accept-Encoding', first(once, 'accept-encoding') ?? ''];
        assert.equal(variantKey(fields, forwarded({ headers: [...tier, ...sent] })), key);
      }),
    );
  });
});
