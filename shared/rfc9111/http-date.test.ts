import * as fc from 'fast-check';
import { httpDate, imfDate } from './http-date';

const NOW = Date.UTC(2026, 5, 1);
const EXAMPLE = Date.UTC(1994, 10, 6, 8, 49, 37);

describe('RFC 9110 §5.6.7: a recipient MUST accept all three formats', () => {
  it.each([
    ['Sun, 06 Nov 1994 08:49:37 GMT'],
    ['Sunday, 06-Nov-94 08:49:37 GMT'],
    ['Sun Nov  6 08:49:37 1994'],
    ['Sun Nov 16 08:49:37 1994'],
  ])('%s', (text) => {
    expect(httpDate(text, NOW)).toBe(text.includes('16') ? EXAMPLE + 10 * 86_400_000 : EXAMPLE);
  });

  it('MUST interpret a two-digit year more than 50 years ahead as the most recent past one', () => {
    expect(httpDate('Friday, 01-Jan-77 00:00:00 GMT', NOW)).toBe(Date.UTC(1977, 0, 1));
    expect(httpDate('Wednesday, 01-Jan-76 00:00:00 GMT', NOW)).toBe(Date.UTC(2076, 0, 1));
    expect(httpDate('Saturday, 01-Jun-76 00:00:01 GMT', NOW)).toBe(Date.UTC(1976, 5, 1, 0, 0, 1));
    expect(httpDate('Thursday, 01-Jan-26 00:00:00 GMT', NOW)).toBe(Date.UTC(2026, 0, 1));
  });

  it('knows leap seconds and days', () => {
    expect(httpDate('Sat, 31 Dec 2016 23:59:60 GMT', NOW)).toBe(Date.UTC(2017, 0, 1));
    expect(httpDate('Thu, 29 Feb 2024 00:00:00 GMT', NOW)).toBe(Date.UTC(2024, 1, 29));
    expect(httpDate('Wed, 29 Feb 2023 00:00:00 GMT', NOW)).toBeUndefined();
  });

  it('reads years of any century as they are written', () => {
    expect(httpDate('Mon, 01 Jan 0050 00:00:00 GMT', NOW)).toBeLessThan(Date.UTC(1000, 0, 1));
    expect(httpDate('Fri, 31 Dec 9999 23:59:59 GMT', NOW)).toBe(Date.UTC(9999, 11, 31, 23, 59, 59));
  });
});

describe('RFC 9111 §4.2: dates of a cache', () => {
  it.each([
    ['sun, 06 nov 1994 08:49:37 gmt'],
    ['SUN, 06 NOV 1994 08:49:37 GMT'],
    ['sUNDAY, 06-nOV-94 08:49:37 gMT'],
    ['SUN NOV  6 08:49:37 1994'],
  ])('SHOULD match the field value case-insensitively: %s', (text) => {
    expect(httpDate(text, NOW)).toBe(EXAMPLE);
  });

  it.each([
    ['Sun, 06 Nov 1994 08:49:37 PST'],
    ['Sun, 06 Nov 1994 08:49:37 UTC'],
    ['Sun, 06 Nov 1994 08:49:37 +0000'],
    ['Sun, 06 Nov 1994 08:49:37'],
    ['Sun Nov  6 08:49:37 1994 GMT'],
  ])('SHOULD consider another zone than GMT to be invalid: %s', (text) => {
    expect(httpDate(text, NOW)).toBeUndefined();
  });

  it.each([
    ['0'],
    ['-1'],
    [''],
    ['tomorrow'],
    ['1994-11-06T08:49:37Z'],
    ['06 Nov 1994 08:49:37 GMT'],
    ['Sun 06 Nov 1994 08:49:37 GMT'],
    ['Sun, 6 Nov 1994 08:49:37 GMT'],
    ['Sun, 06 Nov 94 08:49:37 GMT'],
    ['Sun, 06 Nov 1994 8:49:37 GMT'],
    ['Sun, 06 Nov 1994 24:00:00 GMT'],
    ['Sun, 06 Nov 1994 08:60:00 GMT'],
    ['Sun, 00 Nov 1994 08:00:00 GMT'],
    ['Sun, 31 Nov 1994 08:00:00 GMT'],
    ['Sun,  06 Nov 1994 08:49:37 GMT'],
    ['Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT'],
    ['Sun, 06 Nov 1994 08:49:37 GMT x'],
  ])('is no date: %s', (text) => {
    expect(httpDate(text, NOW)).toBeUndefined();
  });
});

describe('for any text', () => {
  it('reads what it writes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (second) => {
        expect(httpDate(imfDate(second * 1000 + 999), NOW)).toBe(second * 1000);
      }),
    );
  });

  it('never throws, and says a whole number or nothing', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[SunFri]{3},? [0-9 :NovGMTa-]{0,40}$/)), (text) => {
        const time = httpDate(text, NOW);
        expect(time === undefined || Number.isInteger(time)).toBe(true);
      }),
    );
    expect(httpDate('Sun, '.repeat(1_000_000), NOW)).toBeUndefined();
  });
});
