import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Log } from '../../core/runtime/log.ts';
import { silentLog } from '../../core/runtime/log.ts';
import { createMetrics } from '../../core/runtime/metrics.ts';
import { createDnsMetrics } from '../../geo-dns/dns-metrics.ts';
import { lineOf, maxLinesPerSecond, withQueryLog } from '../../geo-dns/query-log.ts';
import { encodeMessage } from '../../geo-dns/wire/message.ts';
import { buildMessage, buildQuery } from '../support/dns-messages.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const query = buildQuery({ subnet: '198.18.3.0/24' });
const answer = encodeMessage(buildMessage());
const resolver = [192, 0, 2, 7];

function setUp(sample: number, units: () => number) {
  const clock = createFakeClock();
  const lines: object[] = [];
  const log: Log = { ...silentLog, info: (line: object) => void lines.push(line) };
  const registry = createMetrics();
  const metrics = createDnsMetrics(registry);
  const random = { unit: units, hex: () => '' };
  const respond = withQueryLog(
    { clock, random, log, metrics },
    () => answer,
    () => sample,
  );
  return { clock, lines, registry, ask: () => respond(query, resolver, 'udp') };
}

test('a line says who asked what, for which network, and what was answered', () => {
  assert.deepEqual(lineOf(query, answer, resolver, 'udp'), {
    resolver: '192.0.2.7',
    transport: 'udp',
    name: 'www.demo.test',
    type: 'A',
    subnet: '198.18.3.0/24',
    rcode: 'NOERROR',
    answers: ['192.0.2.1'],
    bytes: answer.length,
  });
});

test('what cannot be read and what is not answered has a line too', () => {
  assert.deepEqual(lineOf(Buffer.from('rubbish'), undefined, resolver, 'tcp'), {
    resolver: '192.0.2.7',
    transport: 'tcp',
    silent: true,
    bytes: 0,
  });
});

test('about the wanted share of the queries has a line; the answers are the same either way', () => {
  let turn = 0;
  const { lines, ask } = setUp(0.25, () => (turn++ % 100) / 100);
  for (let i = 0; i < 400; i += 1) assert.equal(ask(), answer);
  assert.equal(lines.length, 100);
});

test('none is asked of chance, and no line written, while it is off', () => {
  const { lines, ask } = setUp(0, () => assert.fail());
  assert.equal(ask(), answer);
  assert.equal(lines.length, 0);
});

test('lines have a limit a second; beyond it they are counted', async () => {
  const { clock, lines, registry, ask } = setUp(1, () => 0);
  for (let i = 0; i < maxLinesPerSecond + 5; i += 1) ask();
  assert.equal(lines.length, maxLinesPerSecond);
  assert.match(await registry.text(), /query_log_drops_total 5/);
  await clock.advance(1000);
  ask();
  assert.equal(lines.length, maxLinesPerSecond + 1);
});
