import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureOf, UploadError } from '../../../core/upstream/failures.ts';

function errorWith(code: string, message = 'went wrong', name = 'Error'): Error {
  return Object.assign(new Error(message), { code, name });
}

test('before a connection stands everything is a failure to connect, and may be tried elsewhere', () => {
  const failure = failureOf(
    errorWith('ECONNREFUSED', 'connect ECONNREFUSED 1.2.3.4:80'),
    'connecting',
    true,
  );
  assert.deepEqual(failure, {
    source: 'upstream',
    kind: 'connect',
    retryable: true,
    cause: 'connect ECONNREFUSED 1.2.3.4:80',
  });
});

test('a failure without a message still says what it was', () => {
  const failure = failureOf(new AggregateError([], ''), 'connecting', false);
  assert.equal(failure.cause, 'AggregateError');
  assert.equal(failureOf(errorWith('ETIMEDOUT', ''), 'connecting', false).cause, 'ETIMEDOUT');
  assert.equal(failureOf('odd', 'waiting', false).cause, 'odd');
});

test('a lost request may be sent again only when it has no effect to repeat, a lost body never', () => {
  const lost = errorWith('UND_ERR_SOCKET', 'other side closed');
  assert.equal(failureOf(lost, 'waiting', true).retryable, true);
  assert.equal(failureOf(lost, 'waiting', false).retryable, false);
  assert.equal(failureOf(lost, 'body', true).retryable, false);
});

test('the end of the bytes is a cut, bytes that make no sense are bad framing', () => {
  const kindOf = (message: string) =>
    failureOf(errorWith('', message, 'HTTPParserError'), 'body', false).kind;
  assert.equal(kindOf('Response does not match the HTTP/1.1 protocol (Invalid EOF state)'), 'cut');
  assert.equal(
    kindOf('Response does not match the HTTP/1.1 protocol (Invalid character)'),
    'framing',
  );
});

test('a mismatch of lengths is contradictory in a head, and a missing part in a body', () => {
  const error = errorWith('UND_ERR_RES_CONTENT_LENGTH_MISMATCH');
  assert.equal(failureOf(error, 'waiting', true).kind, 'framing');
  assert.equal(failureOf(error, 'body', true).kind, 'cut');
});

test('what the request itself did wrong is not the upstream’s failure', () => {
  assert.deepEqual(failureOf(new UploadError('gone'), 'waiting', true), {
    source: 'downstream',
    kind: 'aborted',
    retryable: false,
    cause: 'gone',
  });
  assert.equal(failureOf(errorWith('UND_ERR_INVALID_ARG'), 'connecting', true).source, 'internal');
});
