/**
 * Replaces a GeoIP database by a newer one: fetch, unpack, write beside, open and look up, and only then rename. At every moment the
 * file is the old one or the new one, whole; whatever goes wrong leaves the old one. Servers take it over with a reload.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Clock, Random } from '../../core/runtime/deps.ts';
import { type GeoDatabase, openGeoDatabase } from '../../geo-dns/locate/database.ts';
import { databaseIn } from './archive.ts';
import type { FetchFile } from './fetch.ts';
import { type Account, downloadOf, type publicBases } from './sources.ts';

export interface UpdateDeps {
  clock: Clock;
  random: Random;
  fetch: FetchFile;
}

export interface UpdateOptions {
  from: string;
  file: string;
  account?: Account;
  /** What the file that is fetched must have, as hexadecimal. */
  sha256?: string;
  /** Also takes a database that is older than the present one. */
  force?: boolean;
  bases?: typeof publicBases;
}

export interface Updated {
  description: string;
  bytes: number;
  /** Whether the present file was this very one already. */
  isSame: boolean;
}

/** Addresses all over the world. A city database knows most of them; one of something else knows none. */
const probes = ['1.1.1.1', '8.8.8.8', '77.88.8.8', '200.160.2.3', '41.231.53.1', '133.11.0.1'];

/** Throws a line for the user; the file is then as it was. */
export async function updateGeoip(deps: UpdateDeps, options: UpdateOptions): Promise<Updated> {
  const fetched = await download(deps, options);
  const database = await databaseIn(fetched);
  const { file } = options;
  await mkdir(path.dirname(file), { recursive: true });
  const beside = `${file}.new-${deps.random.hex(4)}`;
  try {
    await writeDurably(beside, database);
    const opened = await openGeoDatabase(beside, () => {});
    if (!probes.some((address) => isPlaced(opened, address))) {
      throw new Error(`it is a ${opened.description} without places: a city database is needed`);
    }
    const present = await openGeoDatabase(file, () => {}).catch(() => undefined);
    if (present && opened.builtAtMs < present.builtAtMs && !options.force) {
      throw new Error(
        `it is ${opened.description}, older than the present ${present.description}: not taken without --force`,
      );
    }
    await rename(beside, file);
    await syncFolder(path.dirname(file));
    return {
      description: opened.description,
      bytes: database.length,
      isSame: present?.description === opened.description,
    };
  } finally {
    await rm(beside, { force: true });
  }
}

function isPlaced(database: GeoDatabase, address: string): boolean {
  const bytes = address.split('.').map(Number);
  return database.lookup(bytes).place !== undefined;
}

async function download(
  { clock, fetch }: UpdateDeps,
  { from, account, bases, sha256 }: UpdateOptions,
): Promise<Buffer> {
  const { urls, checksumUrl, headers } = downloadOf({
    from,
    nowMs: clock.nowMs(),
    ...(account ? { account } : {}),
    ...(bases ? { bases } : {}),
  });
  const problems: string[] = [];
  for (const url of urls) {
    const { status, body } = await fetch(url, headers);
    if (status !== 200) {
      problems.push(`${nameOf(url)} answers ${status}`);
      continue;
    }
    const wanted = sha256 ?? (checksumUrl && (await checksumAt(fetch, checksumUrl, headers)));
    checkSum(body, wanted);
    return body;
  }
  throw new Error(problems.join('; '));
}

/** `SHA256  NAME`, as sha256sum writes it. */
async function checksumAt(
  fetch: FetchFile,
  url: string,
  headers: Record<string, string>,
): Promise<string> {
  const { status, body } = await fetch(url, headers);
  const [sum = ''] = body.subarray(0, 1024).toString('latin1').trim().split(/\s+/);
  if (status !== 200 || !/^[0-9a-f]{64}$/i.test(sum)) {
    throw new Error(`${nameOf(url)} gives no checksum (${status})`);
  }
  return sum;
}

function checkSum(body: Buffer, wanted: string | undefined): void {
  if (wanted === undefined) return;
  const actual = createHash('sha256').update(body).digest('hex');
  if (actual !== wanted.toLowerCase()) {
    throw new Error(`what was fetched has the SHA-256 ${actual}, not ${wanted.toLowerCase()}`);
  }
}

/** Without the query string, which may hold a key. */
function nameOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

async function writeDurably(file: string, bytes: Buffer): Promise<void> {
  const handle = await open(file, 'wx', 0o644);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** So that the new name is on the disk before we say that it is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
