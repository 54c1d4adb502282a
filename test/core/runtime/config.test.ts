import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { formatProblem, parseConfig } from '../../../core/runtime/config.ts';

const schema = z.strictObject({
  name: z.string(),
  count: z.number().int().default(1),
  nodes: z
    .array(z.strictObject({ id: z.string(), port: z.number().max(10).optional() }))
    .default([]),
  shield: z.union([z.string().regex(/^[a-z]+$/, 'expected an id'), z.array(z.string())]).optional(),
});

function problemsOf(text: string, check?: Parameters<typeof parseConfig<typeof schema>>[2]) {
  const parsed = parseConfig(text, schema, check);
  return parsed.ok ? [] : parsed.problems.map(formatProblem);
}

test('a text that fits gives the value with its defaults', () => {
  const parsed = parseConfig('name: a\nnodes: [{ id: b }]', schema);
  assert.deepEqual(parsed, { ok: true, value: { name: 'a', count: 1, nodes: [{ id: 'b' }] } });
});

test('all problems are told at once, in the order of the file, each with its path and line', () => {
  const text = [
    'nodes:',
    '  - id: 5',
    '    port: 11',
    '  - port: 1',
    '    colour: red',
    'count: x',
  ];
  assert.deepEqual(problemsOf(text.join('\n')), [
    'name (line 1): is missing (expected string)',
    'nodes[0].id (line 2): Invalid input: expected string, received number',
    'nodes[0].port (line 3): Too big: expected number to be <=10',
    'nodes[1].id (line 4): is missing (expected string)',
    'nodes[1].colour (line 5): unknown key',
    'count (line 6): Invalid input: expected number, received string',
  ]);
});

test('of a choice of forms the one that was meant tells what is wrong', () => {
  assert.deepEqual(problemsOf('name: a\nshield: EU'), ['shield (line 2): expected an id']);
  assert.deepEqual(problemsOf('name: a\nshield:\n  - eu\n  - 5'), [
    'shield[1] (line 4): Invalid input: expected string, received number',
  ]);
});

test('findings across fields are told at the line of their key, or of the nearest there is', () => {
  const check = () => [
    { path: ['nodes', 0, 'port'], message: 'not given' },
    { path: ['nodes', 0, 'id'], message: 'twice' },
    { path: [], message: 'as a whole' },
  ];
  assert.deepEqual(problemsOf('name: a\nnodes:\n  - { id: b }', check), [
    '(line 1): as a whole',
    'nodes[0].port (line 3): not given',
    'nodes[0].id (line 3): twice',
  ]);
});

test('cross-field checks see only what the schema has accepted', () => {
  const check = () => assert.fail('not to be called');
  assert.equal(problemsOf('name: 5', check).length, 1);
});

for (const [title, text, problem] of [
  ['a key given twice', 'name: a\nname: b', /^\(line 2\): Map keys must be unique/],
  ['a bracket that is not closed', 'name: [a', /^\(line 1\): /],
  ['a tab for indentation', 'nodes:\n\t- id: a', /^\(line 2\): /],
  ['a list where a map belongs', '- a', /^\(line 1\): Invalid input: expected object/],
  ['an empty file', '', /^name \(line 1\): is missing/],
  ['an alias to nothing', 'name: *a', /^\(line 1\): Unresolved alias/],
] as const) {
  test(`${title} is one problem with its line, in one line`, () => {
    const problems = problemsOf(text);
    assert.ok(problems.length >= 1);
    assert.match(problems[0] ?? '', problem);
    assert.doesNotMatch(problems.join(''), /\n/);
  });
}

test('aliases that multiply without end are a problem and not a hang', () => {
  const levels = Array.from({ length: 9 }, (_, n) => {
    const before = Array.from({ length: 9 }, () => `*l${n}`).join(', ');
    return `l${n + 1}: &l${n + 1} [${before}]`;
  });
  const problems = problemsOf(`l0: &l0 [x]\n${levels.join('\n')}`);
  assert.match(problems[0] ?? '', /alias/i);
});
