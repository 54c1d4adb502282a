import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isWhole, reloadLines, reloadResult } from '../../../infra/cli/reload-result.ts';

const mixed = reloadResult.parse({
  nodes: [
    { node: 'par', ok: true, applied: ['sites'], refused: ['pops[0].listen'] },
    { node: 'purge', ok: true, applied: [], refused: [] },
    { node: 'eu', ok: false, problem: 'sites (line 3): is missing' },
  ],
});

test('each node says what it took, what it refused, or why it did nothing', () => {
  assert.deepEqual(reloadLines(mixed), [
    'par    applied sites; refused pops[0].listen',
    'purge  nothing has changed',
    'eu     not reloaded: sites (line 3): is missing',
    'What was refused takes effect when the node is restarted.',
  ]);
});

test('it is whole only when no node refused anything and all of them answered', () => {
  const only = (index: number) => isWhole({ nodes: mixed.nodes.slice(index, index + 1) });
  assert.deepEqual([only(0), only(1), only(2)], [false, true, false]);
});
