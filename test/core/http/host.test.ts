/** Rules of core/http/host.ts: hosts that every parser reads alike (RFC 9110 §7.2). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type HostPort, parseHost } from '../../../core/http/host.ts';

describe('hosts', () => {
  const good: [string, HostPort][] = [
    ['www.demo.test', { host: 'www.demo.test' }],
    ['WWW.Demo.Test:8080', { host: 'www.demo.test', port: 8080 }],
    ['localhost', { host: 'localhost' }],
    ['a', { host: 'a' }],
    ['demo.test.', { host: 'demo.test' }],
    ['demo.test:', { host: 'demo.test' }],
    ['my_host-1.test', { host: 'my_host-1.test' }],
    ['127.0.0.1:1', { host: '127.0.0.1', port: 1 }],
    ['a:65535', { host: 'a', port: 65_535 }],
    ['a:00080', { host: 'a', port: 80 }],
    ['[::1]', { host: '[::1]' }],
    ['[::]:80', { host: '[::]', port: 80 }],
    ['[2001:DB8::1]:443', { host: '[2001:db8::1]', port: 443 }],
    ['[1:2:3:4:5:6:7:8]', { host: '[1:2:3:4:5:6:7:8]' }],
    ['[::ffff:192.0.2.1]', { host: '[::ffff:192.0.2.1]' }],
    ['[1:2:3:4:5:6:192.0.2.1]', { host: '[1:2:3:4:5:6:192.0.2.1]' }],
    [`${'a'.repeat(63)}.test`, { host: `${'a'.repeat(63)}.test` }],
  ];
  for (const [text, expected] of good) {
    it(`reads ${text.slice(0, 40)}`, () => assert.deepEqual(parseHost(text), expected));
  }
});

describe('texts that are no host', () => {
  const bad = [
    '',
    '.',
    ':80',
    'a..b',
    '.a',
    'a..',
    ' a',
    'a ',
    'a b',
    'a\tb',
    'a,b',
    'a/b',
    'a?b',
    'a#b',
    'a@b',
    'user:pw@a',
    'a%2eb',
    'a\\b',
    'é.test',
    'a\u0000',
    'a:0',
    'a:65536',
    'a:123456',
    'a:8x',
    'a:-1',
    'a:80:80',
    'a: 80',
    '::1',
    '2001:db8::1',
    '[::1',
    '[]',
    '[:]',
    '[::1]x',
    '[::1]80',
    '[::1%25eth0]',
    '[1:2:3:4:5:6:7]',
    '[1:2:3:4:5:6:7:8:9]',
    '[1:2:3:4::5:6:7:8]',
    '[1::2::3]',
    '[:1:2:3:4:5:6:7]',
    '[12345::]',
    '[g::]',
    '[::192.0.2]',
    '[::192.0.2.256]',
    '[::192.0.02.1]',
    '[192.0.2.1::]',
    '[192.0.2.1]',
    '[v1.a]',
    'a'.repeat(64),
    `${'a.'.repeat(127)}a`,
  ];
  for (const text of bad) {
    it(`refuses ${JSON.stringify(text.slice(0, 40))}`, () => {
      assert.equal(parseHost(text), undefined);
    });
  }
});

it('gives a host that reads as itself, for any text that is one', () => {
  const char = fc.constantFrom(...'aB1.-_:[]@% ');
  fc.assert(
    fc.property(fc.string({ unit: char, maxLength: 12 }), (text) => {
      const once = parseHost(text);
      if (once !== undefined) assert.deepEqual(parseHost(once.host), { host: once.host });
    }),
  );
});
