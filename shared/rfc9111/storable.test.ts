import { dateAt, get, request, response } from '../testing/http-messages';
import { storable, type Storability } from './storable';

const FRESH = 'Cache-Control: max-age=60';
/** Of a GET without fields. */
const judged = (status: number, ...lines: readonly string[]): Storability => storable(get(), response(status, ...lines));
const isStored = (status: number, ...lines: readonly string[]): boolean => judged(status, ...lines).store;

describe('RFC 9111 §3: a cache MUST NOT store a response unless', () => {
  it('the request method is understood by the cache', () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'get', 'FOO']) {
      expect(storable(request(method), response(200, FRESH))).toEqual({ store: false, why: `method ${method}` });
    }
    expect(storable(get(), response(200, FRESH)).store).toBe(true);
    expect(storable(request('HEAD'), response(200, FRESH)).store).toBe(true);
  });

  it('the status code is final', () => {
    for (const status of [100, 101, 103, 199, 0, 600, 999, NaN]) expect(isStored(status, FRESH)).toBe(false);
  });

  it('the cache understands 206: one range of bytes that was asked for', () => {
    const range = get('Range: bytes=0-4');
    expect(storable(range, response(206, FRESH, 'Content-Range: bytes 0-4/10')).store).toBe(true);
    expect(storable(range, response(206, 'Content-Range: bytes 0-4/*')).store).toBe(true);
    expect(isStored(206, FRESH, 'Content-Range: bytes 0-4/10')).toBe(false);
    for (const line of ['X: y', 'Content-Range: lines 0-4/10', 'Content-Range: bytes 4-0/10', 'Content-Range: bytes 0-9/9']) {
      expect(storable(range, response(206, FRESH, line)).store).toBe(false);
    }
    const multipart = response(206, FRESH, 'Content-Range: bytes 0-4/10', 'Content-Type: multipart/byteranges; boundary=x');
    expect(storable(range, multipart).store).toBe(false);
    expect(storable(request('HEAD', 'Range: bytes=0-4'), response(206, FRESH, 'Content-Range: bytes 0-4/10')).store).toBe(false);
  });

  it('the cache understands the status code, if must-understand is there (§5.2.2.3)', () => {
    expect(isStored(299, FRESH)).toBe(true);
    expect(isStored(299, 'Cache-Control: max-age=60, must-understand')).toBe(false);
    expect(isStored(200, 'Cache-Control: max-age=60, must-understand')).toBe(true);
  });

  it('no-store is not there', () => {
    expect(judged(200, 'Cache-Control: max-age=60, No-Store')).toEqual({ store: false, why: 'no-store' });
    expect(isStored(200, FRESH, 'Cache-Control: no-store', `Expires: ${dateAt(60)}`)).toBe(false);
  });

  it('§5.2.2.3: no-store SHOULD be ignored beside must-understand where the status is understood', () => {
    expect(isStored(200, 'Cache-Control: max-age=60, no-store, must-understand')).toBe(true);
    expect(isStored(299, 'Cache-Control: max-age=60, no-store, must-understand')).toBe(false);
  });

  it('private is not there, or allows to store a modified response', () => {
    expect(isStored(200, 'Cache-Control: max-age=60, Private')).toBe(false);
    expect(isStored(200, 'Cache-Control: public, private')).toBe(false);
    expect(isStored(200, 'Cache-Control: max-age=60, private="set-cookie"')).toBe(true);
    expect(isStored(302, 'Cache-Control: private="set-cookie"')).toBe(false);
  });

  it('Authorization is not in the request, or the response explicitly allows shared caching (§3.5)', () => {
    const authorised = get('Authorization: Basic eDp5');
    const isStoredFor = (line: string): boolean => storable(authorised, response(200, line)).store;
    expect(isStoredFor(FRESH)).toBe(false);
    expect(isStoredFor(`Expires: ${dateAt(60)}`)).toBe(false);
    expect(isStoredFor('Cache-Control: max-age=60, proxy-revalidate')).toBe(false);
    expect(isStoredFor('Cache-Control: max-age=60, private="x"')).toBe(false);
    for (const directive of ['must-revalidate', 'public', 's-maxage=60']) {
      expect(isStoredFor(`Cache-Control: max-age=60, ${directive}`)).toBe(true);
      expect(isStoredFor(`Cache-Control: max-age=60, ${directive}, private`)).toBe(false);
    }
  });

  it('it has public, Expires, max-age, s-maxage, or a status that is heuristically cacheable', () => {
    for (const status of [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]) expect(isStored(status)).toBe(true);
    const others = [201, 202, 205, 299, 302, 303, 307, 400, 401, 403, 406, 409, 411, 418, 451, 500, 502, 503, 504, 505, 599];
    for (const status of others) {
      expect(judged(status)).toEqual({ store: false, why: 'no lifetime' });
      for (const line of ['Cache-Control: public', `Expires: ${dateAt(60)}`, 'Expires: 0', FRESH, 'Cache-Control: s-maxage=60']) {
        expect(isStored(status, line)).toBe(true);
      }
      expect(isStored(status, 'Cache-Control: must-revalidate, stale-if-error=60, immutable')).toBe(false);
    }
  });
});

describe('what else is not stored', () => {
  it('§5.2.1.5: a response to a request with no-store', () => {
    expect(storable(get('Cache-Control: No-Store'), response(200, FRESH))).toEqual({ store: false, why: 'request no-store' });
    expect(storable(get('Cache-Control: x="no-store"'), response(200, FRESH)).store).toBe(true);
  });

  it('§4.1: what varies by everything, for it never matches', () => {
    expect(isStored(200, FRESH, 'Vary: accept, *')).toBe(false);
    expect(isStored(200, FRESH, 'Vary: *', 'Vary: accept')).toBe(false);
    expect(isStored(200, FRESH, 'Vary: accept encoding')).toBe(false);
    expect(isStored(200, FRESH, 'Vary: accept', 'Vary:')).toBe(true);
  });

  it('answers to conditions, ranges, connections, proxies', () => {
    for (const status of [304, 407, 408, 412, 416, 421]) expect(isStored(status, FRESH)).toBe(false);
  });

  it('RFC 6585: 428, 429, 431 and 511 MUST NOT be stored by a cache', () => {
    for (const status of [428, 429, 431, 511]) expect(isStored(status, 'Cache-Control: public, max-age=60')).toBe(false);
  });

  it('what tells us not to pass on its own lifetime (RFC 9110 §7.6.1)', () => {
    expect(isStored(200, FRESH, 'Connection: close, Cache-Control')).toBe(false);
    expect(isStored(200, FRESH, 'Connection: close, X-Foo')).toBe(true);
  });
});

describe('RFC 9213 §2.2: a targeted field decides alone', () => {
  it('takes the place of Cache-Control', () => {
    expect(isStored(200, 'Cache-Control: no-store', 'CDN-Cache-Control: max-age=60')).toBe(true);
    expect(isStored(200, FRESH, 'CDN-Cache-Control: no-store')).toBe(false);
    expect(isStored(302, FRESH, 'CDN-Cache-Control: none')).toBe(false);
  });

  it('takes the place of Expires', () => {
    expect(isStored(302, `Expires: ${dateAt(60)}`, 'CDN-Cache-Control: none')).toBe(false);
  });
});
