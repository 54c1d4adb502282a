import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createContinueFilter } from '../../../core/upstream/continue-filter.ts';

const final = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nHTTP/1.1 100 in the body\r\n\r\n';

/** What comes out when the text comes in pieces of the given lengths. */
function filtered(text: string, lengths: readonly number[] = []): string {
  const filter = createContinueFilter();
  filter.expectHead();
  const bytes = Buffer.from(text, 'latin1');
  const out: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = lengths[i] ?? bytes.length;
    const passed = filter.pass(bytes.subarray(at, at + length));
    if (passed) out.push(passed);
    at += length;
  }
  return Buffer.concat(out).toString('latin1');
}

test('removes 100 responses before a response, with and without fields, and nothing else', () => {
  assert.equal(filtered(`HTTP/1.1 100 Continue\r\n\r\n${final}`), final);
  assert.equal(filtered(`HTTP/1.0 100\r\n\r\nHTTP/1.1 100 Go\r\nX: y\r\n\r\n${final}`), final);
  assert.equal(filtered(final), final);
});

test('finds them between and behind other interim responses, which it leaves as they are (RFC 9110 §15.2)', () => {
  const go = 'HTTP/1.1 100 Continue\r\n\r\n';
  const [early, processing] = ['HTTP/1.1 103\r\nLink: </a>\r\n\r\n', 'HTTP/1.1 102 P\r\n\r\n'];
  assert.equal(filtered(`${early}${go}${processing}${go}${final}`), early + processing + final);
});

test('gives the same however the bytes are cut into pieces', () => {
  const early = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n';
  const go = 'HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 100 Again\r\n\r\n';
  const lengths = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 120, maxLength: 200 });
  fc.assert(
    fc.property(lengths, (given) => {
      assert.equal(filtered(go + final, given), final);
      assert.equal(filtered(go + early + go + final, given), early + final);
    }),
  );
});

test('leaves what only looks like it to the parser', () => {
  for (const text of ['HTTP/1.1 1000 X\r\n\r\n', 'HTTP/1.1 101 X\r\n\r\n', 'SSH-2.0\r\n']) {
    assert.equal(filtered(text), text);
  }
  const switched = 'HTTP/1.1 101 X\r\nUpgrade: x\r\n\r\nand whatever follows';
  assert.equal(filtered(switched), switched);
});

test('holds back no more than a head may have', () => {
  for (const status of [100, 103]) {
    const endless = `HTTP/1.1 ${status} ${'a'.repeat(20_000)}`;
    assert.equal(filtered(endless, [1000]), endless);
  }
});

test('tells the version of the response behind, of each anew', () => {
  const filter = createContinueFilter();
  const versionAfter = (...pieces: string[]) => {
    filter.expectHead();
    for (const piece of pieces) filter.pass(Buffer.from(piece));
    return filter.version;
  };
  const early = 'HTTP/1.1 103\r\n\r\n';
  assert.equal(versionAfter(early, 'HTTP/1.0 ', '200 OK\r\n\r\n'), 'HTTP/1.0');
  assert.equal(versionAfter(early), undefined);
  assert.equal(versionAfter(final), 'HTTP/1.1');
  assert.equal(versionAfter(...final), 'HTTP/1.1');
  assert.equal(versionAfter('RTSP/1.0 200 OK'), 'RTSP/1.0');
  assert.equal(versionAfter(`\r\n${final}`), undefined);
});

test('does not look at bytes that no request waits for', () => {
  const filter = createContinueFilter();
  const bytes = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n');
  assert.equal(filter.pass(bytes), bytes);
  assert.equal(filter.pass(null), null);
});
