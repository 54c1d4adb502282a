/** Rules of core/cache/upstream-errors.ts: what a client is told of a failure (RFC 9110 §15.6, RFC 9209). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { proxyErrorOf, statusOf } from '../../../core/cache/upstream-errors.ts';
import type { Failure, FailureKind } from '../../../core/upstream/upstream.ts';

const failure = (kind: FailureKind, source: Failure['source'] = 'upstream'): Failure => ({
  source,
  kind,
  retryable: false,
  cause: 'x',
});

describe('a failure of each kind', () => {
  const cases: [FailureKind, number, string][] = [
    ['connect', 502, 'connection_refused'],
    ['timeout', 504, 'http_response_timeout'],
    ['cut', 502, 'http_response_incomplete'],
    ['framing', 502, 'http_protocol_error'],
    ['aborted', 502, 'connection_terminated'],
    ['unavailable', 502, 'destination_unavailable'],
    ['overload', 503, 'connection_limit_reached'],
  ];
  for (const [kind, status, error] of cases) {
    it(`${kind}: ${status}, ${error}`, () => {
      assert.equal(statusOf(failure(kind)), status);
      assert.deepEqual(proxyErrorOf('par', failure(kind)), { proxy: 'par', error });
    });
  }
});

it('is 408 when the client still owed its body (RFC 9110 §15.5.9)', () => {
  assert.equal(statusOf(failure('timeout', 'downstream')), 408);
});
