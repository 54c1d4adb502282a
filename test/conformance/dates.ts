/** Dates for cases, relative to the moment when the case begins, in every form that a test may want. */
import type { Moment, Text } from './case.ts';

export interface DateParts {
  /** `Thu`, and `Thursday`. */
  day: string;
  longDay: string;
  /** Two digits. */
  dd: string;
  month: string;
  mm: string;
  year: string;
  hh: string;
  min: string;
  ss: string;
  ms: number;
}

const longDays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** IMF-fixdate, the preferred form (RFC 9110 §5.6.7), so many seconds from now. */
export function date(seconds: number): Text {
  return (at) => new Date(at.nowMs + seconds * 1000).toUTCString();
}

/** Any other form of it. */
export function dateAs(seconds: number, form: (parts: DateParts) => string): Text {
  return (at: Moment) => form(partsOf(at.nowMs + seconds * 1000));
}

/** "Sunday, 06-Nov-94 08:49:37 GMT" */
export function rfc850(parts: DateParts): string {
  const { longDay, dd, month, year, hh, min, ss } = parts;
  return `${longDay}, ${dd}-${month}-${year.slice(2)} ${hh}:${min}:${ss} GMT`;
}

/** "Sun Nov  6 08:49:37 1994" */
export function asctime({ day, dd, month, year, hh, min, ss }: DateParts): string {
  return `${day} ${month} ${dd.replace(/^0/, ' ')} ${hh}:${min}:${ss} ${year}`;
}

function partsOf(ms: number): DateParts {
  const when = new Date(ms);
  const [day = '', dd = '', month = '', year = ''] = when.toUTCString().split(/,? /);
  const two = (value: number) => String(value).padStart(2, '0');
  return {
    day,
    longDay: longDays[when.getUTCDay()] ?? '',
    dd,
    month,
    mm: two(when.getUTCMonth() + 1),
    year,
    hh: two(when.getUTCHours()),
    min: two(when.getUTCMinutes()),
    ss: two(when.getUTCSeconds()),
    ms,
  };
}
