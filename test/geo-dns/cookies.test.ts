import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../../core/runtime/addresses.ts';
import { createCookies } from '../../geo-dns/cookies.ts';
import { cookieIn } from '../../geo-dns/wire/cookie-option.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const secret = 'e5e973e5a6b2a43f48e7dc849e37bfcf';
const first = Date.parse('2019-06-05T10:53:05Z');

/** What a server with `keyOfDay` makes of the hexadecimal cookie `sent` at `nowMs`. */
function judgeAt(
  nowMs: number,
  sent: string,
  from = '198.51.100.100',
  keyOfDay: (day: number) => string = () => secret,
) {
  const cookies = createCookies({
    clock: createFakeClock(nowMs),
    keyOfDay: (day) => Buffer.from(keyOfDay(day), 'hex'),
  });
  const cookie = cookieIn([{ code: 10, bytes: Buffer.from(sent, 'hex') }]) ?? assert.fail();
  const { state, option } = cookies.judge(cookie, parseAddress(from)?.bytes ?? assert.fail());
  assert.equal(option.code, 10);
  return [state, Buffer.from(option.bytes).toString('hex')];
}

const learnt = '2464c4abcf10c957010000005cf79f111f8130c3eee29480';

test('a client without a server cookie is given one (RFC 9018 §A.1)', () => {
  assert.deepEqual(judgeAt(first, '2464c4abcf10c957'), ['new', learnt]);
});

test('a cookie of forty minutes is good, and renewed (RFC 9018 §A.2)', () => {
  assert.deepEqual(judgeAt(Date.parse('2019-06-05T11:33:05Z'), learnt), [
    'valid',
    '2464c4abcf10c957010000005cf7a871d4a564a1442aca77',
  ]);
});

test('reserved bytes are hashed as they came, and zero in the answer (RFC 9018 §A.3)', () => {
  const sent = 'fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5';
  const renewed = 'fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e';
  const sentAt = Date.parse('2019-06-05T09:46:25Z');
  assert.deepEqual(judgeAt(sentAt, sent, '203.0.113.203')[0], 'valid');
  const newAt = Date.parse('2019-06-05T11:38:20Z');
  // The example is older than the hour that §4.3 allows.
  assert.deepEqual(judgeAt(newAt, sent, '203.0.113.203'), ['invalid', renewed]);
});

test('an IPv6 client keeps its cookie over a change of the secret (RFC 9018 §A.4)', () => {
  const from = '2001:db8:220:1:59de:d0f4:8769:82b8';
  const sent = '22681ab97d52c298010000005cf7c57926556bd0934c72f8';
  const old = 'dd3bdf9344b678b185a6f5cb60fca715';
  assert.deepEqual(judgeAt(1559741961_000, sent, from, () => old)[0], 'valid');
  const next = '445536bcd2513298075a5d379663c962';
  const renewed = '22681ab97d52c298010000005cf7c609a6bb79d16625507a';
  assert.deepEqual(judgeAt(1559741961_000, '22681ab97d52c298', from, () => next)[1], renewed);
});

test('a cookie is good for an hour, and from five minutes before its time (RFC 9018 §4.3)', () => {
  const stateAt = (seconds: number) => judgeAt(first + seconds * 1000, learnt)[0];
  assert.equal(stateAt(3600), 'valid');
  assert.equal(stateAt(3601), 'invalid');
  assert.equal(stateAt(-300), 'valid');
  assert.equal(stateAt(-301), 'invalid');
  assert.deepEqual(judgeAt(first + 1800_000, learnt)[1], learnt);
  assert.notDeepEqual(judgeAt(first + 1801_000, learnt)[1], learnt);
});

test('a cookie of another client, address, version, length or key is not good', () => {
  const bad = (sent: string, from?: string, key?: string) =>
    judgeAt(first, sent, from, key === undefined ? undefined : () => key)[0];
  assert.equal(bad(learnt.replace('2464', '2465')), 'invalid');
  assert.equal(bad(learnt, '198.51.100.101'), 'invalid');
  assert.equal(bad(learnt.replace('9570100', '9570200')), 'invalid');
  assert.equal(bad(learnt.slice(0, -2)), 'invalid');
  assert.equal(bad(`${learnt}00`), 'invalid');
  assert.equal(bad(learnt, undefined, 'f'.repeat(32)), 'invalid');
  assert.equal(bad(`${learnt.slice(0, -1)}1`), 'invalid');
});

test('the key changes with the day of the cookie, and the last hour of yesterday stays good', () => {
  const keyOfDay = (day: number) => day.toString(16).padStart(32, '0');
  const midnight = Date.parse('2026-03-02T00:00:00Z');
  const [, given = ''] = judgeAt(midnight - 1000, '2464c4abcf10c957', undefined, keyOfDay);
  assert.equal(judgeAt(midnight + 60_000, given, undefined, keyOfDay)[0], 'valid');
  const [, later = ''] = judgeAt(midnight, '2464c4abcf10c957', undefined, keyOfDay);
  assert.notEqual(given.slice(32), later.slice(32));
  // A server whose clock is a little behind takes the cookie of one that has begun the new day.
  assert.equal(judgeAt(midnight - 60_000, later, undefined, keyOfDay)[0], 'valid');
});

test('a cookie of a length that none has is malformed (RFC 7873 §5.2.2)', () => {
  for (const length of [0, 1, 7, 9, 15, 41, 200]) {
    assert.throws(() => cookieIn([{ code: 10, bytes: Buffer.alloc(length) }]), /a cookie of/);
  }
  for (const length of [8, 16, 40]) {
    assert.ok(cookieIn([{ code: 10, bytes: Buffer.alloc(length) }]));
  }
  assert.equal(cookieIn([{ code: 3, bytes: Buffer.alloc(1) }]), undefined);
});
