/** HTTP-date, RFC 9110 §5.6.7: three forms are read, one is written. Letter case does not matter to a cache (RFC 9111 §4.2). */
import { trimmed } from './field-lines';

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAY = '(?:mon|tue|wed|thu|fri|sat|sun)';
const LONG_DAY = '(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)';
const MONTH = `(?<month>${MONTHS.join('|')})`;
const TIME = '(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)';
const FORMS = [
  new RegExp(`^${DAY}, (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} gmt$`, 'i'),
  new RegExp(`^${LONG_DAY}, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} gmt$`, 'i'),
  new RegExp(`^${DAY} ${MONTH} (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`, 'i'),
];
/** No date is as long: what is longer is not looked at. */
const LONGEST = 40;

/**
 * @param nowMs ms since the epoch; decides the century of two-digit years (more than 50 years ahead is the past)
 * @returns ms since the epoch; undefined where it is no HTTP-date, such as one of another zone than GMT (RFC 9111 §4.2)
 */
export function httpDate(text: string, nowMs: number): number | undefined {
  const value = trimmed(text);
  if (value.length > LONGEST) return undefined;
  for (const form of FORMS) {
    const groups = form.exec(value)?.groups;
    if (groups) return timeOf(groups, nowMs);
  }
  return undefined;
}

/** IMF-fixdate of a time, cut to its second. @param ms since the epoch */
export function imfDate(ms: number): string {
  return new Date(ms).toUTCString();
}

function timeOf(groups: Readonly<Record<string, string>>, nowMs: number): number | undefined {
  const month = MONTHS.indexOf((groups['month'] ?? '').toLowerCase());
  const [day, hour, minute, second] = ['day', 'hour', 'minute', 'second'].map((name) => Number(groups[name])) as [
    number,
    number,
    number,
    number,
  ];
  // 60 is a leap second (RFC 9110 §5.6.7): the next one here.
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const year = groups['year'] ?? '';
  const at = (full: number): number | undefined => {
    const date = new Date(0);
    date.setUTCFullYear(full, month, day);
    // A day that the month has not leads into another one.
    if (date.getUTCMonth() !== month) return undefined;
    return date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000;
  };
  if (year.length === 4) return at(Number(year));
  const now = new Date(nowMs);
  const thisCentury = Math.floor(now.getUTCFullYear() / 100) * 100 + Number(year);
  const limit = new Date(nowMs);
  limit.setUTCFullYear(now.getUTCFullYear() + 50);
  const time = at(thisCentury);
  return time !== undefined && time > limit.getTime() ? at(thisCentury - 100) : time;
}
