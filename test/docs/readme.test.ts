/**
 * README's commands, run as they are printed, against the network that `npm start` starts. Each line of its `sh` blocks has
 * a row here with what README says that one sees; a line without a row is a failure, and so is a row without its line.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { findTools } from '../../infra/up/tools-at-hand.ts';
import {
  type DemoNetwork,
  demoPortProblem,
  root,
  runLine,
  shellEnvironment,
  startDemoNetwork,
  waitFor,
} from './demo-network.ts';
import { fencedBlocks } from './markdown.ts';

interface Step {
  line: string;
  /** Each is found in what the command prints. */
  sees: RegExp[];
}

const page = "curl -i http://127.0.0.1:8081/news/1 -H 'Host: www.demo.test'";
const digAs = (network: string) =>
  `dig @127.0.0.1 -p 8053 +subnet=${network} +noall +answer www.demo.test A _why.www.demo.test TXT`;
const breakwater = 'npm run -s breakwater --';
const cachingNodes = ['eu', 'us', 'par', 'nyc', 'tyo'];
const acknowledgedByAll = cachingNodes.map((id) => new RegExp(`^ +${id} .* acknowledged `, 'm'));

/** The demo's PoPs have addresses of their own where a system has more than one loopback address. */
const addressOf = (pop: 'par' | 'tyo') =>
  pop === 'tyo' && process.platform === 'linux' ? /\sA\s+127\.0\.0\.3$/m : /\sA\s+127\.0\.0\.1$/m;

const steps: Step[] = [
  {
    line: page,
    sees: [/^HTTP\/1\.1 200 OK/, /^X-Cache: MISS/m, /^Cache-Status: eu; fwd=\S+; .*, par; fwd=/m],
  },
  {
    line: page,
    sees: [/^X-Cache: HIT/m, /^X-Cache-Pop: par/m, /^Age: \d/m, /^Cache-Status: par; hit; ttl=/m],
  },
  { line: digAs('198.18.3.0/24'), sees: [addressOf('tyo'), /"pop=tyo"/, /"place=Tokyo"/] },
  { line: digAs('198.18.1.0/24'), sees: [addressOf('par'), /"pop=par"/, /"place=Paris"/] },
  {
    line: `${breakwater} get http://www.demo.test/now --from Tokyo`,
    sees: [
      /^ +pop +tyo in Tokyo/m,
      /^ +edge +tyo: MISS/m,
      /^ +shield +us: /m,
      /^ +answer +200 OK/m,
    ],
  },
  {
    line: `${breakwater} explain http://www.demo.test/news/1 --pop par`,
    sees: [
      /^ +a GET +HIT, fresh for \d+ s/m,
      /lifetime 3600 s \(max-age\)/,
      /^ +tags +news article-1$/m,
      /^ +held in +memory /m,
    ],
  },
  {
    line: `${breakwater} purge --url http://www.demo.test/news/1 --wait 10s`,
    sees: [/^converged in \d+ ms: 5 nodes/, ...acknowledgedByAll],
  },
  { line: page, sees: [/^X-Cache: MISS/m, /^x-origin-request: \d/m] },
  {
    line: `${breakwater} purge --tag news --wait 10s`,
    sees: [/^converged in \d+ ms: 5 nodes/, ...acknowledgedByAll],
  },
  {
    line: `${breakwater} status`,
    sees: [
      /^demo: 7 of 7 nodes ready/,
      ...['purge', ...cachingNodes, 'ns1'].map((id) => new RegExp(`^${id} .* ready$`, 'm')),
    ],
  },
  {
    line: `${breakwater} check -c infra/demo/breakwater.yaml`,
    sees: [/ is right: the network "demo", with 2 sites, 3 PoPs, 2 shields, 1 DNS server/],
  },
];

const settleLimitMs = 10_000;
const blocks = fencedBlocks(readFileSync(path.join(root, 'README.md'), 'utf8'));
const printed = blocks.filter(({ language }) => language === 'sh').flatMap(({ lines }) => lines);

/** Whichever of the two is installed takes the same arguments. */
function withDnsTool(line: string): string {
  const tool = findTools(shellEnvironment(), '', root).dns;
  return tool === 'kdig' ? line.replace(/^dig /, 'kdig ') : line;
}

describe('README', () => {
  let network: DemoNetwork | undefined;
  before(async () => {
    network = await startDemoNetwork();
    // An earlier start may have left pages in the disk tier.
    const { code, stderr } = await runLine(`${breakwater} purge --all --wait 10s`);
    assert.equal(code, 0, stderr);
    // What purge-api shows of itself follows its own readiness by up to a third of a lease.
    const countReady = async () => (await runLine(`${breakwater} status`)).stdout.slice(0, 24);
    await waitFor(countReady, ['demo: 7 of 7 nodes ready'], settleLimitMs);
  });
  after(async () => {
    await network?.interrupt();
  });

  test('every line of its sh blocks has a row in this test', () => {
    const rows = steps.map(({ line }) => line);
    assert.deepEqual(printed, rows);
  });

  test('shows the table of nodes that npm start prints', () => {
    const table = blocks.flatMap(({ lines }) => lines).filter((line) => / {2,}ready$/.test(line));
    assert.ok(table.length >= 8, `README shows ${table.length} nodes`);
    for (const row of table) assert.ok(network?.output().includes(row), `${row} is not printed`);
  });

  test('has every line to try that npm start prints', () => {
    const said = network?.output().split('\n') ?? [];
    const lines = said.flatMap((line) => /^ {2}((?:curl|k?dig|npm) .*)$/.exec(line)?.[1] ?? []);
    assert.ok(lines.length >= 6, `npm start prints ${lines.length} lines`);
    for (const line of lines) assert.ok(printed.map(withDnsTool).includes(line), line);
  });

  for (const [index, { line, sees }] of steps.entries()) {
    test(`line ${index + 1}: ${line}`, async () => {
      const { code, stdout, stderr } = await runLine(withDnsTool(line));
      assert.equal(code, 0, stderr);
      for (const expected of sees) assert.match(stdout, expected);
    });
  }

  test('Ctrl-C stops all of it', async () => {
    await network?.interrupt();
    assert.match(network?.output() ?? '', /^stopped in /m);
    assert.equal(await demoPortProblem(), undefined);
  });
});
