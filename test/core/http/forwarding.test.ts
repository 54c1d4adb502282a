/** Rules of core/http/forwarding.ts: what we say about a request, and what a client cannot say for us. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  cdnLoopAppend,
  cdnLoopContains,
  forwardedFields,
  untrustedFields,
  viaField,
  withoutUntrusted,
} from '../../../core/http/forwarding.ts';
import { combined } from '../../../core/http/headers.ts';

it('adds itself at the end of Via (RFC 9110 §7.6.3)', () => {
  assert.equal(viaField(undefined, '1.1', 'demo-par'), '1.1 demo-par');
  assert.equal(viaField('', '1.1', 'demo-par'), '1.1 demo-par');
  assert.equal(viaField('1.0 a, 2 b', '1.1', 'demo-par'), '1.0 a, 2 b, 1.1 demo-par');
});

describe('CDN-Loop (RFC 8586)', () => {
  const cases: [string[], boolean][] = [
    [[], false],
    [['CDN-Loop', 'demo'], true],
    [['cdn-loop', 'DEMO'], true],
    [['CDN-Loop', 'other, demo; v=1'], true],
    [['CDN-Loop', 'other', 'CDN-Loop', 'demo;x="a,b"'], true],
    [['CDN-Loop', 'demo2, xdemo, demo.test'], false],
    [['CDN-Loop', 'other; x="demo"'], false],
    [['CDN-Loop', 'other; x=", demo, "'], false],
    [['CDN-Loop', ''], false],
  ];
  for (const [headers, isLoop] of cases) {
    it(`${JSON.stringify(headers)}: ${isLoop ? 'a loop' : 'no loop'}`, () => {
      assert.equal(cdnLoopContains(headers, 'demo'), isLoop);
    });
  }

  it('keeps what others said and adds itself, in one line', () => {
    const headers = ['CDN-Loop', 'a', 'X', '1', 'cdn-loop', 'b; v=1'];
    assert.deepEqual(cdnLoopAppend(headers, 'demo'), ['CDN-Loop', 'a, b; v=1, demo', 'X', '1']);
    assert.deepEqual(cdnLoopAppend([], 'demo'), ['CDN-Loop', 'demo']);
  });

  it('knows itself again, whatever stood there', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (values) => {
        const headers = values.flatMap((value) => ['CDN-Loop', value]);
        assert.equal(cdnLoopContains(cdnLoopAppend(headers, 'demo'), 'demo'), true);
      }),
    );
  });
});

describe('fields that a client cannot send past us', () => {
  it('are dropped in any case, those of a family also when they are new', () => {
    const bad = [
      ...['X-Forwarded-For', 'X-FORWARDED-PROTO', 'x-forwarded-host', 'Forwarded', 'X-Real-IP'],
      ...['X-Original-URL', 'X-Rewrite-URL', 'X-HTTP-Method-Override', 'X-Method-Override'],
      ...['X-Host', 'X-Forwarded-Whatever', 'X-Original-Anything', 'True-Client-IP'],
    ];
    const kept = ['Host', 'a.test', 'X-Mine', '1', 'Forwarded2', '1'];
    assert.deepEqual(withoutUntrusted([...bad.flatMap((name) => [name, 'x']), ...kept]), kept);
  });

  it('are listed in lower case', () => {
    for (const name of untrustedFields) assert.equal(name, name.toLowerCase());
  });
});

describe('what the origin is told (RFC 7239)', () => {
  const known = { scheme: 'https', host: 'a.test' } as const;

  it('names client, host and scheme', () => {
    assert.deepEqual(forwardedFields({ clientAddress: '192.0.2.1', ...known }), [
      ...['X-Forwarded-For', '192.0.2.1', 'X-Forwarded-Proto', 'https'],
      ...['X-Forwarded-Host', 'a.test', 'Forwarded', 'for=192.0.2.1;host=a.test;proto=https'],
    ]);
  });

  it('quotes what is no token: IPv6 addresses, hosts with a port (§4, §6)', () => {
    const input = { clientAddress: '2001:db8::1', scheme: 'http', host: 'a.test:8080' } as const;
    const fields = forwardedFields(input);
    assert.equal(combined(fields, 'x-forwarded-for'), '2001:db8::1');
    assert.equal(
      combined(fields, 'forwarded'),
      'for="[2001:db8::1]";host="a.test:8080";proto=http',
    );
  });

  it('goes on with a chain that is trusted', () => {
    const trustedChain = { xForwardedFor: '198.51.100.7', forwarded: 'for=198.51.100.7' };
    const fields = forwardedFields({ clientAddress: '192.0.2.1', ...known, trustedChain });
    assert.equal(combined(fields, 'x-forwarded-for'), '198.51.100.7, 192.0.2.1');
    assert.equal(
      combined(fields, 'forwarded'),
      'for=198.51.100.7, for=192.0.2.1;host=a.test;proto=https',
    );
  });

  it('cannot be broken out of by a host with quotes', () => {
    const fields = forwardedFields({ ...known, clientAddress: '192.0.2.1', host: 'a";for=b\\' });
    assert.equal(combined(fields, 'forwarded'), 'for=192.0.2.1;host="a\\";for=b\\\\";proto=https');
  });
});
