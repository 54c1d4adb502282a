import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRetryBudget } from '../../../core/upstream/retry-budget.ts';

function taken(budget: ReturnType<typeof createRetryBudget>, tries: number): number {
  return Array.from({ length: tries }, () => budget.take()).filter(Boolean).length;
}

test('begins with a small reserve', () => {
  assert.equal(taken(createRetryBudget({ share: 0.1, reserve: 10 }), 100), 10);
});

test('when everything fails, retries are a tenth of the requests beyond the reserve', () => {
  const budget = createRetryBudget({ share: 0.1, reserve: 10 });
  let retries = 0;
  for (let i = 0; i < 1000; i++) {
    budget.deposit();
    if (budget.take()) retries += 1;
  }
  assert.ok(retries >= 108 && retries <= 110, `${retries}`);
});

test('quiet times save up no more than the reserve', () => {
  const budget = createRetryBudget({ share: 0.1, reserve: 10 });
  for (let i = 0; i < 10_000; i++) budget.deposit();
  assert.equal(taken(budget, 100), 10);
});

test('ten requests earn exactly one retry', () => {
  const budget = createRetryBudget({ share: 0.1, reserve: 1 });
  assert.equal(budget.take(), true);
  for (let i = 0; i < 9; i++) budget.deposit();
  assert.equal(budget.take(), false);
  budget.deposit();
  assert.equal(budget.take(), true);
});
