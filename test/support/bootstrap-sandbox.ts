/**
 * A checkout in a temp folder that holds nothing but a copy of the bootstrap, a lock file and a fake npm, so that the
 * tests see every file that the bootstrap touches and no byte leaves the machine.
 *
 * The fake npm installs what the lock file of its folder lists, as empty packages; a `node-…` package gets a binary that
 * is the Node of the test. It writes one line per call to `npm-calls`, and can be told to fail, or to dawdle until a
 * file appears.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));

const FAKE_NPM = `
const fs = require('node:fs');
const path = require('node:path');
const { root, real } = JSON.parse(fs.readFileSync(path.join(__dirname, 'sandbox.json')));
const lock = JSON.parse(fs.readFileSync('package-lock.json'));
const names = Object.keys(lock.packages).filter(Boolean).map((name) => name.replace('node_modules/', ''));
const call = { names, args: process.argv.slice(2), execPath: process.execPath, cwd: path.relative(root, process.cwd()) };
fs.appendFileSync(path.join(root, 'npm-calls'), JSON.stringify(call) + '\\n');
if (fs.existsSync(path.join(root, 'npm-fails'))) {
  console.error('npm error code ENOTFOUND\\nnpm error network request failed\\nnpm error and much more');
  process.exit(1);
}
function install() {
  if (fs.existsSync(path.join(root, 'npm-waits'))) return setTimeout(install, 20);
  for (const name of names) {
    const folder = path.join('node_modules', name);
    fs.mkdirSync(path.join(folder, 'bin'), { recursive: true });
    fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify(lock.packages['node_modules/' + name]));
    if (name.startsWith('node-')) fs.symlinkSync(real, path.join(folder, 'bin/node'));
  }
  delete lock.packages[''];
  fs.writeFileSync('node_modules/.package-lock.json', JSON.stringify(lock));
}
fs.mkdirSync('node_modules');
install();
`;

/** Runs the bootstrap as if on another machine: `process.versions` and the like cannot be told otherwise. */
const DRIVER = `
import { bootstrap } from './infra/bootstrap/bootstrap.js';
import { thisMachine } from './infra/bootstrap/facts.js';
const { libc, ...machine } = JSON.parse(process.env.SANDBOX_MACHINE);
await bootstrap({ ...thisMachine(), ...machine, libc: () => libc });
`;

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Run {
  child: ChildProcess;
  /** Waits until stdout holds the text, and gives all that it holds. */
  said(text: string): Promise<string>;
  /** The same for stderr. */
  warned(text: string): Promise<string>;
  finished: Promise<Finished>;
}

export interface NpmCall {
  names: string[];
  args: string[];
  execPath: string;
  cwd: string;
}

export type MachineLike = { nodeVersion?: string; platform?: string; arch?: string; libc?: string };

export const OLD_LINUX: MachineLike = {
  nodeVersion: '20.20.2',
  platform: 'linux',
  arch: 'x64',
  libc: 'glibc',
};

export interface Sandbox {
  root: string;
  path(...names: string[]): string;
  write(name: string, text: string): void;
  remove(name: string): void;
  exists(name: string): boolean;
  /** Names in `.runtime`, sorted. */
  runtimeFolder(): string[];
  npmCalls(): NpmCall[];
  /** A lock file that asks for these packages. */
  lock(packages: Record<string, string>): void;
  /** Starts `script` through the bootstrap, and that through so many shells, one within the other. */
  start(machine?: MachineLike, options?: { script?: string; shells?: number; env?: object }): Run;
  [Symbol.dispose](): void;
}

/** The scripts that the bootstrap is asked to run. */
const SCRIPTS = {
  'hello.js': `console.log('hello', process.argv.slice(2).join(' '), process.execPath);`,
  'exit-7.js': 'process.exit(7);',
  'kill-self.js': `process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000);`,
  'signals.js': `
    for (const name of ['SIGINT', 'SIGHUP']) process.on(name, () => console.log('got', name));
    process.on('SIGTERM', () => { console.log('got SIGTERM'); process.exit(5); });
    setInterval(() => {}, 1000);
    console.log('ready', process.pid);`,
  'drains.js': `
    import { writeFileSync } from 'node:fs';
    process.on('disconnect', () => { writeFileSync('drained', ''); process.exit(0); });
    console.log('ready', process.pid);`,
};

export function createSandbox(): Sandbox {
  const root = mkdtempSync(join(tmpdir(), 'breakwater-bootstrap-'));
  const children: ChildProcess[] = [];
  const path = (...names: string[]) => join(root, ...names);
  const write = (name: string, text: string) => writeFileSync(path(name), text);

  cpSync(join(REPOSITORY, 'infra/bootstrap'), path('infra/bootstrap'), { recursive: true });
  write('package.json', JSON.stringify({ name: 'sandbox', type: 'module' }));
  write('driver.js', DRIVER);
  for (const [name, text] of Object.entries(SCRIPTS)) write(name, text);
  mkdirSync(path('npm'));
  write('npm/package.json', JSON.stringify({ type: 'commonjs' }));
  write('npm/npm-cli.js', FAKE_NPM);
  write('npm/sandbox.json', JSON.stringify({ root, real: process.execPath }));

  const lock = (packages: Record<string, string>) => {
    const entries = Object.entries(packages).map(([name, version]) => {
      return [`node_modules/${name}`, { version, integrity: `sha512-${name}` }];
    });
    const listed = { '': { name: 'sandbox' }, ...Object.fromEntries(entries) };
    write('package-lock.json', JSON.stringify({ lockfileVersion: 3, packages: listed }));
  };
  lock({ wave: '1.0.0' });

  return {
    root,
    path,
    write,
    lock,
    remove: (name) => rmSync(path(name), { recursive: true }),
    exists: (name) => existsSync(path(name)),
    runtimeFolder: () => (existsSync(path('.runtime')) ? readdirSync(path('.runtime')).sort() : []),
    npmCalls: () => {
      if (!existsSync(path('npm-calls'))) return [];
      const lines = readFileSync(path('npm-calls'), 'utf8').trim().split('\n');
      return lines.map((line): NpmCall => JSON.parse(line));
    },
    start: (machine = OLD_LINUX, { script = 'hello.js', shells = 0, env = {} } = {}) => {
      const args = ['driver.js', script, 'a', 'b'];
      const npm = { npm_execpath: path('npm', 'npm-cli.js') };
      const options = {
        cwd: root,
        env: { PATH: process.env.PATH, SANDBOX_MACHINE: JSON.stringify(machine), ...npm, ...env },
      };
      const [command = '', ...rest] = withinShells(shells, [process.execPath, ...args]);
      const child = spawn(command, rest, options);
      children.push(child);
      return watchRun(child);
    },
    [Symbol.dispose]: () => {
      for (const child of children) child.kill('SIGKILL');
      rmSync(root, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** `; true` keeps a shell from handing its own process over to the command, as Debian's never does. */
function withinShells(count: number, command: string[]): string[] {
  if (count === 0) return command;
  return withinShells(count - 1, ['sh', '-c', '"$@"; true', 'sh', ...command]);
}

function watchRun(child: ChildProcess): Run {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const finished = once(child, 'close').then(([code]) => ({ code, stdout, stderr }));
  const ended = () => child.exitCode !== null || child.signalCode !== null;
  const holds = async (read: () => string, text: string) => {
    while (!read().includes(text)) {
      if (ended()) throw new Error(`ended before it said "${text}": ${stdout}${stderr}`);
      await sleep(10);
    }
    return read();
  };
  return {
    child,
    finished,
    said: (text) => holds(() => stdout, text),
    warned: (text) => holds(() => stderr, text),
  };
}
