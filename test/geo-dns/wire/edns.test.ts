import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WireError } from '../../../core/dns/buffer.ts';
import { clientSubnetOf, formatSubnet } from '../../../geo-dns/wire/client.ts';
import { readEdnsOptions } from '../../../geo-dns/wire/edns.ts';

/** Options as they stand in RDATA: code, length, bytes. */
const options = (...list: [code: number, bytes: number[]][]) =>
  Buffer.concat(
    list.map(([code, bytes]) => Buffer.from([code >> 8, code & 255, 0, bytes.length, ...bytes])),
  );
const read = (bytes: Buffer) => readEdnsOptions({ bytes, at: 0, end: bytes.length });
const subnet = (...bytes: number[]) => read(options([8, bytes])).clientSubnet;

test('a client subnet is read with its bytes padded to the whole address (RFC 7871 §6)', () => {
  assert.deepEqual(subnet(0, 1, 24, 0, 198, 18, 3), {
    family: 4,
    bytes: [198, 18, 3, 0],
    sourcePrefixLength: 24,
    scopePrefixLength: 0,
  });
  assert.deepEqual(subnet(0, 2, 20, 0, 0x20, 0x01, 0x0d & 0xf0)?.bytes.slice(0, 4), [32, 1, 0, 0]);
});

test('prefix length 0 is a client that wants to stay unknown, of any family or none (RFC 7871 §7.1.2)', () => {
  assert.equal(subnet(0, 1, 0, 0)?.sourcePrefixLength, 0);
  assert.equal(subnet(0, 2, 0, 0)?.family, 6);
  assert.equal(subnet(0, 0, 0, 0)?.family, 0);
});

for (const [title, bytes] of [
  ['an unknown family', [0, 3, 8, 0, 1]],
  ['family 0 with an address', [0, 0, 8, 0, 1]],
  ['more than 32 bits of IPv4', [0, 1, 33, 0, 1, 2, 3, 4, 0]],
  ['more than 128 bits of IPv6', [0, 2, 129, 0, ...new Array(17).fill(1)]],
  ['a scope longer than the family', [0, 1, 24, 33, 1, 2, 3]],
  ['bits set behind the prefix', [0, 1, 20, 0, 198, 18, 0x1f]],
  ['fewer bytes than the prefix', [0, 1, 24, 0, 198, 18]],
  ['more bytes than the prefix', [0, 1, 24, 0, 198, 18, 3, 0]],
  ['an option cut short', [0, 1, 24]],
  ['an empty option', []],
] as const) {
  test(`${title} is a format error (RFC 7871 §7.2.1)`, () => {
    assert.throws(() => subnet(...bytes), WireError);
  });
}

test('two client subnets, and options beyond OPT, are format errors', () => {
  const one: [number, number[]] = [8, [0, 1, 8, 0, 10]];
  assert.throws(() => read(options(one, one)), WireError);
  assert.throws(() => read(Buffer.from([0, 10, 0, 8, 1, 2])), WireError);
  assert.throws(() => read(Buffer.from([0, 10, 0])), WireError);
});

test('an option that is not known is kept as it is (RFC 6891 §6.1.2)', () => {
  const { options: kept } = read(options([10, [1, 2, 3]], [65001, []]));
  assert.deepEqual(
    kept.map(({ code, bytes }) => [code, [...bytes]]),
    [
      [10, [1, 2, 3]],
      [65001, []],
    ],
  );
});

test('a subnet is built from an address or network as a resolver would state it (RFC 7871 §11.1)', () => {
  const text = (given: string) => {
    const made = clientSubnetOf(given);
    return made && formatSubnet(made);
  };
  assert.equal(text('198.18.3.77'), '198.18.3.0/24');
  assert.equal(text('198.18.3.77/32'), '198.18.3.77/32');
  assert.equal(text('2001:db8:1:2ff::1'), '2001:db8:1:200::/56');
  assert.equal(text('0.0.0.0/0'), '0.0.0.0/0');
  for (const wrong of ['Tokyo', '1.2.3.4/33', '1.2.3.4/x', '1.2.3/8', '1.2.3.4/8/9', '']) {
    assert.equal(text(wrong), undefined, wrong);
  }
});
