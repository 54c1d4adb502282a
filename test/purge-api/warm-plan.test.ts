import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planWarm } from '../../purge-api/warm-plan.ts';

const hot = (key: string, heat: number, variant = '') => ({ key, variant, heat });
const named = (...keys: string[]) => keys.map((key) => ({ key, variant: '' }));

test('the hottest over all nodes are refilled where they were, shields apart from edges', () => {
  const plan = planWarm(
    [
      { node: 'eu', role: 'shield', responses: [hot('a', 1), hot('b', 1), hot('c', 1)] },
      { node: 'par', role: 'edge', responses: [hot('c', 5), hot('a', 4)] },
      { node: 'nyc', role: 'edge', responses: [hot('a', 3)] },
    ],
    2,
  );
  assert.deepEqual(plan, {
    responses: 2,
    shields: [{ node: 'eu', responses: named('a', 'c') }],
    edges: [
      { node: 'par', responses: named('a', 'c') },
      { node: 'nyc', responses: named('a') },
    ],
  });
});

test('variants are different responses, and a node that held none of the chosen gets no order', () => {
  const plan = planWarm(
    [
      { node: 'par', role: 'edge', responses: [hot('a', 2, 'x\n'), hot('a', 1)] },
      { node: 'nyc', role: 'edge', responses: [hot('a', 0)] },
    ],
    1,
  );
  assert.deepEqual(plan.edges, [{ node: 'par', responses: [{ key: 'a', variant: 'x\n' }] }]);
  assert.deepEqual(planWarm([], 5), { responses: 0, shields: [], edges: [] });
});
