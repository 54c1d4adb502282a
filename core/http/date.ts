/**
 * HTTP dates (RFC 9110 §5.6.7): the three forms that a recipient must accept, in any case, and
 * nothing else. A lenient parser would take "Thu, 01 Dec 2030 00:00:00 UTC" or a missing comma for
 * an expiry time, where other caches see a stale response; so every character has its place here.
 *
 * Invariant: a pure function of its arguments; the clock comes in as `nowMs`.
 */

/**
 * Milliseconds since 1970 of an HTTP date, or undefined when the text is none. `nowMs` serves only
 * the two-digit years of RFC 850: the latest such year that is at most 50 years ahead.
 * The name of the day must be one, but is not held against the date.
 */
export function parseHttpDate(text: string, nowMs: number): number | undefined {
  if (text.length === IMF_LENGTH && text.charCodeAt(3) === COMMA) return parseImfFixdate(text);
  if (text.length === ASCTIME_LENGTH) return parseAsctime(text);
  return parseRfc850(text, nowMs);
}

/** The preferred form, "Sun, 06 Nov 1994 08:49:37 GMT", of milliseconds since 1970. */
export function formatHttpDate(ms: number): string {
  // ECMA-262 fixes the format of toUTCString to exactly this for years 0 to 9999.
  return new Date(ms).toUTCString();
}

const COMMA = 0x2c;
const SPACE = 0x20;
const DASH = 0x2d;
const IMF_LENGTH = 29;
const ASCTIME_LENGTH = 24;
const RFC850_TAIL_LENGTH = 24;
const ROLLOVER_YEARS = 50;

const months = new Map(
  ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'].map(
    (name, index) => [name, index],
  ),
);
const shortDays = new Set(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']);
const longDays = new Set([
  'monday',
  'tuesday',
  'wednesday',
  'thursday',
  'friday',
  'saturday',
  'sunday',
]);

/** "Sun, 06 Nov 1994 08:49:37 GMT" */
function parseImfFixdate(text: string): number | undefined {
  if (!shortDays.has(text.slice(0, 3).toLowerCase())) return undefined;
  if (text.charCodeAt(4) !== SPACE || text.charCodeAt(7) !== SPACE) return undefined;
  if (text.charCodeAt(11) !== SPACE || text.charCodeAt(16) !== SPACE) return undefined;
  if (text.slice(25).toLowerCase() !== ' gmt') return undefined;
  return instant(
    digits(text, 12, 4),
    months.get(text.slice(8, 11).toLowerCase()),
    digits(text, 5, 2),
    secondOfDay(text, 17),
  );
}

/** "Sunday, 06-Nov-94 08:49:37 GMT" */
function parseRfc850(text: string, nowMs: number): number | undefined {
  const comma = text.indexOf(',');
  if (comma === -1 || text.length !== comma + RFC850_TAIL_LENGTH) return undefined;
  if (!longDays.has(text.slice(0, comma).toLowerCase())) return undefined;
  const at = comma + 2;
  if (text.charCodeAt(at - 1) !== SPACE || text.charCodeAt(at + 9) !== SPACE) return undefined;
  if (text.charCodeAt(at + 2) !== DASH || text.charCodeAt(at + 6) !== DASH) return undefined;
  if (text.slice(at + 18).toLowerCase() !== ' gmt') return undefined;
  const month = months.get(text.slice(at + 3, at + 6).toLowerCase());
  const yearOfCentury = digits(text, at + 7, 2);
  if (yearOfCentury === undefined) return undefined;
  const day = digits(text, at, 2);
  const second = secondOfDay(text, at + 10);
  const inCentury = (century: number) => instant(century + yearOfCentury, month, day, second);
  return latestWithin(inCentury, nowMs);
}

/** "Sun Nov  6 08:49:37 1994"; a day below ten is padded with a space. */
function parseAsctime(text: string): number | undefined {
  if (!shortDays.has(text.slice(0, 3).toLowerCase())) return undefined;
  if (text.charCodeAt(3) !== SPACE || text.charCodeAt(7) !== SPACE) return undefined;
  if (text.charCodeAt(10) !== SPACE || text.charCodeAt(19) !== SPACE) return undefined;
  const day = text.charCodeAt(8) === SPACE ? digits(text, 9, 1) : digits(text, 8, 2);
  return instant(
    digits(text, 20, 4),
    months.get(text.slice(4, 7).toLowerCase()),
    day,
    secondOfDay(text, 11),
  );
}

/** Of the centuries around now, the latest in which the date is at most 50 years ahead. */
function latestWithin(
  inCentury: (century: number) => number | undefined,
  nowMs: number,
): number | undefined {
  const now = new Date(nowMs);
  const currentCentury = now.getUTCFullYear() - (now.getUTCFullYear() % 100);
  const limitMs = now.setUTCFullYear(now.getUTCFullYear() + ROLLOVER_YEARS);
  for (const century of [currentCentury + 100, currentCentury, currentCentury - 100]) {
    const ms = inCentury(century);
    if (ms !== undefined && ms <= limitMs) return ms;
  }
  return undefined;
}

/** Seconds since midnight of "08:49:37"; a leap second (60) counts as the next minute's first. */
function secondOfDay(text: string, at: number): number | undefined {
  const COLON = 0x3a;
  if (text.charCodeAt(at + 2) !== COLON || text.charCodeAt(at + 5) !== COLON) return undefined;
  const hour = digits(text, at, 2);
  const minute = digits(text, at + 3, 2);
  const second = digits(text, at + 6, 2);
  if (hour === undefined || minute === undefined || second === undefined) return undefined;
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  return hour * 3600 + minute * 60 + second;
}

function instant(
  year: number | undefined,
  month: number | undefined,
  day: number | undefined,
  second: number | undefined,
): number | undefined {
  if (year === undefined || month === undefined || day === undefined || second === undefined) {
    return undefined;
  }
  // Date.UTC would take the years 0 to 99 for 1900 to 1999; setUTCFullYear takes them as they are.
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  // A day that the month lacks would roll over into the next one.
  if (date.getUTCMonth() !== month || date.getUTCDate() !== day) return undefined;
  return date.getTime() + second * 1000;
}

/** The number that exactly `count` digits at `at` spell. */
function digits(text: string, at: number, count: number): number | undefined {
  let value = 0;
  for (let i = at; i < at + count; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    // NaN past the end fails this comparison too.
    if (!(digit >= 0 && digit <= 9)) return undefined;
    value = value * 10 + digit;
  }
  return value;
}
