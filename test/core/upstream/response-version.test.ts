import assert from 'node:assert/strict';
import { test } from 'node:test';
import { versionFault } from '../../../core/upstream/response-version.ts';

const chunked = ['transfer-Encoding', 'chunked'];

test('HTTP/1.1 may be chunked, HTTP/1.0 may not (RFC 9112 §6.1)', () => {
  assert.equal(versionFault('HTTP/1.1', chunked), undefined);
  assert.equal(versionFault('HTTP/1.0', []), undefined);
  assert.equal(versionFault('HTTP/1.0', chunked), 'Transfer-Encoding in HTTP/1.0');
});

test('another version, another protocol, and a beginning of either is no HTTP/1', () => {
  for (const version of ['HTTP/2.0', 'HTTP/0.9', 'RTSP/1.0', 'ICE/1.0 ', 'HTTP/2', 'R']) {
    assert.equal(versionFault(version, []), 'another protocol than HTTP/1');
  }
});

test('what is not known is nobody’s fault', () => {
  assert.equal(versionFault(undefined, chunked), undefined);
});
