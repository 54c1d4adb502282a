/**
 * What a hit costs: CPU of the server for each request, ours beside nginx's and Varnish's, in alternating rounds of one run. Only
 * the ratios mean anything on a shared machine.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { cpuMicroseconds } from './cpu.ts';
import { type Peer, startPeers } from './peers.ts';

const host = 'www.bench.test';
const sizes = { '1k': 1024, '64k': 64 * 1024 };
const rounds = 3;
const seconds = 3;
const connections = 32;

if (spawnSync('sh', ['-c', 'command -v wrk && command -v taskset']).status !== 0) {
  process.stdout.write('needs wrk and taskset (Debian: wrk, util-linux)\n');
} else await run();

async function run(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'breakwater-bench-'));
  const origin = createServer((req, res) => {
    const size = sizes[(req.url ?? '').slice(1) as keyof typeof sizes] ?? 0;
    res.writeHead(200, {
      'Cache-Control': 'max-age=3600',
      'Content-Type': 'text/plain',
      ETag: '"1"',
    });
    res.end(Buffer.alloc(size, 'x'));
  });
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
  const address = origin.address();
  const originPort = typeof address === 'object' && address ? address.port : 0;
  const peers = await startPeers({ folder, originPort, host, core: 1 });
  try {
    for (const size of Object.keys(sizes)) report(size, await measure(peers, size));
  } finally {
    for (const peer of peers) peer.stop();
    origin.close();
    origin.closeAllConnections();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Figure {
  microseconds: number;
  requestsPerSecond: number;
}

/** The best round of each peer: what disturbs a round can only make it dearer. */
async function measure(peers: Peer[], size: string): Promise<Map<string, Figure>> {
  const best = new Map<string, Figure>();
  for (const peer of peers) await load(peer, size, 1);
  for (let round = 0; round < rounds; round += 1) {
    for (const peer of peers) {
      const ids = peer.processIds();
      const before = cpuMicroseconds(ids);
      const requests = await load(peer, size, seconds);
      const microseconds = (cpuMicroseconds(ids) - before) / requests;
      const known = best.get(peer.name);
      if (!known || microseconds < known.microseconds) {
        best.set(peer.name, { microseconds, requestsPerSecond: requests / seconds });
      }
    }
  }
  return best;
}

/** Loads a peer from the other core; returns how many requests were answered. */
async function load({ name, port }: Peer, size: string, durationSeconds: number): Promise<number> {
  const wrk = ['wrk', '-t1', `-c${connections}`, `-d${durationSeconds}s`, '-H', `Host: ${host}`];
  const url = `http://127.0.0.1:${port}/${size}`;
  const { stdout } = await promisify(execFile)('taskset', ['-c', '0', ...wrk, url]);
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`${name} answered errors:\n${stdout}`);
  return Number(/(\d+) requests in/.exec(stdout)?.[1] ?? Number.NaN);
}

function report(size: string, figures: Map<string, Figure>): void {
  const ours = figures.get('breakwater');
  process.stdout.write(`  a hit of ${size}, one worker, one core\n`);
  for (const [name, figure] of figures) {
    const ratio = ours ? (ours.microseconds / figure.microseconds).toFixed(2) : '–';
    const cost = figure.microseconds.toFixed(1).padStart(7);
    const rate = Math.round(figure.requestsPerSecond).toString().padStart(7);
    const versus = name === 'breakwater' ? '' : `   breakwater costs ${ratio} ×`;
    process.stdout.write(`    ${name.padEnd(11)}${cost} µs CPU ${rate} req/s${versus}\n`);
  }
}
