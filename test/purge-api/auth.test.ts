import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { nodeKeyPurpose, type Selector } from '../../core/purge/command.ts';
import { deriveKey } from '../../core/topology/load.ts';
import { createNodeAuth, createTokenAuth, mayUse, outsideOf } from '../../purge-api/auth.ts';

const tokens = [
  { name: 'all', secret: 'secret-of-all', hosts: ['*'] },
  { name: 'a', secret: 'secret-of-a', hosts: ['a.test'] },
];

describe('bearer tokens', () => {
  const authenticate = createTokenAuth(tokens);

  test('the right secret is the token; the scheme is case-insensitive (RFC 9110 §11.1)', () => {
    assert.deepEqual(authenticate('Bearer secret-of-a'), { name: 'a', hosts: ['a.test'] });
    assert.equal(authenticate('bearer secret-of-all')?.name, 'all');
  });

  for (const wrong of [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer secret-of-',
    'Bearer secret-of-all2',
    'Bearer SECRET-OF-ALL',
    'Basic secret-of-all',
    'secret-of-all',
    'Bearer secret-of-all secret-of-a',
  ]) {
    test(`refuses ${JSON.stringify(wrong)}`, () => assert.equal(authenticate(wrong), undefined));
  }

  test('without tokens nobody is let in', () => {
    assert.equal(createTokenAuth([])('Bearer '), undefined);
  });
});

describe('the hosts of a token', () => {
  const selectors: Selector[] = [
    { kind: 'url', url: 'https://A.test:8443/x' },
    { kind: 'prefix', prefix: 'http://b.test/x' },
    { kind: 'host', host: 'c.test' },
    { kind: 'tag', tag: 'news' },
    { kind: 'everything' },
  ];

  test('URLs, prefixes and hosts outside of them are named; tags and everything are limited by the scope', () => {
    assert.deepEqual(outsideOf(['a.test'], selectors), selectors.slice(1, 3));
    assert.deepEqual(outsideOf(['*'], selectors), []);
  });

  test('a caller may use what lies wholly within its hosts', () => {
    const caller = { name: 'a', hosts: ['a.test', 'b.test'] };
    assert.ok(mayUse(caller, ['b.test']));
    assert.ok(!mayUse(caller, ['a.test', 'c.test']));
    assert.ok(!mayUse(caller, ['*']));
    assert.ok(mayUse({ name: 'all', hosts: ['*'] }, ['*']));
  });
});

describe('keys of nodes', () => {
  const authorise = createNodeAuth('the-secret');
  const keyOf = (id: string, secret = 'the-secret') => deriveKey(secret, nodeKeyPurpose(id));

  test('the key of a node speaks for that node, and for no other', () => {
    assert.equal(authorise(`Breakwater-Node par ${keyOf('par')}`), 'par');
    assert.equal(authorise(`Breakwater-Node eu ${keyOf('par')}`), undefined);
    assert.equal(authorise(`Breakwater-Node par ${keyOf('par', 'other')}`), undefined);
  });

  for (const wrong of [undefined, '', 'Breakwater-Node par', `Bearer par ${keyOf('par')}`]) {
    test(`refuses ${JSON.stringify(wrong)}`, () => assert.equal(authorise(wrong), undefined));
  }
});
