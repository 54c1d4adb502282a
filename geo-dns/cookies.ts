/**
 * Server cookies, by which a client shows that it has received an answer of ours at its address before (RFC 7873), in the form
 * that the servers of a name can check for each other (RFC 9018): version, reserved, time, and a hash of these with the
 * client's cookie and address.
 *
 * Nothing is kept for a client. The key is derived from the network's secret and the day in which the cookie was made,
 * so that all servers of the network agree, it changes daily, and the cookies of yesterday's last hour stay good.
 */
import type { Clock } from '../core/runtime/deps.ts';
import { createSipHash, type SipHash } from './siphash.ts';
import { type Cookie, cookieOption } from './wire/cookie-option.ts';
import type { EdnsOption } from './wire/edns.ts';

/** `new`: the client has none of ours yet. An `invalid` one is taken for none (RFC 7873 §5.2.4). */
export type CookieState = 'new' | 'valid' | 'invalid';

export interface JudgedCookie {
  state: CookieState;
  /** For the answer: the client's cookie with a server's part that it may use from now on. */
  option: EdnsOption;
}

export interface Cookies {
  /** Judges the cookie of a query from `address` (4 or 16 bytes). */
  judge(cookie: Cookie, address: readonly number[]): JudgedCookie;
}

export interface CookiesDeps {
  clock: Clock;
  /** The 16 bytes that cookies made on a day (since 1970) are hashed with. */
  keyOfDay(day: number): Uint8Array;
}

const version = 1;
const serverBytes = 16;
const daySeconds = 86_400;
/** "within a 1-hour period in the past and a 5-minute period into the future" (RFC 9018 §4.3). */
const maxAgeSeconds = 3600;
const maxLeadSeconds = 300;
/** A cookie older than half an hour is replaced by a new one (§4.3). */
const freshSeconds = 1800;

export function createCookies({ clock, keyOfDay }: CookiesDeps): Cookies {
  const hashOfDay = rememberTwo((day) => createSipHash(keyOfDay(day)));

  /** The server's part for a time that lies `ageSeconds` back. `reserved` is hashed as it came (§4.2). */
  const make = (
    client: Uint8Array,
    reserved: Uint8Array,
    seconds: number,
    address: readonly number[],
  ): Buffer => {
    const server = Buffer.alloc(serverBytes);
    server.writeUInt8(version, 0);
    server.set(reserved, 1);
    server.writeUInt32BE(seconds % 2 ** 32, 4);
    const hash = hashOfDay(Math.floor(seconds / daySeconds));
    const { low, high } = hash([...client, ...server.subarray(0, 8), ...address]);
    server.writeUInt32LE(low, 8);
    server.writeUInt32LE(high, 12);
    return server;
  };

  return {
    judge({ client, server }, address) {
      const nowSeconds = Math.floor(clock.nowMs() / 1000);
      const renewed = () =>
        cookieOption({ client, server: make(client, new Uint8Array(3), nowSeconds, address) });
      if (!server) return { state: 'new', option: renewed() };
      const ageSeconds = ageOf(server, nowSeconds);
      if (ageSeconds === undefined) return { state: 'invalid', option: renewed() };
      const reserved = server.subarray(1, 4);
      const expected = make(client, reserved, nowSeconds - ageSeconds, address);
      if (!isSame(expected, server)) return { state: 'invalid', option: renewed() };
      const isFresh = ageSeconds <= freshSeconds && reserved.every((byte) => byte === 0);
      return { state: 'valid', option: isFresh ? cookieOption({ client, server }) : renewed() };
    },
  };
}

/** Undefined when `server` is none of this form, or not of this hour. Times wrap around (RFC 9018 §4.3, RFC 1982). */
function ageOf(server: Uint8Array, nowSeconds: number): number | undefined {
  if (server.length !== serverBytes || server[0] !== version) return undefined;
  const madeAt = Buffer.from(server).readUInt32BE(4);
  const age = (nowSeconds - madeAt) | 0;
  return age <= maxAgeSeconds && age >= -maxLeadSeconds ? age : undefined;
}

/** Takes the same time wherever the two differ, so that a hash cannot be guessed byte by byte. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  let difference = 0;
  for (const [index, byte] of a.entries()) difference |= byte ^ (b[index] ?? 0);
  return difference === 0 && a.length === b.length;
}

/** Cookies of at most two days are good at a time. */
function rememberTwo(make: (day: number) => SipHash): (day: number) => SipHash {
  const known = new Map<number, SipHash>();
  return (day) => {
    const found = known.get(day);
    if (found) return found;
    const made = make(day);
    const [oldest] = known.keys();
    if (known.size >= 2 && oldest !== undefined) known.delete(oldest);
    known.set(day, made);
    return made;
  };
}
