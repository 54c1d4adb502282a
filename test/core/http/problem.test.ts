/** Rules of core/http/problem.ts: our own errors, for machines and for people (RFC 9457, RFC 9209). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { problemBody, proxyStatus } from '../../../core/http/problem.ts';
import { parseStructuredList } from '../../../core/http/structured.ts';

const problem = {
  status: 502,
  title: 'Bad Gateway',
  detail: 'The origin <b>"refused"</b> & left.',
  requestId: "r-1'<",
};

describe('JSON or HTML by Accept (RFC 9110 §12.5.1)', () => {
  const cases: [string | undefined, 'json' | 'html'][] = [
    [undefined, 'json'],
    ['', 'json'],
    ['*/*', 'json'],
    ['application/json', 'json'],
    ['application/problem+json, text/html', 'json'],
    ['text/html', 'html'],
    ['TEXT/HTML; charset=utf-8', 'html'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'html'],
    ['text/html;q=0.5, application/json', 'json'],
    ['text/html, application/json;q=0.5', 'html'],
    ['text/html;q=0', 'json'],
    ['text/plain', 'json'],
  ];
  for (const [accept, kind] of cases) {
    it(`${accept} gets ${kind}`, () => {
      const { contentType } = problemBody({ ...problem, accept });
      const expected = kind === 'html' ? 'text/html; charset=utf-8' : 'application/problem+json';
      assert.equal(contentType, expected);
    });
  }
});

it('writes problem details with the request id (RFC 9457 §3.1)', () => {
  const { body } = problemBody({ ...problem, accept: undefined });
  assert.deepEqual(JSON.parse(body), { type: 'about:blank', ...problem });
});

it('escapes whatever stands in the HTML page', () => {
  const { body } = problemBody({ ...problem, accept: 'text/html' });
  assert.match(body, /502 Bad Gateway/);
  assert.match(body, /The origin &lt;b&gt;&quot;refused&quot;&lt;\/b&gt; &amp; left\./);
  assert.match(body, /Request r-1&#39;&lt;/);
});

it('writes Proxy-Status members (RFC 9209 §2.1)', () => {
  assert.equal(proxyStatus({ proxy: 'demo-par' }), 'demo-par');
  assert.equal(
    proxyStatus({
      proxy: 'demo-par',
      error: 'connection_refused',
      nextHop: '192.0.2.1:80',
      receivedStatus: 200,
      details: 'said "no"',
    }),
    'demo-par; error=connection_refused; next-hop="192.0.2.1:80"; received-status=200; details="said \\"no\\""',
  );
});

it('writes members that a strict parser reads, for any text', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (proxy, details) => {
      const text = proxyStatus({ proxy, nextHop: details, details });
      assert.notEqual(parseStructuredList(text), undefined);
    }),
  );
});
