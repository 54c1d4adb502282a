/** Rules of core/cache/access-log.ts: one line and one count a request. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type AccessRecord, createAccessLog } from '../../../core/cache/access-log.ts';
import type { Log } from '../../../core/runtime/log.ts';
import { silentLog } from '../../../core/runtime/log.ts';
import { createMetrics } from '../../../core/runtime/metrics.ts';
import { counterOf } from '../../support/engine.ts';

const record: AccessRecord = {
  requestId: 'id-1',
  client: '192.0.2.1',
  method: 'GET',
  host: 'www.demo.test',
  path: '/',
  status: 206,
  xCache: 'HIT',
  cacheStatus: 'par; hit; ttl=3',
  sentBytes: 100,
  firstByteMs: 1,
  totalMs: 20,
  tier: null,
  from: undefined,
};

function open() {
  const lines: unknown[] = [];
  const metrics = createMetrics();
  const log: Log = Object.assign(Object.create(silentLog), {
    info: (line: unknown) => void lines.push(line),
  });
  return { lines, metrics, write: createAccessLog({ log, metrics }) };
}

it('writes one line with the words of the response headers', () => {
  const { lines, write } = open();
  write(record);
  assert.deepEqual(lines, [record]);
});

it('counts by X-Cache, status class and who asked, and the bytes', async () => {
  const { metrics, write } = open();
  write(record);
  write({ ...record, xCache: 'ERROR', status: 502, sentBytes: 0, tier: 'par' });
  const requests = (labels: string) =>
    counterOf(metrics, `breakwater_cache_requests_total{${labels}}`);
  assert.equal(await requests('x_cache="HIT",status="2xx",asker="client"'), 1);
  assert.equal(await requests('x_cache="ERROR",status="5xx",asker="tier"'), 1);
  assert.equal(await counterOf(metrics, 'breakwater_cache_sent_bytes_total'), 100);
  assert.equal(await counterOf(metrics, 'breakwater_cache_request_duration_seconds_count'), 2);
});
