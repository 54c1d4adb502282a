/**
 * docs/configuration.md against the schema: a key without its row, a row without its key and a default that is not so are
 * found here. And every network that a document shows as an example passes `breakwater check`.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseDurationMs, parseSizeBytes } from '../../core/topology/units.ts';
import { runProgram } from '../../infra/cli/program.ts';
import { createContext } from '../infra/support/cli-context.ts';
import { listFiles } from '../support/tidy/source.ts';
import { codeSpans, fencedBlocks, tableRows } from './markdown.ts';
import { type SchemaKey, schemaKeys } from './schema-keys.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const configurationPage = read('docs/configuration.md');
const documents = listFiles(root, ['.md']).map((file) => ({ file, text: read(file) }));

/** Default by key, of the rows whose first cell names keys and nothing else. */
function documentedKeys(page: string): Map<string, string> {
  const rows = tableRows(page).flatMap(([keys = '', fallback = '', meaning]) => {
    const isKeyRow = meaning !== undefined && /^`[^`]+`(, `[^`]+`)*$/.test(keys);
    return isKeyRow ? codeSpans(keys).map((key): [string, string] => [key, fallback]) : [];
  });
  return new Map(rows);
}

function problemsOf(keys: readonly SchemaKey[], page: string): string[] {
  const documented = documentedKeys(page);
  const known = new Set(keys.map((key) => key.path));
  return [
    ...keys.flatMap((key) => {
      const cell = documented.get(key.path);
      if (cell === undefined) return [`${key.path} has no row`];
      return isDefault(cell, key) ? [] : [`${key.path}: the default is not ${cell}`];
    }),
    ...[...documented.keys()]
      .filter((name) => !known.has(name))
      .map((name) => `${name} is no key of the schema`),
  ];
}

/** Whether the cell says what the schema does; an absent default may be told in any words but "required". */
function isDefault(cell: string, { isRequired, fallback }: SchemaKey): boolean {
  if (isRequired) return cell === 'required';
  if (cell === 'required') return false;
  // The default of a section is the defaults of its keys.
  if (fallback === undefined || typeof fallback === 'object') return true;
  const [written = ''] = codeSpans(cell);
  if (typeof fallback !== 'number') return written === String(fallback);
  const value = parseDurationMs(written) ?? parseSizeBytes(written) ?? Number(written);
  return value === fallback;
}

describe('docs/configuration.md', () => {
  test('has a row for every key of the schema, with its default, and no other', () => {
    assert.deepEqual(problemsOf(schemaKeys(), configurationPage), []);
  });

  test('not so: a key without a row, a row without a key, a default that is another', () => {
    const page = '| `lease` | `9s` | |\n| `wrong` | none | |\n| `sites`, `pops` | `1` | |';
    const keys: SchemaKey[] = [
      { path: 'lease', isRequired: false, fallback: 10_000 },
      { path: 'sites', isRequired: true, fallback: undefined },
      { path: 'pops', isRequired: false, fallback: 1 },
      { path: 'purge', isRequired: true, fallback: undefined },
    ];
    assert.deepEqual(problemsOf(keys, page), [
      'lease: the default is not `9s`',
      'sites: the default is not `1`',
      'purge has no row',
      'wrong is no key of the schema',
    ]);
  });
});

/** What `breakwater check` prints of `text`, and its exit code. */
async function checkFile(text: string): Promise<{ exitCode: number; said: string }> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'breakwater-example-'));
  try {
    const file = path.join(folder, 'breakwater.yaml');
    writeFileSync(file, text);
    const secrets = { BREAKWATER_SECRET: 'a'.repeat(64), PURGE_TOKEN: 'b'.repeat(32) };
    const context = createContext({ cwd: folder, environment: secrets });
    const exitCode = await runProgram(context, ['check', '-c', file]);
    return { exitCode, said: [...context.terminal.out, ...context.terminal.problems].join('\n') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('examples of the configuration', () => {
  const examples = documents.flatMap(({ file, text }) =>
    fencedBlocks(text)
      .filter(({ language, lines }) => language === 'yaml' && lines.some(isNetworkLine))
      .map(({ lines, line }) => ({ at: `${file}:${line}`, text: lines.join('\n') })),
  );

  test('there are some', () => assert.ok(examples.length >= 2, `${examples.length} found`));

  for (const { at, text } of examples) {
    test(`${at} passes \`breakwater check\``, async () => {
      const { exitCode, said } = await checkFile(text);
      assert.equal(exitCode, 0, said);
      assert.doesNotMatch(said, /^warning (?!there is one DNS server)/m);
    });
  }

  test('not so: an example with a key that is not known', async () => {
    const [first] = examples;
    const { exitCode, said } = await checkFile(`${first?.text}\nunknown: 1\n`);
    assert.equal(exitCode, 1);
    assert.match(said, /unknown/);
  });
});

function isNetworkLine(line: string): boolean {
  return /^network: /.test(line);
}
