/**
 * The value types of the configuration file: durations, sizes, addresses, ids, host names and secrets. Each is
 * a zod schema that turns the text of the file into the number or string that the code works with.
 */
import { z } from 'zod';
import { isWildcard, parseAddress, parseHostPort, parseNetwork } from '../runtime/addresses.ts';

const durationUnits: Record<string, number> = { ms: 1, s: 1e3, m: 60e3, h: 3600e3, d: 86400e3 };
const sizeUnits: Record<string, number> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** Milliseconds of `250ms`, `10s`, `5m`, `1h`, `30d`; undefined when it is none of these. */
export function parseDurationMs(text: string): number | undefined {
  return parseWithUnit(text, durationUnits);
}

/** Bytes of `512B`, `64KiB`, `256MiB`, `2GiB`, `1TiB`; undefined when it is none of these. */
export function parseSizeBytes(text: string): number | undefined {
  return parseWithUnit(text, sizeUnits);
}

function parseWithUnit(text: string, units: Record<string, number>): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,3})?)([A-Za-z]{1,3})$/.exec(text);
  const unit = match ? units[match[2] ?? ''] : undefined;
  return match && unit !== undefined ? Math.round(Number(match[1]) * unit) : undefined;
}

/** A duration such as `10s`; becomes milliseconds. */
export const duration = z
  .string('expected a duration such as 250ms, 10s, 5m, 1h or 30d')
  .transform((text, context) => {
    const value = parseDurationMs(text);
    if (value !== undefined) return value;
    context.addIssue({
      code: 'custom',
      message: `"${text}" is no duration: write 250ms, 10s, 5m, 1h or 30d`,
    });
    return z.NEVER;
  });

/** A duration of at least one millisecond, for what is done again and again. */
export const interval = duration.refine((ms) => ms >= 1, 'must be longer than 0s');

/** A size such as `64MiB`; becomes bytes. */
export const size = z
  .string('expected a size such as 64KiB, 256MiB or 2GiB')
  .transform((text, context) => {
    const value = parseSizeBytes(text);
    if (value !== undefined) return value;
    context.addIssue({
      code: 'custom',
      message: `"${text}" is no size: write 512B, 64KiB, 256MiB, 2GiB or 1TiB`,
    });
    return z.NEVER;
  });

/** `address:port` to bind; port 0 lets the system choose. */
export const listenAddress = z.string().refine((text) => {
  const parsed = parseHostPort(text);
  return parsed !== undefined && parseAddress(parsed.host) !== undefined;
}, 'expected ADDRESS:PORT to listen on, such as 127.0.0.1:8080, 0.0.0.0:80 or [::]:80');

/** `host:port` under which others reach a node. */
export const reachAddress = z.string().refine((text) => {
  const parsed = parseHostPort(text);
  return parsed !== undefined && parsed.port > 0 && !isWildcard(parsed.host);
}, 'expected HOST:PORT that other nodes can connect to, such as 198.51.100.7:80');

export const ipAddress = z
  .string()
  .refine((text) => parseAddress(text) !== undefined, 'expected an IPv4 or IPv6 address');

export const network = z
  .string()
  .refine(
    (text) => parseNetwork(text) !== undefined,
    'expected a network such as 198.18.3.0/24 or 2001:db8::/32, with no host bits set',
  );

/** Ids appear in header fields, metric labels and file names, so they are kept to a token that is safe in all. */
export const nodeId = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,31}$/,
    'expected an id: a lower-case letter, then letters, digits or "-"',
  );

const label = '[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?';
const namePattern = new RegExp(`^${label}(\\.${label})*\\.?$`);

/** A host or zone name; lower-cased, without the final dot. */
export const domainName = z
  .string()
  .max(253, 'longer than 253 characters')
  .transform((text) => text.toLowerCase())
  .refine((text) => namePattern.test(text), 'expected a host name such as www.example.org')
  .transform((text) => text.replace(/\.$/, ''));

/** The text itself, or `env:NAME`, or `file:PATH`; resolved by `resolveSecret` where it is needed. */
export const secretText = z.string().min(1, 'must not be empty');
