/**
 * Whether the server syncs its files before it confirms. JetStream does not by default: it syncs every two minutes, and what
 * was confirmed in between is lost in a power cut (not when its process dies). A client cannot see that; the server's
 * monitoring address tells it, in the versions that have the setting. Where it is not known to sync, we say so.
 */
import { z } from 'zod';
import { controlRequest } from '../../core/runtime/http-client.ts';
import type { Log } from '../../core/runtime/log.ts';
import type { NatsSettings } from '../../core/topology/journal-schema.ts';

const varz = z.object({
  jetstream: z.object({ config: z.object({ sync_always: z.boolean().optional() }).optional() }),
});

const timeoutMs = 2000;
/** A purge of 1 MiB may be somewhat more in the stream. */
const enoughPayloadBytes = 2 * 2 ** 20;

/** Says, once, what of the server may lose or refuse purges. */
export async function warnOfLazySync(
  { log, broker }: { log: Log; broker: { version: string; maxPayloadBytes: number } },
  { monitor }: Pick<NatsSettings, 'monitor'>,
): Promise<void> {
  const { version, maxPayloadBytes } = broker;
  const warning = syncWarning(version, monitor, monitor && (await readSync(monitor)));
  if (warning !== undefined) log.warn({ version }, warning);
  if (maxPayloadBytes < enoughPayloadBytes) {
    const message = 'nats-server may refuse the largest purges: set "max_payload: 4MB" there';
    log.warn({ maxPayloadBytes }, message);
  }
}

/** The warning for what is known: `true` it syncs, `false` it does not, `undefined` nobody said. */
export function syncWarning(
  version: string,
  monitor: string | undefined,
  isSynced: boolean | undefined | '',
): string | undefined {
  if (isSynced === true) return undefined;
  const lost = 'a purge that was answered may be lost in a power cut of the server';
  if (!hasSetting(version)) {
    return `nats-server ${version} syncs its files every two minutes only, so ${lost}: use 2.10 or newer with "jetstream { sync_interval: always }"`;
  }
  if (isSynced === false) {
    return `nats-server does not sync at each write, so ${lost}: set "jetstream { sync_interval: always }" there`;
  }
  const how = monitor === undefined ? 'give its address as "monitor"' : `${monitor} does not say`;
  return `it is not known whether nats-server syncs at each write (${how}); if it does not, ${lost}: set "jetstream { sync_interval: always }" there`;
}

/** `sync_interval` came with 2.10; 2.9 does not even start with it. */
function hasSetting(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 2 || (major === 2 && minor >= 10);
}

async function readSync(monitor: string): Promise<boolean | undefined> {
  try {
    const response = await controlRequest(`${monitor.replace(/\/$/, '')}/varz`, { timeoutMs });
    const parsed = varz.safeParse(JSON.parse(response.body.toString()));
    return parsed.success ? (parsed.data.jetstream.config?.sync_always ?? false) : undefined;
  } catch {
    return undefined;
  }
}
