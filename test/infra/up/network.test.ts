/** A whole network of real nodes, started and used as a person would. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { UpEvent } from '../../../infra/up/events.ts';
import {
  breakwater,
  cliFile,
  isAlive,
  type Running,
  startProcess,
} from '../support/run-process.ts';
import { smallNetworkFolder } from '../support/small-network.ts';

type Ready = Extract<UpEvent, { event: 'ready' }>;

const environment = {
  // The lines must be the same under npm and without it, and must find the Node that runs this test.
  npm_package_name: '',
  PATH: `${path.dirname(process.execPath)}${path.delimiter}${process.env.PATH}`,
};
let folder = '';
let originAddress = '';
let up: Running;
let ready: Ready;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function start(): Promise<void> {
  const args = ['up', '--json', '--demo-origin', originAddress];
  up = startProcess(cliFile, args, { cwd: folder, environment });
  ready = JSON.parse(await up.line((line) => line.includes('"event":"ready"'))) as Ready;
}

function shell(command: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn('sh', ['-c', command], {
      cwd: folder,
      env: { ...process.env, ...environment },
    });
    let output = '';
    child.stdout.on('data', (part) => {
      output += part;
    });
    child.once('close', (code) => resolve({ code, output }));
  });
}

const run = (...args: string[]) => breakwater(args, { cwd: folder });
const xCacheOf = (output: string) => /x-cache: (\w+)/i.exec(output)?.[1];

before(async () => {
  originAddress = `127.0.0.1:${await freePort()}`;
  const origin = { url: `http://${originAddress}` };
  ({ folder } = smallNetworkFolder({ sites: [{ hosts: ['www.small.test'], origins: [origin] }] }));
  await start();
});

after(async () => {
  up.child.kill('SIGTERM');
  await up.finished;
});

test('every line to try works as printed', async () => {
  for (const { command } of ready.try) {
    const { code, output } = await shell(command);
    assert.equal(code, 0, command);
    assert.notEqual(output, '', command);
  }
});

test('a page is a MISS and then a HIT, and after a purge by URL and by tag a MISS again', async () => {
  const get = async () =>
    xCacheOf((await run('get', 'http://www.small.test/news/2', '--from', 'Tokyo')).stdout);
  const purge = (...selector: string[]) => run('purge', ...selector, '--wait', '10s');
  const cold = [await get(), await get()];
  const byUrl = await purge('--url', 'http://www.small.test/news/2');
  const afterUrl = [await get(), await get()];
  const byTag = await purge('--tag', 'news');
  const afterTag = await get();
  assert.deepEqual([cold, afterUrl, afterTag], [['MISS', 'HIT'], ['MISS', 'HIT'], 'MISS']);
  for (const { code, stdout } of [byUrl, byTag]) {
    assert.equal(code, 0);
    assert.match(stdout, /^converged in \d+ ms: 3 nodes\n/);
  }
});

test('get tells the place, the PoP and why, the tiers, the times; an unknown place names those that there are', async () => {
  const { stdout } = await run('get', 'http://www.small.test/greeting', '--from', 'tokyo');
  const unknown = await run('get', 'http://www.small.test/', '--from', 'Atlantis');
  assert.match(stdout, /client +198\.18\.3\.0\/24 · Tokyo/);
  assert.match(stdout, /pop +par in Paris · the nearest · \d+ km away/);
  assert.match(stdout, /edge +par: MISS[\s\S]*shield +eu: MISS[\s\S]*origin +answered/);
  assert.match(stdout, /time +dns .* connect .* first byte .* total/);
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /one of: Tokyo, São Paulo/);
});

test('what-if and map are of the PoPs as the running DNS server sees them', async () => {
  const args = ['explain-dns', 'www.small.test', '--from', 'Tokyo', '--without', 'par', '--json'];
  const { whatIf, candidates } = JSON.parse((await run(...args)).stdout);
  assert.deepEqual([candidates[0].pop, candidates[0].standing], ['par', 'in']);
  assert.deepEqual([whatIf.reason, whatIf.candidates[0].standing], ['fail-open', 'unhealthy']);
  const map = JSON.parse((await run('catchments', 'www.small.test', '--json')).stdout);
  assert.equal(map.source, 'as ns1 sees the PoPs');
  assert.deepEqual(map.pops, [{ pop: 'par', standing: 'in', share: 1 }]);
});

test('get --body prints the body and nothing else', async () => {
  const { stdout } = await run(
    'get',
    'http://www.small.test/api/balance',
    '--from',
    'Tokyo',
    '--body',
  );
  assert.equal(JSON.parse(stdout).balance, 12.5);
});

test('a host that no DNS server answers for is refused with the zones', async () => {
  const { code, stderr } = await run('get', 'http://elsewhere.test/', '--from', 'Tokyo');
  assert.equal(code, 1);
  assert.match(stderr, /answers for elsewhere\.test; the zones are: small\.test/);
});

test('status --json includes what was bound', async () => {
  const { stdout } = await run('status', '--json');
  const { nodes } = JSON.parse(stdout) as {
    nodes: { id: string; listen: string; ready: boolean }[];
  };
  const bound = Object.fromEntries(ready.nodes.map((node) => [node.id, node.listen]));
  assert.equal(nodes.length, 5);
  for (const node of nodes) {
    assert.equal(node.ready, true, node.id);
    assert.equal(node.listen, bound[node.id]);
  }
});

test('a token may purge its own hosts only, and a wrong one nothing: exit code 1 in words', async () => {
  const wrong = await run('purge', '--all', '--token', 'guess');
  const limited = await run('reload', '--token', 'limited-secret');
  assert.deepEqual([wrong.code, limited.code], [1, 1]);
  assert.match(wrong.stderr, /A purge token is needed/);
  assert.match(limited.stderr, /The token is limited/);
});

test('reload says for each node what has changed', async () => {
  const { code, stdout } = await run('reload');
  assert.equal(code, 0);
  for (const id of ['purge', 'eu', 'us', 'par', 'ns1']) {
    assert.match(stdout, new RegExp(`^${id} +nothing has changed$`, 'm'));
  }
});

test('a second start keeps the disk tier, and Ctrl-C leaves no process', async () => {
  const get = async () =>
    xCacheOf((await run('get', 'http://www.small.test/now', '--from', 'Tokyo')).stdout);
  await get();
  const pids = ready.nodes.map((node) => node.pid ?? 0);
  up.child.kill('SIGINT');
  const { code } = await up.finished;
  const left = pids.filter(isAlive);
  await start();
  assert.equal(code, 0);
  assert.deepEqual(left, []);
  assert.equal(await get(), 'HIT');
});
