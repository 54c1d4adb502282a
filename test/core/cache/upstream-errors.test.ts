/** Rules of core/cache/upstream-errors.ts: what a client is told of a failure (RFC 9110 §15.6, RFC 9209). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { detailOf, proxyStatusOf, statusOf } from '../../../core/cache/upstream-errors.ts';
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
      assert.equal(proxyStatusOf('par', failure(kind)), `par; error=${error}`);
    });
  }
});

it('is 408 when the client still owed its body (RFC 9110 §15.5.9)', () => {
  assert.equal(statusOf(failure('timeout', 'downstream')), 408);
});

it('is 504 whatever its kind, when what is stored could not be validated (RFC 9111 §5.2.2.2)', () => {
  for (const kind of ['connect', 'timeout', 'cut', 'unavailable'] as const) {
    const failed = { ...failure(kind), unvalidated: true as const };
    assert.equal(statusOf(failed), 504);
    assert.match(detailOf(failed), /must not be used before it has been validated/);
  }
  const refused = { ...failure('connect'), unvalidated: true as const };
  assert.equal(
    proxyStatusOf('par', refused),
    'par; error=connection_refused; details="unvalidated"',
  );
});

describe('a failure of which a tier behind has told (RFC 9209 §2)', () => {
  const told = { name: 'eu', status: 502, proxyStatus: 'eu; error=connection_refused' };

  it('is named by that tier; ours says what came from there', () => {
    assert.equal(
      proxyStatusOf('par', { ...failure('connect'), told }),
      'eu; error=connection_refused, par; received-status=502',
    );
  });

  it('is named here where that tier does not name it', () => {
    assert.equal(
      proxyStatusOf('par', { ...failure('timeout'), told: { ...told, proxyStatus: undefined } }),
      'par; error=http_response_timeout; received-status=502',
    );
  });
});
