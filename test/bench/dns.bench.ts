/**
 * What an answer costs that is steered by GeoIP over the client's subnet: CPU of the server for each query, split into user and
 * system time, and queries a second on one core; ours beside gdnsd's, Knot's and PowerDNS's, in alternating rounds of one
 * run. Then whether anything is lost at 80 % of each one's own rate.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { cpuTimes } from './cpu.ts';
import { clientNetworks, type DnsPeer, ecsOption, hostName, startDnsPeers } from './dns-peers.ts';

const rounds = 3;
const seconds = 3;
/** Load generators at a time, each with a client subnet of its own. */
const generators = 2;

if (spawnSync('sh', ['-c', 'command -v dnsperf && command -v taskset']).status !== 0) {
  process.stdout.write('needs dnsperf and taskset (Debian: dnsperf, util-linux)\n');
} else await run();

interface Figure {
  userMicroseconds: number;
  systemMicroseconds: number;
  queriesPerSecond: number;
}

async function run(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'breakwater-bench-'));
  const questions = path.join(folder, 'questions');
  writeFileSync(questions, `${hostName} A\n`);
  const peers = startDnsPeers(folder, 1);
  try {
    await Promise.all(peers.map((peer) => answers(peer, questions)));
    const figures = await measure(peers, questions);
    report(figures);
    for (const peer of peers) await lossAt80(peer, questions, figures);
  } finally {
    for (const peer of peers) peer.stop();
    await sleep(1000);
    rmSync(folder, { recursive: true, force: true });
  }
}

function total({ userMicroseconds, systemMicroseconds }: Figure): number {
  return userMicroseconds + systemMicroseconds;
}

/** The best round of each peer: what disturbs a round can only make it dearer. */
async function measure(peers: DnsPeer[], questions: string): Promise<Map<DnsPeer, Figure>> {
  const best = new Map<DnsPeer, Figure>();
  for (const peer of peers) await load(peer, questions, { durationSeconds: 1, round: 0 });
  for (let round = 0; round < rounds; round += 1) {
    for (const peer of peers) {
      const ids = peer.processIds();
      const before = cpuTimes(ids);
      const { completed } = await load(peer, questions, { durationSeconds: seconds, round });
      const after = cpuTimes(ids);
      const figure = {
        userMicroseconds: (after.userMicroseconds - before.userMicroseconds) / completed,
        systemMicroseconds: (after.systemMicroseconds - before.systemMicroseconds) / completed,
        queriesPerSecond: completed / seconds,
      };
      const known = best.get(peer);
      if (!known || total(figure) < total(known)) best.set(peer, figure);
    }
  }
  return best;
}

interface LoadPlan {
  durationSeconds: number;
  round: number;
  /** Queries a second of all generators together; left out: as many as are answered. */
  queriesPerSecond?: number;
}

/** Loads a peer from the other core, with other client subnets each round. */
async function load(
  { name, port }: DnsPeer,
  questions: string,
  { durationSeconds, round, queriesPerSecond }: LoadPlan,
): Promise<{ sent: number; completed: number; lost: number }> {
  const runs = Array.from({ length: generators }, async (_, n) => {
    const network = clientNetworks[(round * generators + n * 7) % clientNetworks.length] ?? '';
    const target = [
      '-s',
      '127.0.0.1',
      '-p',
      String(port),
      '-d',
      questions,
      '-E',
      ecsOption(network),
    ];
    const limit = queriesPerSecond ? ['-Q', String(Math.floor(queriesPerSecond / generators))] : [];
    const args = [
      '-c',
      '0',
      'dnsperf',
      ...target,
      '-l',
      String(durationSeconds),
      '-q',
      '100',
      ...limit,
    ];
    const { stdout } = await promisify(execFile)('taskset', args);
    if (!/NOERROR \d+ \(100\.00%\)/.test(stdout)) throw new Error(`${name}:\n${stdout}`);
    // What is under way when the time is over is not lost, and not completed either.
    return {
      sent: numberOf(stdout, 'sent'),
      completed: numberOf(stdout, 'completed'),
      lost: numberOf(stdout, 'lost'),
    };
  });
  const done = await Promise.all(runs);
  return {
    sent: done.reduce((sum, { sent }) => sum + sent, 0),
    completed: done.reduce((sum, { completed }) => sum + completed, 0),
    lost: done.reduce((sum, { lost }) => sum + lost, 0),
  };
}

function numberOf(text: string, what: string): number {
  return Number(new RegExp(`Queries ${what}: +(\\d+)`).exec(text)?.[1] ?? Number.NaN);
}

async function answers(peer: DnsPeer, questions: string): Promise<void> {
  for (let attempt = 0; attempt < 60; attempt += 1) {
    const problem = peer.problem();
    if (problem !== undefined) throw new Error(`${peer.name} has ended:\n${problem}`);
    const plan = { durationSeconds: 1, round: 0, queriesPerSecond: 20 };
    const done = await load(peer, questions, plan).catch(() => undefined);
    if (done && done.completed > 0) return;
    await sleep(250);
  }
  throw new Error(`${peer.name} does not answer: ${peer.problem() ?? 'it runs'}`);
}

async function lossAt80(
  peer: DnsPeer,
  questions: string,
  figures: Map<DnsPeer, Figure>,
): Promise<void> {
  const queriesPerSecond = Math.floor((figures.get(peer)?.queriesPerSecond ?? 0) * 0.8);
  const plan = { durationSeconds: seconds, round: rounds, queriesPerSecond };
  const { sent, lost } = await load(peer, questions, plan);
  process.stdout.write(
    `    ${peer.name.padEnd(11)} at ${queriesPerSecond} queries/s: ${lost} of ${sent} lost\n`,
  );
}

function report(figures: Map<DnsPeer, Figure>): void {
  const ours = [...figures].find(([{ name }]) => name === 'breakwater')?.[1];
  process.stdout.write('  a steered answer over UDP, one core\n');
  for (const [{ name }, figure] of figures) {
    const { userMicroseconds: user, systemMicroseconds: system, queriesPerSecond } = figure;
    const cost = `${total(figure).toFixed(1).padStart(6)} µs CPU`;
    const split = `(user ${user.toFixed(1)}, system ${system.toFixed(1)})`;
    const rate = `${Math.round(queriesPerSecond).toString().padStart(7)} queries/s`;
    const ratio = ours ? (total(ours) / total(figure)).toFixed(2) : '–';
    const versus = name === 'breakwater' ? '' : `   breakwater costs ${ratio} ×`;
    process.stdout.write(`    ${name.padEnd(11)}${cost} ${split.padEnd(26)} ${rate}${versus}\n`);
  }
}
