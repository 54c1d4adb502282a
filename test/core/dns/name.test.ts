import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWriter, WireError } from '../../../core/dns/buffer.ts';
import { isWithin, nameKey, parentOf, readName, writeName } from '../../../core/dns/name.ts';

const header = Buffer.alloc(12);
const readAt = (bytes: Buffer, at: number) => {
  const reader = { bytes, at, end: bytes.length };
  return { name: readName(reader), at: reader.at };
};
const wire = (...parts: (string | number)[]) =>
  Buffer.concat([
    header,
    ...parts.map((part) =>
      typeof part === 'number' ? Buffer.from([part]) : Buffer.from(part, 'latin1'),
    ),
  ]);

test('a name keeps the case it came in, and is compared without it (RFC 1035 §2.3.3)', () => {
  const { name } = readAt(wire(3, 'wWw', 4, 'Demo', 4, 'tEST', 0), 12);
  assert.equal(name, 'wWw.Demo.tEST');
  assert.equal(nameKey(name), 'www.demo.test');
});

test('reading leaves the reader behind the pointer, not behind its target (RFC 1035 §4.1.4)', () => {
  const bytes = wire(4, 'demo', 0, 3, 'www', 0xc0, 12, 'rest');
  assert.deepEqual(readAt(bytes, 18), { name: 'www.demo', at: 24 });
});

test('bytes that are ambiguous in text are escaped, and survive a round trip (RFC 1035 §5.1)', () => {
  const bytes = wire(6, 'a.b\\c ', 2, '\0\xff', 0);
  const { name } = readAt(bytes, 12);
  assert.equal(name, 'a\\.b\\\\c\\032.\\000\\255');
  const writer = createWriter();
  writeName(writer, name, true);
  assert.deepEqual(writer.bytes.subarray(0, writer.length), bytes.subarray(12));
});

for (const [title, bytes, at] of [
  ['a pointer to itself', wire(0xc0, 12), 12],
  ['a pointer forward', wire(0xc0, 14, 0), 12],
  ['two pointers at each other', wire(0xc0, 14, 0xc0, 12), 14],
  ['a pointer into the header', wire(0xc0, 4), 12],
  ['a pointer back into its own segment', wire(1, 'a', 0xc0, 12), 12],
  ['a label of the reserved kind 01', wire(0x41, 'a', 0), 12],
  ['a label beyond the end', wire(5, 'abc'), 12],
  ['a name without an end', wire(3, 'abc'), 12],
  ['a pointer cut in half', wire(0xc0), 12],
] as const) {
  test(`${title} is refused`, () => {
    assert.throws(() => readAt(bytes, at), WireError);
  });
}

test('a name has at most 255 bytes, its lengths and the root counted (RFC 1035 §2.3.4)', () => {
  const label = (length: number) => 'x'.repeat(length);
  const longest = [63, 63, 63, 61].map(label).join('.');
  const writer = createWriter();
  writeName(writer, longest, false);
  assert.equal(writer.length, 255);
  const bytes = Buffer.concat([header, writer.bytes.subarray(0, 255)]);
  assert.equal(readAt(bytes, 12).name, longest);
  const tooLong = [63, 63, 63, 62].map(label).join('.');
  assert.throws(() => writeName(createWriter(), tooLong, false), WireError);
  const grown = Buffer.concat([header, Buffer.from([1, 0x61]), bytes.subarray(12)]);
  assert.throws(() => readAt(grown, 12), WireError);
});

test('what is no name is not written: empty labels, long labels, broken escapes', () => {
  for (const name of ['a..b', '.', `${'x'.repeat(64)}.test`, 'a\\']) {
    assert.throws(() => writeName(createWriter(), name, false), WireError, name);
  }
});

test('a suffix written before becomes a pointer, whatever its case', () => {
  const writer = createWriter();
  writer.length = 12;
  writeName(writer, 'WWW.demo.test', true);
  const before = writer.length;
  writeName(writer, 'ns1.DEMO.test', true);
  assert.equal(writer.length - before, 4 + 2);
  const bytes = writer.bytes.subarray(0, writer.length);
  assert.equal(readAt(bytes, before).name, 'ns1.demo.test');
});

test('being within a zone is a matter of labels, not of characters', () => {
  assert.ok(isWithin('demo.test', 'demo.test'));
  assert.ok(isWithin('a.b.demo.test', 'demo.test'));
  assert.ok(isWithin('anything', ''));
  assert.ok(!isWithin('xdemo.test', 'demo.test'));
  assert.ok(!isWithin('test', 'demo.test'));
  assert.ok(!isWithin('a\\.demo.test', 'demo.test'), 'an escaped dot separates nothing');
  assert.ok(isWithin('a\\\\.demo.test', 'demo.test'));
  assert.equal(parentOf('a\\.b.c'), 'c');
  assert.equal(parentOf('c'), '');
  assert.equal(parentOf(''), undefined);
});
