/**
 * The rules of the house that neither the compiler nor the linter checks. Each is a function in support/tidy/ over the
 * files; here it runs over the repository, and over a small bad example first, since a rule that cannot fail is none.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Exceptions, findBannedCalls } from './support/tidy/banned-calls.ts';
import { findDeadFiles } from './support/tidy/dead-files.ts';
import { findPackagesPastDoors, findWrongDirections, importsOf } from './support/tidy/imports.ts';
import { findLongFunctions, functionsOf } from './support/tidy/long-functions.ts';
import { findDeadPaths } from './support/tidy/markdown-paths.ts';
import { findMetricProblems } from './support/tidy/metric-names.ts';
import { listFiles, parseSource, readSource } from './support/tidy/source.ts';

/** Functions that may be longer than the limits: `file name` → why. */
const LONG_FUNCTIONS: Record<string, string> = {};

/** Banned calls that are right where they are: file → ban → why. */
const CALLS: Exceptions = {
  'purge-api/group-commit.ts': { setImmediate: 'the end of a turn of the event loop, not a time' },
};

const root = fileURLToPath(new URL('..', import.meta.url));
const parts = ['core/', 'edge/', 'origin-shield/', 'geo-dns/', 'purge-api/', 'infra/'];
/** JavaScript elsewhere is what a browser gets. */
const scripts = 'infra/bootstrap/';
const shipped = [
  ...listFiles(root, ['.ts']),
  ...listFiles(root, ['.js']).filter((file) => file.startsWith(scripts)),
]
  .filter((file) => parts.some((part) => file.startsWith(part)))
  .map((file) => readSource(root, file));
const typed = shipped.filter(({ file }) => file.endsWith('.ts'));
const manifest = readFileSync(path.join(root, 'package.json'), 'utf8');

function assertNone(problems: string[]): void {
  // Not assert.equal, which would print the list three times.
  if (problems.length > 0) assert.fail(`\n${problems.join('\n')}\n`);
}

/** Each pattern fits a problem, and each problem one of the patterns. */
function assertFound(problems: string[], patterns: RegExp[]): void {
  for (const pattern of patterns) {
    const isFound = problems.some((problem) => pattern.test(problem));
    assert.ok(isFound, `${pattern} is not in\n${problems.join('\n')}`);
  }
  const others = problems.filter((problem) => !patterns.some((pattern) => pattern.test(problem)));
  assertNone(others);
}

describe('imports go in one direction', () => {
  test('in the repository', () => assertNone(findWrongDirections(shipped)));

  const wrong: [string, string][] = [
    ['core/http/date.ts', `import { a } from '../runtime/log.ts';`],
    ['core/upstream/dial.ts', `import type { Entry } from '../cache/entry.ts';`],
    ['core/cache/key.ts', `export { wire } from '../cache-node.ts';`],
    ['core/purge/command.ts', `import '../../edge/main.ts';`],
    ['edge/main.ts', `const m = await import('../origin-shield/rim.ts');`],
    ['geo-dns/answer.ts', `import {\n  decide,\n} from '../core/cache/decide.ts';`],
    ['geo-dns/answer.ts', `import { wire } from '../core/cache-node/wire.ts';`],
    ['purge-api/main.ts', `new Worker(new URL('../infra/up/worker.ts', import.meta.url));`],
    ['infra/up/up.ts', `import { sandbox } from '../../test/support/sandbox.ts';`],
    ['infra/bootstrap/main.js', `import { log } from '../../core/runtime/log.ts';`],
    ['core/utils.ts', ''],
  ];
  for (const [file, text] of wrong) {
    test(`not so: ${file} with ${text.replace(/\s+/g, ' ') || 'no area'}`, () => {
      assertFound(findWrongDirections([parseSource(file, text)]), [/may not import|no area/]);
    });
  }

  test('what is allowed, and what only looks like an import, is no problem', () => {
    const text = `
      import { a } from './balance/round-robin.ts';
      import { b } from '../http/date.ts';
      // import { c } from '../cache/entry.ts';
      const text = "import { d } from '../cache/entry.ts'";`;
    assertNone(findWrongDirections([parseSource('core/upstream/dial.ts', text)]));
  });
});

describe('an external package has one door', () => {
  test('in the repository', () => assertNone(findPackagesPastDoors(typed)));

  const wrong: [string, string][] = [
    ['core/cache/disk-tier.ts', `import Database from 'better-sqlite3';`],
    ['edge/main.ts', `import type { Logger } from 'pino';`],
    ['core/http/headers.ts', `import { Hono } from 'hono/tiny';`],
    ['core/cache/key.ts', `import { serve } from '@hono/node-server/serve-static';`],
    ['geo-dns/wire/message.ts', `import packet from 'dns-packet';`],
    ['core/upstream/dial.ts', `const fs = await import('left-pad');`],
  ];
  for (const [file, text] of wrong) {
    test(`not so: ${file} with ${text}`, () => {
      assertFound(findPackagesPastDoors([parseSource(file, text)]), [/door|comes in only through/]);
    });
  }

  test('its door is open', () => {
    const text = `import Database from 'better-sqlite3'; import { join } from 'node:path';`;
    assertNone(findPackagesPastDoors([parseSource('core/runtime/sqlite.ts', text)]));
  });
});

describe('time, chance, timers and the console are passed in', () => {
  test('in the repository', () => assertNone(findBannedCalls(typed, CALLS)));

  const wrong: [string, RegExp][] = [
    ['const now = Date.now();', /clock\.nowMs\(\)/],
    ['const now = new Date();', /clock\.nowMs\(\)/],
    ['const now = [performance.now()];', /clock\.monotonicMs\(\)/],
    ['const x = Math.random() * 2;', /random\.unit\(\)/],
    ['setTimeout(run, 10);', /clock\.after/],
    ['const timer = { at: setInterval(run, 10) };', /clock\.after/],
    ['setImmediate(run);', /clock\.after\(0/],
    ['console.log(`now`);', /→ log/],
    ['const home = process.env.HOME;', /main\.ts/],
    ['process.exit(1);', /main\.ts/],
    [`const text = \`\${Date.now()}\`;`, /clock\.nowMs\(\)/],
    ['const page = await fetch(url);', /upstream/],
    ['const page = isWarm ? fetch(url) : undefined;', /upstream/],
    ["import { setTimeout as sleep } from 'node:timers/promises';", /core\/runtime\/deps|clock/],
  ];
  for (const [text, instead] of wrong) {
    test(`not so: ${text}`, () => {
      assertFound(findBannedCalls([parseSource('core/cache/decide.ts', text)]), [instead]);
    });
  }

  test('what only has the name is no problem', () => {
    const text = `
      // Date.now() would be wrong here.
      const date = new Date(clock.nowMs()); const text = 'setTimeout(1)'; socket.setTimeout(5);
      interface Upstream { fetch(request: Request): Promise<Response>; setTimeout: number }
      const upstream = { async fetch(request) { return inner.fetch(request); } };
      const slash = /Math.random/.test(text) ? a / b / Date.parse(c) : process.memoryUsage();`;
    assertNone(findBannedCalls([parseSource('core/cache/decide.ts', text)]));
  });

  test('core/runtime has the real ones; entries and the command line speak to their process', () => {
    const allowed: [string, string][] = [
      ['core/runtime/deps.ts', 'Date.now(); setTimeout(run);'],
      ['edge/main.ts', 'process.exit(1);'],
      ['infra/cli/terminal.ts', 'process.stdout.write(process.env.NO_COLOR);'],
    ];
    assertNone(allowed.flatMap(([file, text]) => findBannedCalls([parseSource(file, text)])));
    const clock = parseSource('infra/cli/terminal.ts', 'Date.now()');
    assertFound(findBannedCalls([clock]), [/clock/]);
  });

  test('an exception covers its call, and is a problem when there is none', () => {
    const exceptions = { 'edge/edge.ts': { setImmediate: 'a reason' } };
    const check = (text: string) =>
      findBannedCalls([parseSource('edge/edge.ts', text)], exceptions);
    assertNone(check('setImmediate(run);'));
    assertFound(check('run();'), [/no more/]);
  });
});

describe('no file is dead', () => {
  test('in the repository', () => assertNone(findDeadFiles(shipped, manifest)));

  test('not so: a file that only another dead file, or a comment, leads to', () => {
    const files = {
      'edge/main.ts': `import './edge.ts'; // import './old.ts'`,
      'edge/edge.ts': `new Worker(new URL('./worker.ts', import.meta.url)); await import('./late.ts');`,
      'edge/worker.ts': `export * from './used.ts';`,
      'edge/late.ts': '',
      'edge/used.ts': '',
      'infra/cli/start.ts': '',
      'edge/old.ts': `import './older.ts';`,
      'edge/older.ts': '',
    };
    const sources = Object.entries(files).map(([file, text]) => parseSource(file, text));
    const found = findDeadFiles(sources, '{ "bin": "infra/cli/start.ts" }');
    assertFound(found, [/^edge\/old\.ts:/, /^edge\/older\.ts:/]);
  });
});

describe('functions are short', () => {
  test('in the repository', () => assertNone(findLongFunctions(typed, LONG_FUNCTIONS)));

  const body = (lines: number, indent = '  ') => `${indent}step();\n`.repeat(lines);

  test('not so: 71 lines, whether function, method, arrow or with a head of several lines', () => {
    const heads = [
      'export function long(a: string): void {',
      'const long = async (a: string) => {',
      'async function* long(a: string): AsyncGenerator<{ a: string }> {',
      'export function long(\n  deps: Deps,\n): Store {',
      'export function long({\n  clock,\n}: Deps): Store {',
      'describe(long, () => {',
    ];
    for (const head of heads) {
      const lines = head.split('\n').length;
      const at = (own: number) => parseSource('edge/a.ts', `${head}\n${body(own - lines - 1)}}\n`);
      assertNone(findLongFunctions([at(70)], {}));
      assertFound(findLongFunctions([at(71)], {}), [/has 71 lines of its own/]);
    }
  });

  test('functions within a function count for themselves, up to 250 lines in all', () => {
    const factory = (inner: number) => {
      const method = `  step() {\n${body(58, '    ')}  },\n`.repeat(inner);
      return parseSource('edge/a.ts', `function createA() {\n  return {\n${method}  };\n}\n`);
    };
    assert.equal(functionsOf(factory(3)).length, 4);
    assertNone(findLongFunctions([factory(4)], {}));
    assertFound(findLongFunctions([factory(5)], {}), [
      /createA has 4 lines of its own, 304 in all/,
    ]);
  });

  test('a listed function is let through, and its entry is a problem once it is short', () => {
    const list = { 'edge/a.ts long': 'a table' };
    const check = (lines: number) =>
      findLongFunctions([parseSource('edge/a.ts', `function long() {\n${body(lines)}}\n`)], list);
    assertNone(check(100));
    assertFound(check(10), [/not long any more/]);
  });
});

describe('metrics have names that say what they are', () => {
  const operations = path.join(root, 'docs/operations.md');

  test('in the repository', () => {
    const text = existsSync(operations) ? readFileSync(operations, 'utf8') : undefined;
    assertNone(findMetricProblems(typed, text));
  });

  const check = (text: string, documents?: string) =>
    findMetricProblems([parseSource('edge/a.ts', text)], documents);

  test('not so: no service, no unit, milliseconds, or put together from parts', () => {
    const names = [
      'requests_total',
      'wind_requests_total',
      'cache_size',
      'cache_wait_ms',
      'disk_kilobytes',
    ];
    for (const name of names) assertFound(check(`'breakwater_${name}'`), [/is not breakwater_</]);
    assertFound(check('`breakwater_cache_$' + '{x}_total`'), [/put together/]);
    assertNone(check(`['breakwater_cache_requests_total', 'breakwater_dns_answer_seconds']`));
  });

  test('not so: a metric without its row in the documents, or a row without its metric', () => {
    const name = 'breakwater_cache_requests_total';
    assertFound(check(`'${name}'`, 'Metrics'), [/is not in docs/]);
    assertFound(check('', `| ${name} |`), [/there is no metric/]);
    assertNone(check(`'${name}'`, `| ${name} |`));
  });
});

describe('paths in documents exist', () => {
  const documents = listFiles(root, ['.md']).map((file) => {
    return { file, text: readFileSync(path.join(root, file), 'utf8') };
  });

  test('in the repository', () => {
    assertNone(findDeadPaths(documents, (file) => existsSync(path.join(root, file))));
  });

  test('not so: a link or a code span that leads nowhere', () => {
    const there = new Set(['docs/adr/0001-core.md', 'docs/adr/', 'core/http/date.ts', 'README.md']);
    const check = (text: string) =>
      findDeadPaths([{ file: 'docs/guide.md', text }], (file) => there.has(file));
    assertFound(check('a\n[b](adr/0002.md) and `core/http/dates.ts`'), [
      /^docs\/guide\.md:2: link/,
      /dates/,
    ]);
    assertNone(check('[a](adr/0001-core.md#why) [b](../README.md) [c](https://x.test/y) [d](#e)'));
    assertNone(check('`docs/adr/`, `core/http/date` and `core/*.ts`\n```sh\ncat `core/none`\n```'));
  });
});

describe('the scanner that all of this rests on', () => {
  test('tells code from comments, strings, templates and regular expressions', () => {
    const text = [
      `a('x // y'); // b("z")`,
      `\`c \${d({ e: \`f \${g}\` })} h\`; /* i */ j = k / l / m;`,
      `n = /[/'"]o/g; p("it's");`,
    ].join('\n');
    const { code } = parseSource('edge/a.ts', text);
    assert.equal(code.length, text.length);
    assert.deepEqual(code.match(/\w+/g)?.join(''), 'adegjklmngp');
  });

  test('finds imports in all their forms', () => {
    const text = `import a, { type B } from './a.ts';\nexport * as c from 'c/d';\nimport 'node:fs';`;
    const found = importsOf(parseSource('edge/x.ts', text));
    assert.deepEqual(
      found.map(({ specifier, target, line }) => [specifier, target, line]),
      [
        ['./a.ts', 'edge/a.ts', 1],
        ['c/d', undefined, 2],
        ['node:fs', undefined, 3],
      ],
    );
  });
});
