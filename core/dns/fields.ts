/**
 * The fields of one record's text, read one after another. Each reader takes what it needs and throws a TextError that says
 * what it expected.
 */
import { parseAddress } from '../runtime/addresses.ts';
import { type Name, nameOf } from './name.ts';
import { stringBytes, TextError, type Token } from './text.ts';

export interface Fields {
  readonly left: number;
  /** The next token as it is written. */
  word(what: string): string;
  /** An unsigned number of `bits` bits. */
  number(bits: 8 | 16 | 32, what: string): number;
  /** Seconds, or as `1h30m` (RFC 2308's masters and all servers read it). */
  seconds(what: string): number;
  name(): Name;
  address(family: 4 | 6): string;
  /** A string of at most 255 bytes. */
  string(what: string): Buffer;
  /** All that is left, at least one, as strings. */
  strings(): Buffer[];
  /** All that is left, in hexadecimal, in any number of words. */
  hex(what: string): Buffer;
}

/** Creates the reader of `tokens`; names without a final dot are below `origin`. */
export function createFields(tokens: readonly Token[], origin: Name): Fields {
  let at = 0;
  const next = (what: string): Token => {
    const token = tokens[at];
    if (!token) throw new TextError(`${what} is missing`);
    at += 1;
    return token;
  };
  const fields: Fields = {
    get left() {
      return tokens.length - at;
    },
    word: (what) => next(what).text,
    number(bits, what) {
      const { text } = next(what);
      const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
      if (value < 2 ** bits) return value;
      throw new TextError(`${what} is a number of 0 to ${2 ** bits - 1}, not "${text}"`);
    },
    seconds(what) {
      const { text } = next(what);
      const value = parseSeconds(text);
      if (value !== undefined) return value;
      throw new TextError(`${what} is a number of seconds, or as 1h30m, not "${text}"`);
    },
    name: () => nameOf(next('a name').text, origin),
    address(family) {
      const { text } = next('an address');
      const address = parseAddress(text);
      if (address?.family === family) return text;
      throw new TextError(`"${text}" is no IPv${family} address`);
    },
    string(what) {
      const bytes = stringBytes(next(what).text);
      if (bytes.length > 255) throw new TextError(`${what} is longer than 255 bytes`);
      return bytes;
    },
    strings() {
      const strings = [fields.string('a string')];
      while (fields.left > 0) strings.push(fields.string('a string'));
      return strings;
    },
    hex(what) {
      const text = tokens.slice(at).map((token) => token.text);
      at = tokens.length;
      const digits = text.join('');
      if (/^([0-9a-f]{2})+$/i.test(digits)) return Buffer.from(digits, 'hex');
      throw new TextError(`${what} is written in pairs of hexadecimal digits`);
    },
  };
  return fields;
}

const unitSeconds: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** `3600`, `1h`, `1h30m`; undefined when it is none. TTLs have 31 bits (RFC 2181 §8). */
export function parseSeconds(text: string): number | undefined {
  if (!/^(\d{1,10}|(\d{1,10}[smhdw])+)$/i.test(text)) return undefined;
  let seconds = 0;
  for (const [, digits = '', unit = 's'] of text.matchAll(/(\d+)([a-z])?/gi)) {
    seconds += Number(digits) * (unitSeconds[unit.toLowerCase()] ?? 1);
  }
  return seconds < 2 ** 31 ? seconds : undefined;
}
