/** Rules of core/cache/key.ts: one normal form for lookup, routing, purge and the forwarded target. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createKeySpace } from '../../../core/cache/key.ts';
import { siteWith } from '../../support/sites.ts';

const plain = siteWith();
const sorted = siteWith({
  hosts: ['shop.demo.test', 'SHOP2.demo.test'],
  cache: { query: { sort: true, drop: ['utm_*'] } },
});
const space = createKeySpace([plain, sorted]);

describe('the key of a request', () => {
  it('has scheme, host, path and query', () => {
    const key = space.keyOf('https', 'www.demo.test', '/a?b=1');
    assert.equal(key?.text, 'https://www.demo.test/a?b=1');
    assert.equal(key?.url, 'www.demo.test/a?b=1');
    assert.equal(key?.site, plain);
  });

  it('is the same for two spellings of a target (RFC 3986 §6.2.2)', () => {
    const one = space.keyOf('http', 'www.demo.test', '/x/../%7Ea/%2f');
    assert.equal(one?.pathAndQuery, '/~a/%2F');
  });

  it('follows the query rules of its own site', () => {
    const target = '/a?b=1&a=2&utm_source=x';
    const keyOf = (host: string) => space.keyOf('http', host, target)?.pathAndQuery;
    assert.equal(keyOf('shop.demo.test'), '/a?a=2&b=1');
    assert.equal(keyOf('shop2.demo.test'), '/a?a=2&b=1');
    assert.equal(keyOf('www.demo.test'), target);
  });

  it('does not exist for an unknown host or a target without a normal form', () => {
    assert.equal(space.keyOf('http', 'other.test', '/'), undefined);
    assert.equal(space.keyOf('http', 'www.demo.test', '/%zz'), undefined);
    assert.equal(space.siteOf('other.test'), undefined);
  });
});

describe('a purge selector', () => {
  it('has the normal form of the key that it means, without scheme and port', () => {
    const { url } = space.normalise;
    assert.equal(url('https://SHOP.demo.test:8443/a?b=1&a=2&utm_x=1'), 'shop.demo.test/a?a=2&b=1');
    assert.equal(url('http://www.demo.test'), 'www.demo.test/');
    assert.equal(url('http://other.test/b?z=1&a=2'), 'other.test/b?z=1&a=2');
    assert.equal(url('not a url'), undefined);
  });

  it('that is a prefix stays a prefix: nothing is completed or sorted', () => {
    const { prefix } = space.normalise;
    assert.equal(prefix('http://shop.demo.test/a?b=1&a'), 'shop.demo.test/a?b=1&a');
    assert.equal(prefix('/a'), undefined);
  });
});

describe('the fields that are meant for us (RFC 9213 §2.2)', () => {
  const keyOf = (cache: Record<string, unknown>, network?: string) =>
    createKeySpace([siteWith({ cache })], network).keyOf('http', 'www.demo.test', '/');

  it('are CDN-Cache-Control alone, as long as a site does not say more', () => {
    assert.deepEqual(keyOf({}, 'demo')?.targets.fields, ['cdn-cache-control']);
  });

  it('are Surrogate-Control too where a site says so, by the names of network and software', () => {
    assert.deepEqual(keyOf({ surrogateControl: true }, 'Demo')?.targets, {
      fields: ['cdn-cache-control', 'surrogate-control'],
      surrogateNames: ['breakwater', 'demo'],
    });
  });
});
