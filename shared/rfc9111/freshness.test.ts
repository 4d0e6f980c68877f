import { dateAt, fields, get, NOW, received, response, SECOND, stored } from '../testing/http-messages';
import { ageMs, ageSeconds, lifetimeMs } from './freshness';
import { RULES, type StoredResponse } from './message';
import { toStored } from './record';

const seconds = (...lines: readonly string[]): number => lifetimeMs(stored(...lines)) / SECOND;
const withStatus = (status: number, ...lines: readonly string[]): StoredResponse => toStored(get(), response(status, ...lines));

describe('RFC 9111 §4.2.1: freshness lifetime, the first match', () => {
  const expires = `Expires: ${dateAt(30)}`;

  it('s-maxage, if the cache is shared', () => {
    expect(seconds('Cache-Control: max-age=20, s-maxage=10', expires)).toBe(10);
    expect(seconds('Cache-Control: max-age=5, s-maxage=10', expires)).toBe(10);
    expect(seconds('Cache-Control: s-maxage=x, max-age=20', expires)).toBe(0);
  });

  it('max-age; §5.3: a recipient MUST ignore Expires beside it', () => {
    expect(seconds('Cache-Control: max-age=20', expires)).toBe(20);
    expect(seconds('Cache-Control: max-age=0', expires)).toBe(0);
    expect(seconds('Cache-Control: max-age=20', 'Expires: 0')).toBe(20);
    expect(seconds('Cache-Control: max-age=x', expires)).toBe(0);
  });

  it('Expires minus Date', () => {
    expect(seconds(expires)).toBe(30);
    expect(seconds(expires, `Date: ${dateAt(-100)}`)).toBe(130);
    expect(seconds(expires, `Date: ${dateAt(29)}`)).toBe(1);
    expect(seconds(`Expires: ${dateAt(-1)}`)).toBe(0);
    expect(seconds(`Expires: ${dateAt(0)}`)).toBe(0);
    expect(seconds(`Expires: ${dateAt(30).toUpperCase()}`)).toBe(30);
  });

  it('Expires minus the time it came, where there is no Date, or none that is one', () => {
    const bare = { status: 200, requestTimeMs: NOW - 500, responseTimeMs: NOW + 400 };
    expect(lifetimeMs(toStored(get(), { ...bare, fields: fields(expires) }))).toBe(30 * SECOND);
    expect(lifetimeMs(toStored(get(), { ...bare, fields: fields(expires, 'Date: yesterday') }))).toBe(30 * SECOND);
  });

  it('§5.3: invalid dates, especially 0, MUST be taken as in the past', () => {
    for (const date of ['0', '-1', '', 'never', dateAt(30).replace('GMT', 'PST'), `${dateAt(30)}, ${dateAt(60)}`]) {
      expect(seconds(`Expires: ${date}`, `Last-Modified: ${dateAt(-1000)}`)).toBe(0);
    }
  });

  it('more than one Expires: the first one or stale; the earliest is both', () => {
    expect(seconds(`Expires: ${dateAt(60)}`, expires)).toBe(30);
    expect(seconds(expires, `Expires: ${dateAt(60)}`)).toBe(30);
    expect(seconds(expires, 'Expires: 0')).toBe(0);
    expect(seconds(expires, expires)).toBe(30);
  });

  it('§1.2.2: overflow is 2^31 seconds', () => {
    expect(seconds('Cache-Control: max-age=99999999999999999999')).toBe(2 ** 31);
    expect(seconds('Expires: Fri, 31 Dec 9999 23:59:59 GMT')).toBe(2 ** 31);
  });
});

describe('RFC 9111 §4.2.2: heuristic freshness', () => {
  const old = `Last-Modified: ${dateAt(-1000)}`;

  it('a tenth of the time since Last-Modified, at most a day', () => {
    expect(seconds(old)).toBe(100);
    expect(seconds(`Last-Modified: ${dateAt(-86_400 * 365)}`)).toBe(86_400);
    expect(lifetimeMs(stored(old), { ...RULES, heuristicShare: 0.5, heuristicMaxMs: 200 * SECOND })).toBe(200 * SECOND);
    expect(seconds(old, `Date: ${dateAt(-500)}`)).toBe(50);
  });

  it('nothing to go by: none', () => {
    expect(seconds()).toBe(0);
    expect(seconds(`Last-Modified: ${dateAt(1000)}`)).toBe(0);
    expect(seconds('Last-Modified: 0')).toBe(0);
  });

  it('MUST NOT be used where an explicit time is there, valid or not', () => {
    for (const line of ['Cache-Control: max-age=0', 'Cache-Control: max-age=x', 'Expires: 0', `Expires: ${dateAt(-5)}`]) {
      expect(seconds(old, line)).toBe(0);
    }
  });

  it('only of a status that is heuristically cacheable, or with public', () => {
    for (const status of [203, 204, 300, 301, 308, 404, 405, 410, 414, 501]) expect(lifetimeMs(withStatus(status, old))).toBe(100 * SECOND);
    for (const status of [201, 302, 303, 307, 403, 500, 503]) {
      expect(lifetimeMs(withStatus(status, old))).toBe(0);
      expect(lifetimeMs(withStatus(status, old, 'Cache-Control: public'))).toBe(100 * SECOND);
    }
  });

  it('or what the operator sets in its place; never in place of what the server says', () => {
    const rules = { ...RULES, lifetimeMs: 7 * SECOND };
    expect(lifetimeMs(stored(old), rules)).toBe(7 * SECOND);
    expect(lifetimeMs(stored(), rules)).toBe(7 * SECOND);
    expect(lifetimeMs(stored('Cache-Control: max-age=60'), rules)).toBe(60 * SECOND);
    expect(lifetimeMs(withStatus(302, 'Expires: 0'), rules)).toBe(0);
  });

  it('RFC 9213 §2.2: a targeted field without lifetime makes Expires and Cache-Control no explicit time', () => {
    expect(seconds('CDN-Cache-Control: none', 'Cache-Control: max-age=5', `Expires: ${dateAt(7)}`, old)).toBe(100);
  });
});

describe('RFC 9111 §4.2.3: age', () => {
  const age = (now: number, ...lines: readonly string[]): number => ageMs(stored(...lines), NOW + now * SECOND) / SECOND;

  it('is the time since it came', () => {
    expect(age(0)).toBe(0);
    expect(age(42)).toBe(42);
  });

  it('apparent_age: a Date in the past counts, one in the future does not', () => {
    expect(age(5, `Date: ${dateAt(-30)}`)).toBe(35);
    expect(age(5, `Date: ${dateAt(30)}`)).toBe(5);
  });

  it('a part of a second behind Date is no age', () => {
    const late = { ...response(200), requestTimeMs: NOW + 900, responseTimeMs: NOW + 900 };
    expect(ageMs(toStored(get(), late), NOW + 900)).toBe(0);
  });

  it('age_value counts, and MUST be relative to the time of the request', () => {
    expect(age(5, 'Age: 100')).toBe(105);
    const slow = { ...response(200, 'Age: 100'), requestTimeMs: NOW - 3 * SECOND };
    expect(ageMs(toStored(get(), slow), NOW + 5 * SECOND)).toBe(108 * SECOND);
  });

  it('the greater of both', () => {
    expect(age(0, 'Age: 100', `Date: ${dateAt(-30)}`)).toBe(100);
    expect(age(0, 'Age: 10', `Date: ${dateAt(-30)}`)).toBe(30);
  });

  it('§5.1: SHOULD use the first member of a list', () => {
    expect(age(0, 'Age: 5, 7')).toBe(5);
    expect(age(0, 'Age: 5', 'Age: 7')).toBe(5);
  });

  it('§5.1: SHOULD ignore what is no non-negative integer', () => {
    for (const value of ['abc', '-5', '1.5', '+5', '"5"', '5;x', '', '5 5']) expect(age(1, `Age: ${value}`)).toBe(1);
  });

  it('§1.2.2: overflow is 2^31', () => {
    expect(age(0, `Age: ${'9'.repeat(100)}`)).toBe(2 ** 31);
    expect(ageSeconds(stored(`Age: ${'9'.repeat(100)}`), NOW + 1000 * SECOND)).toBe(2 ** 31);
  });

  it('§4.2: local time zones MUST NOT count', () => {
    const zone = process.env['TZ'];
    process.env['TZ'] = 'Asia/Kolkata';
    try {
      expect(age(5, `Date: ${dateAt(-30)}`, 'X: y')).toBe(35);
      expect(ageMs(toStored(get(), received(200, NOW, 'Date: Sun Nov  6 08:49:07 1994')), NOW)).toBe(30 * SECOND);
    } finally {
      if (zone === undefined) delete process.env['TZ'];
      else process.env['TZ'] = zone;
    }
  });

  it('a clock that goes back makes it no younger than it came', () => {
    expect(age(-50, 'Age: 100')).toBe(100);
  });

  it('is told in whole seconds', () => {
    expect(ageSeconds(stored(), NOW + 1999)).toBe(1);
  });
});
