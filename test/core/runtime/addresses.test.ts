import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  contains,
  createNetworkSet,
  formatAddress,
  formatHostPort,
  isLoopback,
  isWildcard,
  maskBytes,
  parseAddress,
  parseHostPort,
  parseNetwork,
} from '../../../core/runtime/addresses.ts';

for (const [text, host, port] of [
  ['127.0.0.1:80', '127.0.0.1', 80],
  ['[::1]:8080', '::1', 8080],
  ['example.org:65535', 'example.org', 65535],
  ['node_1.internal:0', 'node_1.internal', 0],
] as const) {
  test(`${text} is a host and a port, and is written the same again`, () => {
    assert.deepEqual(parseHostPort(text), { host, port });
    assert.equal(formatHostPort({ host, port }), text);
  });
}

for (const text of [
  '',
  ':80',
  'a',
  'a:',
  'a:65536',
  'a:-1',
  'a:1e3',
  'a: 80',
  '::1:80',
  '[::1]',
  '[::1]80',
  '[1.2.3.4]:80',
  '[a]:80',
  'a b:80',
  'a/b:80',
  'http://a:80',
]) {
  test(`"${text}" is no host and port`, () => assert.equal(parseHostPort(text), undefined));
}

test('every way to write "every interface" is known as that, and nothing else is', () => {
  for (const host of ['0.0.0.0', '::', '::0', '0:0:0:0:0:0:0:0', '::ffff:0.0.0.0']) {
    assert.equal(isWildcard(host), true, host);
  }
  for (const host of ['0.0.0.1', '::1', 'localhost', '', '0']) {
    assert.equal(isWildcard(host), false, host);
  }
});

test('loopback is 127.0.0.0/8 and ::1 (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3)', () => {
  for (const host of ['127.0.0.1', '127.255.255.255', '::1', '::ffff:127.0.0.1']) {
    assert.equal(isLoopback(host), true, host);
  }
  for (const host of ['126.255.255.255', '128.0.0.1', '::2', '::', '1::1', 'localhost']) {
    assert.equal(isLoopback(host), false, host);
  }
});

test('an IPv4 address inside IPv6 is that IPv4 address (RFC 4291 §2.5.5.2)', () => {
  assert.deepEqual(parseAddress('::ffff:192.0.2.1'), { bytes: [192, 0, 2, 1], family: 4 });
  assert.equal(createNetworkSet(['192.0.2.0/24'])('::ffff:192.0.2.9'), true);
});

for (const text of [
  '1',
  '1.2.3',
  '0x7f.0.0.1',
  '1.2.3.256',
  '1.2.3.4.5',
  'fe80::1%eth0',
  'a',
  '',
]) {
  test(`"${text}" is no address`, () => assert.equal(parseAddress(text), undefined));
}

for (const text of [
  '192.0.2.1/24',
  '10.0.0.0/33',
  '2001:db8::1/32',
  '10.0.0.0/',
  '10.0.0.0/a',
  '::/129',
]) {
  test(`"${text}" is no network`, () => assert.equal(parseNetwork(text), undefined));
}

test('a single address is a network of itself; /0 holds its whole family and not the other', () => {
  const one = createNetworkSet(['192.0.2.1', '2001:db8::1']);
  assert.deepEqual(['192.0.2.1', '192.0.2.2', '2001:db8::1'].map(one), [true, false, true]);
  const all = createNetworkSet(['0.0.0.0/0']);
  assert.deepEqual(['255.255.255.255', '::1', 'no address'].map(all), [true, false, false]);
  assert.equal(createNetworkSet([])('192.0.2.1'), false);
});

test('a network contains exactly the addresses whose first bits are its own', () => {
  const byte = fc.integer({ min: 0, max: 255 });
  const bytes = fc.oneof(
    fc.array(byte, { minLength: 4, maxLength: 4 }),
    fc.array(byte, { minLength: 16, maxLength: 16 }),
  );
  const bits = (list: readonly number[]) =>
    list.map((value) => value.toString(2).padStart(8, '0')).join('');
  fc.assert(
    fc.property(bytes, bytes, fc.nat(128), (address, other, length) => {
      const prefixLength = Math.min(length, address.length * 8);
      const masked = maskBytes(address, prefixLength);
      const family = address.length === 4 ? 4 : 6;
      const network = { bytes: masked, prefixLength, family } as const;
      assert.equal(contains(network, address), true);
      const isSame =
        other.length === address.length &&
        bits(other).slice(0, prefixLength) === bits(address).slice(0, prefixLength);
      assert.equal(contains(network, other), isSame);
    }),
  );
});

test('an address that is written and read again is the same', () => {
  const byte = fc.integer({ min: 0, max: 255 });
  fc.assert(
    fc.property(fc.array(byte, { minLength: 4, maxLength: 4 }), (bytes) => {
      assert.deepEqual(parseAddress(formatAddress(bytes))?.bytes, bytes);
    }),
  );
  assert.equal(formatAddress(parseAddress('2001:DB8:0:0::1')?.bytes ?? []), '2001:db8::1');
});
