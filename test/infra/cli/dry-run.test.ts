import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dryRunLines } from '../../../infra/cli/dry-run.ts';

const par = {
  node: 'par',
  role: 'edge',
  ok: true,
  matched: 3,
  complete: true,
  examples: ['http://a.test/1'],
  problem: null,
};

test('a dry run says what each node would have to forget, and that nothing was purged', () => {
  const eu = { ...par, node: 'eu', role: 'shield', matched: 90_000, complete: false };
  assert.deepEqual(dryRunLines({ dryRun: true, nodes: [par, eu] }), [
    'a dry run: nothing was purged',
    '  NODE  ROLE    WOULD MATCH',
    '  par   edge    3',
    '  eu    shield  at least 90000',
    'for example',
    '  http://a.test/1',
  ]);
});

test('a node that did not answer is named with why', () => {
  const lost = { ...par, ok: false, matched: null, examples: [], problem: 'not connected' };
  assert.deepEqual(dryRunLines({ dryRun: true, nodes: [lost] }), [
    'a dry run: nothing was purged',
    '  NODE  ROLE  PROBLEM',
    '  par   edge  not connected',
  ]);
});
