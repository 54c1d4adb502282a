/**
 * How long a purge takes until it is proved: from its request, and from its 202, to the answer that every node has acknowledged, for 6
 * and for 50 nodes; quiet, under 2,000 reads a second, and with 80 ms of delay each way between purge-api and nodes. And
 * whether any read that began after that proof was given an older version: that must never be.
 *
 * All nodes share this machine, so with many of them, or with reads, it is its processors that are measured.
 * `npm run bench -- purge --json FILE` keeps the figures; `--nodes 6` measures that network only, `--purges 40`
 * no more than so many in each case.
 */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { siteHost, tokens } from '../support/network/config.ts';
import { type PurgedNetwork, startPurgedNetwork } from './purge-network.ts';
import { type ReadCounts, startReaders } from './purge-readers.ts';

interface Case {
  name: string;
  delayMs: number;
  readsPerSecond: number;
  purges: number;
}

/** Milliseconds, from one purge to the next. */
interface Times {
  /** Until the 202 has come: the entry is durable. */
  accepted: number[];
  /** From the 202 to the answer that says *converged*. */
  proved: number[];
  /** From the request to that answer. */
  whole: number[];
  /** As the evidence says: from the append to the last acknowledgement at purge-api, by its clock. */
  evidence: number[];
}

interface Result {
  nodes: number;
  case: string;
  purges: number;
  times: Record<keyof Times, Percentiles>;
  reads: ReadCounts & { perSecond: number };
}

interface Percentiles {
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

const cases: Case[] = [
  { name: 'quiet', delayMs: 0, readsPerSecond: 0, purges: 200 },
  { name: '2,000 reads/s', delayMs: 0, readsPerSecond: 2000, purges: 100 },
  { name: '80 ms each way', delayMs: 80, readsPerSecond: 0, purges: 50 },
];
const labels: Record<keyof Times, string> = {
  accepted: 'request → 202 (durable)',
  proved: '202 → converged, told',
  whole: 'request → converged, told',
  evidence: 'append → last acknowledgement (evidence)',
};

/** A purge after another one, so that none waits for the refill of the one before. */
const pauseMs = 50;
const warmUps = 10;

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    nodes: { type: 'string' },
    purges: { type: 'string' },
  },
  allowPositionals: true,
});
const sizes = values.nodes === undefined ? [6, 50] : [Number(values.nodes)];
const mostPurges = Number(values.purges ?? Number.POSITIVE_INFINITY);
const results: Result[] = [];
for (const size of sizes) results.push(...(await measureNetwork(size)));
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);

async function measureNetwork(nodes: number): Promise<Result[]> {
  const purged = await startPurgedNetwork(nodes);
  const measured: Result[] = [];
  process.stdout.write(`  ${nodes} nodes: 2 shields, ${nodes - 2} edges, real processes\n`);
  process.stdout.write(header());
  try {
    for (const each of cases) {
      const purges = Math.min(each.purges, mostPurges);
      const result = await measure(purged, nodes, { ...each, purges });
      measured.push(result);
      process.stdout.write(rows(result));
    }
  } finally {
    await purged.stop();
  }
  return measured;
}

async function measure(purged: PurgedNetwork, nodes: number, each: Case): Promise<Result> {
  const { network, edges, paths } = purged;
  purged.delay(each.delayMs);
  const bases = edges.map((id) => network.url(id));
  const readers = startReaders({
    bases,
    host: siteHost,
    paths,
    perSecond: each.readsPerSecond,
  });
  const times: Times = { accepted: [], proved: [], whole: [], evidence: [] };
  const own: ReadCounts = { reads: 0, stale: 0, failed: 0, skipped: 0 };
  const beganMs = performance.now();
  for (let round = -warmUps; round < each.purges; round += 1) {
    const version = purged.publish();
    const took = await purgeOnce(purged);
    readers.require(version);
    if (each.readsPerSecond === 0) await readEverywhere(purged, version, own);
    if (round >= 0) for (const key of keysOf(times)) times[key].push(took[key]);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  const seconds = (performance.now() - beganMs) / 1000;
  const counts = await readers.stop();
  purged.delay(0);
  const reads = {
    reads: counts.reads + own.reads,
    stale: counts.stale + own.stale,
    failed: counts.failed + own.failed,
    skipped: counts.skipped,
    perSecond: Math.round(counts.reads / seconds),
  };
  const summary = Object.fromEntries(keysOf(times).map((key) => [key, percentiles(times[key])]));
  return {
    nodes,
    case: each.name,
    purges: each.purges,
    times: summary as Result['times'],
    reads,
  };
}

/** One hard purge by tag, and the wait for its proof. */
async function purgeOnce({ network }: PurgedNetwork): Promise<Record<keyof Times, number>> {
  const beganMs = performance.now();
  const order = {
    method: 'POST',
    body: JSON.stringify({ tags: ['news'] }),
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${tokens.all.secret}`,
      // Sent again on another connection it is the same purge.
      'idempotency-key': randomUUID(),
    },
  };
  const posted = await onceMore(() => network.api('/v1/purges', order));
  const acceptedMs = performance.now();
  if (posted.status !== 202 && posted.status !== 200) throw new Error(posted.text);
  const { id } = JSON.parse(posted.text) as { id: string };
  const proof = await onceMore(() => network.api(`/v1/purges/${id}?wait=60s`));
  const provedMs = performance.now();
  const { status, convergedInMs, nodes } = JSON.parse(proof.text) as {
    status: string;
    convergedInMs: number | null;
    nodes: { state: string }[];
  };
  // A node in quarantine is none that has proved anything.
  if (status !== 'converged' || nodes.some(({ state }) => state !== 'acknowledged')) {
    throw new Error(`not converged in a minute: ${proof.text}`);
  }
  return {
    accepted: acceptedMs - beganMs,
    proved: provedMs - acceptedMs,
    whole: provedMs - beganMs,
    evidence: convergedInMs ?? Number.NaN,
  };
}

/** One read at every PoP, begun after the proof. */
async function readEverywhere(
  { network, edges, paths }: PurgedNetwork,
  version: number,
  counts: ReadCounts,
): Promise<void> {
  const path = paths[version % paths.length] ?? '';
  await Promise.all(
    edges.map(async (id) => {
      const { status, text } = await onceMore(() => network.get(id, path));
      counts.reads += 1;
      if (status !== 200) counts.failed += 1;
      else if (Number(text) < version) counts.stale += 1;
    }),
  );
}

/** A kept connection may end just as it is used again: then another one is, and the time that it took counts. */
async function onceMore<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch {
    return ask();
  }
}

function keysOf(times: Times): (keyof Times)[] {
  return Object.keys(times) as (keyof Times)[];
}

/** By the nearest rank: each is a value that was measured. */
function percentiles(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

function header(): string {
  const columns = ['P50', 'P95', 'P99', 'max'].map((name) => name.padStart(9)).join('');
  return `    ${'milliseconds'.padEnd(44)}${columns}\n`;
}

function rows({ case: name, purges, times, reads }: Result): string {
  const lines = keysOf(times as unknown as Times).map((key) => {
    const { p50, p95, p99, max } = times[key];
    const figures = [p50, p95, p99, max].map((value) => value.toFixed(1).padStart(9)).join('');
    return `      ${labels[key].padEnd(42)}${figures}`;
  });
  const load = reads.perSecond > 0 ? ` at ${reads.perSecond}/s` : '';
  const trouble =
    reads.failed + reads.skipped > 0 ? `, failed ${reads.failed}, not sent ${reads.skipped}` : '';
  return [
    `    ${name}, ${purges} purges`,
    ...lines,
    `      reads checked: ${reads.reads}${load}, older than proved: ${reads.stale}${trouble}`,
    '',
  ].join('\n');
}
