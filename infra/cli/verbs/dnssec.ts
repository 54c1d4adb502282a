/**
 * `breakwater dnssec`: the keys of a zone, made, shown and replaced on the machine of one DNS server. The other servers of the zone
 * get a copy of the file; who answers reads it at a reload.
 */
import { existsSync } from 'node:fs';
import { loadTopology } from '../../../core/topology/load.ts';
import { readKeyFile, writeKeyFile } from '../../../geo-dns/dnssec/key-file.ts';
import {
  algorithm,
  dsOf,
  makeKey,
  type StoredKey,
  signingKeyOf,
} from '../../../geo-dns/dnssec/keys.ts';
import {
  publishWaitMs,
  type Rolled,
  retireWaitMs,
  rollKeys,
} from '../../../geo-dns/dnssec/rollover.ts';
import type { CliContext } from '../cli-context.ts';
import { CommandError, usageError } from '../command-error.ts';
import { findConfig } from '../find-config.ts';

export interface DnssecOptions {
  config?: string;
  json: boolean;
}

/** Makes the first key of a zone. Refuses when there is one: its DS may stand at the parent. */
export function keygen(context: CliContext, zone: string, options: DnssecOptions): void {
  const { name, file } = keyFileOf(context, zone, options);
  if (existsSync(file)) {
    throw new CommandError(`${file} exists; "breakwater dnssec roll ${name}" replaces a key`);
  }
  const keys = [makeKey('active', context.clock.nowMs())];
  writeKeyFile(file, name, keys);
  show(context, options, { name, file, keys }, [
    `Made ${file}. Copy it to the other DNS servers of the zone (mode 600), then "breakwater reload".`,
    'When all answers are signed, give the registrar this record:',
  ]);
}

/** Shows the keys, and what the parent should have. */
export function ds(context: CliContext, zone: string, options: DnssecOptions): void {
  const { name, file } = keyFileOf(context, zone, options);
  const keys = storedIn(file, name);
  show(context, options, { name, file, keys }, ['The parent zone should have, and no other:']);
}

/** Takes the next step of replacing the key. */
export function roll(
  context: CliContext,
  zone: string,
  options: DnssecOptions & { now: boolean },
): void {
  const { name, file } = keyFileOf(context, zone, options);
  const rolled = rollKeys(storedIn(file, name), context.clock.nowMs(), options.now);
  if (!rolled.ok) {
    const hours = Math.ceil(rolled.waitMs / 360_000) / 10;
    throw new CommandError(
      `the next step is safe in ${hours} h, when caches have forgotten; --now takes it all the same`,
    );
  }
  writeKeyFile(file, name, rolled.keys);
  show(context, options, { name, file, keys: rolled.keys }, linesOf(name, rolled));
}

function linesOf(name: string, { step }: Extract<Rolled, { ok: true }>): string[] {
  const copy = 'Copy the file to the other DNS servers of the zone, then "breakwater reload".';
  const next = (ms: number) => `after ${ms / 3_600_000} h "breakwater dnssec roll ${name}" again`;
  switch (step) {
    case 'published':
      return [
        `A new key is published. ${copy}`,
        `Add its DS at the registrar; ${next(publishWaitMs)}:`,
      ];
    case 'activated':
      return [
        `The new key signs from now on. ${copy}`,
        `Take the old DS away at the registrar, so that this is left; ${next(retireWaitMs)}:`,
      ];
    case 'removed':
      return [`The old key is gone. ${copy}`, 'The parent zone should have, and no other:'];
  }
}

interface Shown {
  name: string;
  file: string;
  keys: readonly StoredKey[];
}

function show(
  { terminal }: CliContext,
  { json }: DnssecOptions,
  { name, file, keys }: Shown,
  lines: readonly string[],
): void {
  const described = keys.map((stored) => {
    const key = signingKeyOf(stored);
    const digest = dsOf(name, key).subarray(4).toString('hex');
    return {
      tag: key.tag,
      state: stored.state,
      since: new Date(stored.changedAtMs).toISOString(),
      ds: `${name}. IN DS ${key.tag} ${algorithm} 2 ${digest}`,
      dnskey: `${name}. IN DNSKEY 257 3 ${algorithm} ${key.dnskey.subarray(4).toString('base64')}`,
    };
  });
  const wanted = described.filter(({ state }) => state !== 'retired');
  if (json) {
    terminal.line(
      JSON.stringify({ zone: name, file, keys: described, ds: wanted.map((key) => key.ds) }),
    );
    return;
  }
  for (const { tag, state, since } of described)
    terminal.line(`key ${tag}  ${state}  since ${since}`);
  for (const line of lines) terminal.line(line);
  for (const key of wanted) terminal.line(`  ${key.ds}`);
}

function storedIn(file: string, zone: string): StoredKey[] {
  try {
    return readKeyFile(file, zone).stored;
  } catch (error) {
    throw new CommandError((error as Error).message);
  }
}

function keyFileOf(context: CliContext, zone: string, { config }: DnssecOptions) {
  const found = findConfig(config, context);
  if (!found) throw usageError('no configuration: give -c FILE');
  const { dns } = loadTopology(found.file, context.environment);
  const name = zone.toLowerCase().replace(/\.$/, '');
  const zones = dns.flatMap((node) => node.zones).filter((other) => other.name === name);
  if (zones.length === 0) throw new CommandError(`${found.file} has no zone "${name}"`);
  const file = zones.flatMap(({ dnssec }) => (dnssec ? [dnssec.keys] : []))[0];
  if (file === undefined) {
    throw new CommandError(`the zone "${name}" is not to be signed: add "dnssec: {}" to it`);
  }
  return { name, file };
}
