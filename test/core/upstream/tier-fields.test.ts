import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatFailure,
  isTierField,
  parseFailure,
  splitTierFields,
  withoutTierFields,
} from '../../../core/upstream/tier-fields.ts';
import type { Failure } from '../../../core/upstream/upstream.ts';

test('knows a tier field in any case, and nothing that only begins like one', () => {
  for (const name of ['breakwater-tier', 'Breakwater-LABEL', 'BREAKWATER-']) {
    assert.equal(isTierField(name), true, name);
  }
  for (const name of ['breakwater', 'x-breakwater-tier', 'break']) {
    assert.equal(isTierField(name), false, name);
  }
});

test('splits them off by lower-case name, the last one counting, and keeps the order of the rest', () => {
  const raw = ['A', '1', 'Breakwater-Label', 'x', 'B', '2', 'breakwater-label', 'y', 'A', '3'];
  const { headers, tierHeaders } = splitTierFields(raw);
  assert.deepEqual(headers, ['A', '1', 'B', '2', 'A', '3']);
  assert.deepEqual([...tierHeaders], [['breakwater-label', 'y']]);
});

test('a list without tier fields is not copied', () => {
  const raw = ['A', '1'];
  assert.equal(withoutTierFields(raw), raw);
  assert.deepEqual(withoutTierFields(['breakwater-tier', 'x']), []);
});

const failure: Failure = { source: 'upstream', kind: 'timeout', retryable: true, cause: 'x' };

test('a failure that a shield tells of comes out as it went in', () => {
  for (const kind of ['connect', 'timeout', 'cut', 'framing', 'unavailable', 'overload'] as const) {
    assert.deepEqual(parseFailure(formatFailure({ ...failure, kind }) ?? ''), { kind });
    const unvalidated = formatFailure({ ...failure, kind, unvalidated: true }) ?? '';
    assert.deepEqual(parseFailure(unvalidated), { kind, unvalidated: true });
  }
});

test('what is on the side of the asking tier is not told as a failure behind', () => {
  assert.equal(formatFailure({ ...failure, source: 'downstream' }), undefined);
});

test('a kind that is not known is some failure', () => {
  assert.deepEqual(parseFailure('eclipse'), { kind: 'unavailable' });
  assert.deepEqual(parseFailure(''), { kind: 'unavailable' });
  assert.deepEqual(parseFailure('cut; eclipse'), { kind: 'cut' });
});
