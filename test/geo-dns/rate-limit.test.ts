import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../../core/runtime/addresses.ts';
import {
  createRateLimiter,
  type RateLimiterOptions,
  type RateLimitRules,
  type ResponseClass,
  responseClassOf,
} from '../../geo-dns/rate-limit.ts';
import { rcodes } from '../../geo-dns/wire/message.ts';
import { buildMessage, record } from '../support/dns-messages.ts';
import { createFakeClock } from '../support/fake-clock.ts';

function setUp(rules: Partial<RateLimitRules> = {}, options: Partial<RateLimiterOptions> = {}) {
  const clock = createFakeClock();
  const current = { responsesPerSecond: 10, slip: 2, ...rules };
  let evictions = 0;
  const onEvict = () => {
    evictions += 1;
  };
  // A fixed key: the test is the same each time.
  const random = { unit: () => 0.5, hex: (bytes: number) => '5a'.repeat(bytes) };
  const limiter = createRateLimiter(
    { clock, random, onEvict },
    { rules: () => current, exempt: [], ...options },
  );
  const ask = (address: string, times = 1, responseClass: ResponseClass = 'answer') => {
    const { bytes } = parseAddress(address) ?? assert.fail(address);
    return Array.from({ length: times }, () => limiter.decide(bytes, responseClass));
  };
  const answered = (address: string, times: number, responseClass?: ResponseClass) =>
    ask(address, times, responseClass).filter((verdict) => verdict === 'answer').length;
  return { clock, current, ask, answered, evictions: () => evictions };
}

test('a network gets its answers of a second at once, and then one for each part of a second', async () => {
  const { clock, answered } = setUp();
  assert.equal(answered('192.0.2.1', 100), 10);
  await clock.advance(99);
  assert.equal(answered('192.0.2.1', 10), 0);
  await clock.advance(1);
  assert.equal(answered('192.0.2.1', 10), 1);
  await clock.advance(3_600_000);
  assert.equal(answered('192.0.2.1', 100), 10);
});

test('addresses of one /24 or /56 share a limit, others do not', () => {
  const { answered } = setUp();
  assert.equal(answered('192.0.2.1', 10), 10);
  assert.equal(answered('192.0.2.255', 10), 0);
  assert.equal(answered('192.0.3.1', 10), 10);
  assert.equal(answered('2001:db8:0:100::1', 10), 10);
  assert.equal(answered('2001:db8:0:1ff::1', 10), 0);
  assert.equal(answered('2001:db8:0:200::1', 10), 10);
});

test('each class of answers has its own limit', () => {
  const { answered } = setUp();
  for (const responseClass of ['answer', 'negative', 'error'] as const) {
    assert.equal(answered('192.0.2.1', 20, responseClass), 10);
  }
});

test('every slipth answer beyond the limit is sent truncated; with 0 none, with 1 each', () => {
  const beyond = (slip: number) => setUp({ slip }).ask('192.0.2.1', 16).slice(10).join(' ');
  assert.equal(beyond(0), 'drop drop drop drop drop drop');
  assert.equal(beyond(1), 'slip slip slip slip slip slip');
  assert.equal(beyond(2), 'drop slip drop slip drop slip');
  assert.equal(beyond(3), 'drop drop slip drop drop slip');
});

test('exempt networks have no limit, and with 0 nobody has; rules hold from the next answer on', () => {
  const { answered, current } = setUp({}, { exempt: ['192.0.2.128/25', '2001:db8::/32'] });
  assert.equal(answered('192.0.2.200', 50), 50);
  assert.equal(answered('2001:db8::7', 50), 50);
  assert.equal(answered('192.0.2.1', 50), 10);
  current.responsesPerSecond = 0;
  assert.equal(answered('192.0.2.1', 50), 50);
});

test('a flood from forged networks fills the table and no more, and does not free a limited one', () => {
  const { answered, evictions } = setUp({}, { buckets: 64 });
  assert.equal(answered('192.0.2.1', 20), 10);
  for (let n = 0; n < 20_000; n += 1) answered(`10.${n >> 8}.${n & 255}.1`, 1);
  assert.equal(answered('192.0.2.1', 20), 0);
  assert.ok(evictions() > 10_000);
});

test('a bucket that is full again gives way without being counted', async () => {
  const { clock, answered, evictions } = setUp({}, { buckets: 4 });
  for (let n = 0; n < 50; n += 1) {
    assert.equal(answered(`10.0.${n}.1`, 10), 10);
    await clock.advance(1000);
  }
  assert.equal(evictions(), 0);
});

test('records and referrals are answers, NXDOMAIN and NODATA are negative, the rest are errors', () => {
  const { header } = buildMessage();
  const soa = record('demo.test', { type: 'NS', target: 'ns1.demo.test' });
  const of = (rcode: number) => responseClassOf(buildMessage({ header: { ...header, rcode } }));
  assert.equal(of(rcodes.NOERROR), 'answer');
  assert.equal(of(rcodes.NXDOMAIN), 'negative');
  assert.equal(of(rcodes.REFUSED), 'error');
  assert.equal(of(rcodes.SERVFAIL), 'error');
  assert.equal(responseClassOf(buildMessage({ answers: [], authorities: [soa] })), 'negative');
  const referral = { header: { ...header, authoritative: false }, answers: [], authorities: [soa] };
  assert.equal(responseClassOf(buildMessage(referral)), 'answer');
});
