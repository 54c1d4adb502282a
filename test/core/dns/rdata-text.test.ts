import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWriter } from '../../../core/dns/buffer.ts';
import { isTextType, parseRdata, textTypes } from '../../../core/dns/rdata-text.ts';
import { writeRecordData } from '../../../core/dns/record-codec.ts';
import { TextError, tokensOf } from '../../../core/dns/text.ts';

/** The RDATA of a text, in hexadecimal. */
function hexOf(type: string, text: string, origin = 'example.com'): string {
  const data = parseRdata(type, tokensOf(text), origin);
  if (data.type === 'ALIAS') return assert.fail();
  const writer = createWriter();
  writeRecordData(writer, data, false);
  return writer.bytes.subarray(0, writer.length).toString('hex');
}

const hex = (text: string) => Buffer.from(text, 'latin1').toString('hex');
const foo = `${hex('\x03foo\x07example\x03com')}00`;

for (const [type, text, expected] of [
  ['A', '192.0.2.1', 'c0000201'],
  ['AAAA', '2001:db8::1', '20010db8000000000000000000000001'],
  ['NS', 'foo', foo],
  ['CNAME', 'foo.example.com.', foo],
  ['PTR', '@', `${hex('\x07example\x03com')}00`],
  ['MX', '10 foo', `000a${foo}`],
  ['MX', '0 .', '000000'],
  ['SRV', '1 2 5060 foo', `0001000213c4${foo}`],
  ['CAA', '0 issue "ca.example.net; policy=ev"', `0005${hex('issueca.example.net; policy=ev')}`],
  ['CAA', '128 ISSUE ";"', `8005${hex('issue;')}`],
  ['TLSA', '3 1 1 0123456789ABCDEF ffff', '0301010123456789abcdefffff'],
  ['SSHFP', '4 2 00ff', '040200ff'],
  ['DS', '60485 13 2 00ff', 'ec450d0200ff'],
  ['NAPTR', '100 50 "s" "z3950+I2L" "" FOO', `0064003201${hex('s')}09${hex('z3950+I2L')}00${foo}`],
  ['HINFO', 'PC "some OS"', `02${hex('PC')}07${hex('some OS')}`],
  ['TXT', '"one" two "th ree"', `03${hex('one')}03${hex('two')}06${hex('th ree')}`],
  ['TXT', String.raw`"a\"b\\\255;" ""`, `06${hex('a"b\\\xff;')}00`],
  ['TXT', 'ü', '02c3bc'],
  ['SOA', 'foo . 1 2h 15m 1w 1h30m', `${foo}000000000100001c200000038400093a8000001518`],
  ['DNAME', 'foo', foo],
  // RFC 3597 §5
  ['TYPE731', String.raw`\# 6 abcdef 01 23 45`, 'abcdef012345'],
  ['TYPE62347', String.raw`\# 0`, ''],
  ['A', String.raw`\# 4 0A000001`, '0a000001'],
  ['TYPE1', String.raw`\# 4 0A000001`, '0a000001'],
  ['TXT', String.raw`\# 2 0161`, '0161'],
] as const) {
  test(`${type} ${text}`, () => assert.equal(hexOf(type, text), expected));
}

// The vectors of RFC 9460 appendix D.
const apex = `0010${foo}`;
for (const [text, expected] of [
  ['0 foo.example.com.', `0000${foo}`],
  ['1 .', '000100'],
  ['16 foo.example.com. port=53', `${apex}000300020035`],
  ['1 foo.example.com. key667=hello', `0001${foo}029b0005${hex('hello')}`],
  ['1 foo.example.com. key667="hello\\210qoo"', `0001${foo}029b0009${hex('hello\xd2qoo')}`],
  [
    '1 foo.example.com. ( ipv6hint="2001:db8::1,2001:db8::53:1" )',
    `0001${foo}0006002020010db800000000000000000000000120010db8000000000000000000530001`,
  ],
  [
    '16 foo.example.org. (alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1)',
    `0010${hex('\x03foo\x07example\x03org')}000000000400010004000100090268320568332d3139000400` +
      '04c0000201',
  ],
  [
    String.raw`16 foo.example.org. alpn="f\\\\oo\\,bar,h2"`,
    `0010${hex('\x03foo\x07example\x03org')}000001000c08${hex('f\\oo,bar')}02${hex('h2')}`,
  ],
  [
    String.raw`16 foo.example.org. alpn=f\\\092oo\092,bar,h2`,
    `0010${hex('\x03foo\x07example\x03org')}000001000c08${hex('f\\oo,bar')}02${hex('h2')}`,
  ],
  ['1 . alpn=h2 no-default-alpn ech=AAEC', '00010000010003026832000200000005000300' + '0102'],
] as const) {
  test(`HTTPS ${text} (RFC 9460 §D)`, () => {
    assert.equal(hexOf('HTTPS', text), expected);
    assert.equal(hexOf('SVCB', text), expected);
  });
}

for (const [type, text, problem] of [
  ['A', '2001:db8::1', /no IPv4 address/],
  ['A', '', /an address is missing/],
  ['A', '192.0.2.1 192.0.2.2', /more than its fields/],
  ['MX', '65536 foo', /the preference is a number of 0 to 65535/],
  ['MX', '-1 foo', /is a number/],
  ['MX', 'foo', /is a number/],
  ['CNAME', 'a..b', /is no label/],
  ['CNAME', 'ü.example.com.', /ASCII/],
  ['CNAME', `${'a'.repeat(64)}.`, /is no label/],
  ['CNAME', `${'abcdefg.'.repeat(32)}`, /longer than a name/],
  ['CNAME', `${'abcdefg.'.repeat(30)}ab`, /longer than a name/],
  ['TXT', '', /a string is missing/],
  ['TXT', `"${'x'.repeat(256)}"`, /longer than 255/],
  ['TXT', '"open', /quote is not closed/],
  ['TXT', String.raw`"\256"`, /no escape/],
  ['TXT', String.raw`"\12"`, /no escape/],
  ['CAA', '0 "is sue" x', /no tag/],
  ['TLSA', '3 1 1 abc', /pairs of hexadecimal/],
  ['SOA', 'a b 1 2 3 4', /minimum is missing/],
  ['SOA', 'a b 1 2 3 4 68years', /number of seconds/],
  ['TYPE731', String.raw`\# 3 abcd`, /says 3 bytes, and there are 2/],
  ['TYPE731', 'abcd', /written as/],
  ['A', String.raw`\# 3 0A0000`, /ends within/],
  ['A', String.raw`\# 5 0A00000001`, /more than its fields/],
  ['HTTPS', '0 . alpn=h2', /an alias .* has no parameters/],
  // RFC 9460 §D.3
  ['HTTPS', '1 . key123=abc key123=def', /given twice/],
  ['HTTPS', '1 . mandatory', /needs a value/],
  ['HTTPS', '1 . alpn', /needs a value/],
  ['HTTPS', '1 . port', /needs a value/],
  ['HTTPS', '1 . ipv4hint', /needs a value/],
  ['HTTPS', '1 . no-default-alpn=abc', /has no value/],
  ['HTTPS', '1 . mandatory=key123', /which is missing/],
  ['HTTPS', '1 . mandatory=mandatory', /does not name itself/],
  ['HTTPS', '1 . mandatory=key123,key123 key123=abc', /names key123 twice/],
  ['HTTPS', '1 . no-default-alpn', /needs alpn/],
  ['HTTPS', '1 . ipv4hint=2001:db8::1', /no IPv4/],
  ['HTTPS', '1 . alpn=h2,,h3', /1 to 255 bytes/],
  ['HTTPS', '1 . port=65536', /no port/],
  ['HTTPS', '1 . key65535=x', /no parameter/],
  ['HTTPS', '1 . colour=red', /no parameter/],
] as const) {
  test(`not so: ${type} ${text.slice(0, 60)}`, () => {
    assert.throws(
      () => hexOf(type, text),
      (error) => error instanceof TextError && problem.test(error.message),
    );
  });
}

test('an ALIAS names a host, and is no data of a message', () => {
  const data = parseRdata('ALIAS', tokensOf('WWW.example.org'), '');
  assert.deepEqual(data, { type: 'ALIAS', target: 'www.example.org' });
});

test('types are known by name or number; those of questions and of signatures are refused', () => {
  for (const type of [...textTypes, 'TYPE1234', 'TYPE65280']) assert.ok(isTextType(type), type);
  for (const type of ['ANY', 'OPT', 'RRSIG', 'TYPE41', 'TYPE255', 'TYPE0', 'TYPE65536', 'X', 'a']) {
    assert.ok(!isTextType(type), type);
  }
});
