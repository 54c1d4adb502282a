/** A disk tier on a real file in a temporary folder, with a fake clock: writer, reader and tier wired without threads. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { DiskReport, FromWriter } from '../../../core/cache/disk-messages.ts';
import { createDiskReader, type DiskReader } from '../../../core/cache/disk-reader.ts';
import { createDiskTier, type DiskTier } from '../../../core/cache/disk-tier.ts';
import {
  createDiskWriter,
  type DiskWriter,
  type DiskWriterOptions,
} from '../../../core/cache/disk-writer.ts';
import type { StoredResponseInit } from '../../../core/cache/entry.ts';
import {
  chainHash,
  type JournalEntry,
  type Position,
  type Selector,
  startOf,
} from '../../../core/purge/command.ts';
import { silentLog } from '../../../core/runtime/log.ts';
import { createMetrics, type Metrics } from '../../../core/runtime/metrics.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';

export const identity = 'journal-a';

/** A normaliser for sites without query rules. */
export const normalise = {
  url: (text: string) => withoutScheme(text),
  prefix: (text: string) => withoutScheme(text),
};

function withoutScheme(text: string): string | undefined {
  const at = text.indexOf('://');
  return at === -1 ? undefined : text.slice(at + 3);
}

export interface Disk {
  file: string;
  clock: FakeClock;
  metrics: Metrics;
  writer: DiskWriter;
  reader: DiskReader;
  tier: DiskTier;
  reports: DiskReport[];
  /** What the writer told the worker. */
  told: FromWriter[];
  /** Commits all that was asked. */
  settle(): Promise<void>;
  /** Stores a response with this body through the tier and waits for it. */
  store(init: StoredResponseInit, body?: Buffer, maxVariants?: number): Promise<number | null>;
  /** Applies one purge. */
  purge(
    selectors: Selector[],
    options?: { soft?: boolean; scope?: string[] },
  ): Promise<JournalEntry>;
  counter(name: string): Promise<number>;
  close(): void;
}

export function temporaryFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-disk-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'cache.db');
}

/** Opens the tier; with `position: null` the journal is left alone, else the writer begins at the start of one. */
export async function openDisk(
  t: TestContext,
  options: Partial<DiskWriterOptions> & { clock?: FakeClock; isFresh?: boolean } = {},
): Promise<Disk> {
  const { clock = createFakeClock(), isFresh = true, ...overrides } = options;
  const file = overrides.file ?? temporaryFile(t);
  const metrics = createMetrics();
  const deps = { clock, log: silentLog, metrics };
  const reports: DiskReport[] = [];
  const told: FromWriter[] = [];
  const writer = createDiskWriter(deps, {
    file,
    budgetBytes: 64 * 2 ** 20,
    normalise,
    onReport: (report) => void reports.push(report),
    ...overrides,
  });
  const reader = createDiskReader(deps, { file });
  const connection = writer.connect({
    post(message) {
      told.push(message);
      tier.receive(message);
    },
  });
  const tier = createDiskTier({
    ...deps,
    reader,
    toWriter: { post: (message) => connection.receive(structuredClone(message)) },
  });
  if (isFresh) await writer.control({ type: 'reset', call: 0, position: startOf(identity) });
  const settle = async () => void (await writer.control({ type: 'flush', call: 0 }));
  const disk: Disk = {
    file,
    clock,
    metrics,
    writer,
    reader,
    tier,
    reports,
    told,
    settle,
    async store(init, body = bodyOf(init.bodyBytes, init.key), maxVariants = 8) {
      const write = tier.begin(init.key);
      write.append(body);
      write.finish({ ...init, bodyBytes: body.length }, maxVariants);
      await settle();
      return write.state === 'stored' ? write.rowId : null;
    },
    async purge(selectors, { soft = false, scope = ['*'] } = {}) {
      const at = writer.position() ?? startOf(identity);
      const entry = entryAfter(at, selectors, { soft, scope, atMs: clock.nowMs() });
      const position = { identity: at.identity, seq: entry.seq, hash: entry.hash };
      await writer.control({ type: 'apply', call: 0, entries: [entry], position });
      return entry;
    },
    counter: (name) => counterOf(metrics, name),
    close() {
      tier.close();
      writer.close();
    },
  };
  t.after(() => disk.close());
  return disk;
}

/** The next entry of a journal. */
export function entryAfter(
  { seq, hash }: Position,
  selectors: Selector[],
  options: { soft?: boolean; scope?: string[]; atMs?: number } = {},
): JournalEntry {
  const entry = {
    seq: seq + 1,
    id: `purge-${seq + 1}`,
    atMs: options.atMs ?? 0,
    soft: options.soft ?? false,
    scope: options.scope ?? ['*'],
    selectors,
  };
  return { ...entry, hash: chainHash(hash, entry) };
}

/** A response of `http://www.demo.test/NAME`. */
export function response(
  name: string,
  overrides: Partial<StoredResponseInit> = {},
): StoredResponseInit {
  const url = `www.demo.test/${name}`;
  return {
    key: `http://${url}`,
    host: 'www.demo.test',
    url,
    varyFields: [],
    variant: '',
    status: 200,
    reason: 'OK',
    headers: ['Content-Type', 'text/plain', 'X-Name', `caf\u00e9 ${name}`],
    tags: [],
    requestTimeMs: 1000,
    responseTimeMs: 2000,
    freshness: {
      lifetimeSeconds: 60,
      initialAgeSeconds: 1,
      source: 'max-age',
      explicit: true,
      staleWhileRevalidateSeconds: 0,
      staleIfErrorSeconds: 0,
      mustRevalidate: false,
      noCache: false,
      excludedFields: [],
      immutable: false,
    },
    etag: '"1"',
    lastModified: undefined,
    bodyBytes: 1000,
    part: undefined,
    identity,
    labelSeq: 0,
    staleSinceMs: null,
    ...overrides,
  };
}

/** Bytes that depend on the seed and on their place, so that no two bodies or chunks are alike. */
export function bodyOf(bytes: number, seed: string): Buffer {
  const body = Buffer.alloc(bytes);
  let state = [...seed].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) >>> 0, 7);
  for (let at = 0; at < bytes; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    if (at + 4 <= bytes) body.writeUInt32LE(state, at);
    else body[at] = state >>> 24;
  }
  return body;
}

/** The sum over all label sets of a metric. */
export async function counterOf(metrics: Metrics, name: string): Promise<number> {
  const snapshot = (await metrics.snapshot()) as { name: string; values: { value: number }[] }[];
  const metric = snapshot.find((candidate) => candidate.name === name);
  return metric?.values.reduce((sum, { value }) => sum + value, 0) ?? 0;
}
