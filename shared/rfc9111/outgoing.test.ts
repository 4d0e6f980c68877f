import * as fc from 'fast-check';
import { dateAt, fields, get, NOW, request, response, SECOND, stored, URL as TARGET, values } from '../testing/http-messages';
import { answerOf } from './answer';
import { cacheStatus, withCacheStatus } from './cache-status';
import { invalidated, isSafe } from './invalidation';
import type { Fields, StoredResponse } from './message';
import { outgoingFields, passedFields, withVia } from './outgoing';
import { completed, toStored } from './record';

const HELD = stored(
  'ETag: "a"',
  'Content-Type: text/x',
  'Content-Length: 10',
  'Age: 5',
  `Last-Modified: ${dateAt(-100)}`,
  'X: y',
  'Vary: foo',
  'Cache-Control: max-age=60',
  `Expires: ${dateAt(60)}`,
  'Content-Location: /b',
  'Set-Cookie: c',
);
const names = (sent: Fields): readonly string[] => sent.map(([name]) => name.toLowerCase()).sort();
const sent = (held: StoredResponse, ...lines: readonly string[]): Fields =>
  outgoingFields(held, answerOf(get(...lines), held), { nowMs: NOW + 7 * SECOND, boundary: 'xyz' });

describe('RFC 9111 §4: Age', () => {
  it('MUST be generated, replacing any present, where nobody was asked', () => {
    expect(values(sent(HELD), 'age')).toEqual(['12']);
    expect(values(sent(HELD, 'If-None-Match: "a"'), 'age')).toEqual(['12']);
    expect(values(sent(HELD, 'Range: bytes=0-1'), 'age')).toEqual(['12']);
    expect(values(sent(stored()), 'age')).toEqual(['7']);
  });

  it('§5.1: is not there where the server confirmed it, unless a cache on the way did', () => {
    const options = { nowMs: NOW + 7 * SECOND, validated: true };
    expect(values(outgoingFields(stored(), { status: 'stored' }, options), 'age')).toEqual([]);
    expect(values(outgoingFields(HELD, { status: 'stored' }, options), 'age')).toEqual(['5']);
  });
});

describe('RFC 9110 §8.6, §6.6.1: Content-Length and Date', () => {
  it('one of each', () => {
    expect(values(sent(HELD), 'date')).toEqual([dateAt(0)]);
    expect(values(sent(HELD), 'content-length')).toEqual(['10']);
    expect(values(sent(completed(stored(), 12)), 'content-length')).toEqual(['12']);
    expect(values(sent(stored()), 'content-length')).toEqual([]);
  });

  it('none where there can be no content, or trailers follow', () => {
    expect(values(sent(completed(toStored(get(), response(204)), 0)), 'content-length')).toEqual([]);
    const trailing = completed(toStored(get(), { ...response(200, 'Trailer: x'), trailers: fields('X: y') }), 5);
    expect(values(sent(trailing), 'content-length')).toEqual([]);
    expect(values(sent(trailing), 'trailer')).toEqual(['x']);
    expect(values(sent(stored('Trailer: x')), 'trailer')).toEqual([]);
  });
});

describe('RFC 9110 §15.4.5: 304', () => {
  it('MUST have Content-Location, Date, ETag, Vary, Cache-Control and Expires; SHOULD NOT have other metadata', () => {
    expect(names(sent(HELD, 'If-None-Match: "a"'))).toEqual(
      ['age', 'cache-control', 'content-location', 'date', 'etag', 'expires', 'set-cookie', 'vary', 'x'].sort(),
    );
  });

  it('has Last-Modified where there is no ETag', () => {
    expect(names(sent(stored(`Last-Modified: ${dateAt(-5)}`), `If-Modified-Since: ${dateAt(0)}`))).toContain('last-modified');
  });
});

describe('RFC 9110 §15.3.7: 206', () => {
  it('MUST have Content-Range, and all fields that the 200 would have', () => {
    const part = sent(HELD, 'Range: bytes=2-4');
    expect(values(part, 'content-range')).toEqual(['bytes 2-4/10']);
    expect(values(part, 'content-length')).toEqual(['3']);
    expect(names(part)).toEqual([...names(sent(HELD)), 'content-range'].sort());
  });

  it('SHOULD NOT repeat metadata where If-Range said that the client has them', () => {
    const part = sent(HELD, 'Range: bytes=2-4', 'If-Range: "a"');
    expect(names(part)).not.toContain('content-type');
    expect(names(part)).toEqual(
      expect.arrayContaining(['cache-control', 'content-location', 'content-range', 'date', 'etag', 'expires', 'vary']),
    );
  });

  it('§14.4: a length that is not known is a star', () => {
    const part = toStored(get(), response(206, 'Content-Range: bytes 2-4/*'));
    expect(values(sent(part, 'Range: bytes=2-3'), 'content-range')).toEqual(['bytes 2-3/*']);
  });

  it('§15.3.7.2: several parts MUST be multipart/byteranges, and MUST NOT have Content-Range', () => {
    const parts = sent(HELD, 'Range: bytes=0-1,5-6');
    expect(values(parts, 'content-type')).toEqual(['multipart/byteranges; boundary=xyz']);
    expect(values(parts, 'content-range')).toEqual([]);
    expect(values(parts, 'content-length')).toEqual([]);
  });

  it('§15.5.17: 416 SHOULD have the length', () => {
    expect(sent(HELD, 'Range: bytes=10-')).toEqual([
      ['Date', dateAt(0)],
      ['Content-Range', 'bytes */10'],
      ['Content-Length', '0'],
      ['Age', '12'],
    ]);
  });
});

describe('RFC 9110 §7.6: what is passed on', () => {
  it('without fields of one hop, with a Date', () => {
    const passed = passedFields({ ...response(200), fields: fields('Connection: x-hop', 'X-Hop: 1', 'X: y', 'Age: 3') });
    expect(passed).toEqual(fields('X: y', 'Age: 3', `Date: ${dateAt(0)}`));
  });

  it('§7.6.3: Via behind those that are there', () => {
    expect(withVia(fields('Via: 1.0 a'), '1.1', 'larder')).toEqual(fields('Via: 1.0 a', 'Via: 1.1 larder'));
  });
});

describe('RFC 9111 §4.4: invalidation', () => {
  const urls = (method: string, status: number, ...lines: readonly string[]): readonly string[] =>
    invalidated(request(method), { status, fields: fields(...lines) });

  it('MUST invalidate the target on a non-error status of an unsafe method, or one of unknown safety', () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'FOO', 'get']) {
      for (const status of [200, 201, 204, 301, 303, 304]) expect(urls(method, status)).toEqual([TARGET]);
      for (const status of [400, 404, 500, 503, 103]) expect(urls(method, status)).toEqual([]);
    }
  });

  it('not on safe methods (RFC 9110 §9.2.1)', () => {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE']) expect([isSafe(method), urls(method, 200)]).toEqual([true, []]);
  });

  it('MAY invalidate what Location and Content-Location name', () => {
    expect(urls('POST', 201, 'Location: /new#x', 'Content-Location: ../b?c')).toEqual([
      TARGET,
      'https://files.example/new',
      'https://files.example/b?c',
    ]);
    expect(urls('POST', 201, 'Location: https://FILES.example:443/new')).toEqual([TARGET, 'https://files.example/new']);
    expect(urls('POST', 201, 'Location: a')).toEqual([TARGET]);
  });

  it('MUST NOT invalidate what is of another origin', () => {
    for (const other of [
      'https://other.example/a',
      'http://files.example/a',
      'https://files.example:8443/a',
      '//other.example/a',
      'data:,a',
      'https://',
      'http://[',
    ]) {
      expect(urls('POST', 201, `Location: ${other}`, `Content-Location: ${other}`)).toEqual([TARGET]);
    }
  });

  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.string(),
        (text) => invalidated({ ...request('POST'), url: text }, { status: 200, fields: [['Location', text]] }).length >= 1,
      ),
    );
  });
});

describe('RFC 9211: Cache-Status', () => {
  it('§2.1, §2.2: hit and fwd are exclusive', () => {
    expect(cacheStatus({ cache: 'larder', hit: true, ttlMs: 5900 })).toBe('larder; hit; ttl=5');
    expect(cacheStatus({ cache: 'larder', hit: true, fwd: 'stale' })).toBe('larder; fwd=stale');
    expect(cacheStatus({ cache: 'larder', hit: false })).toBe('larder');
  });

  it('§2.3 to §2.6: the rest is told of what went forward', () => {
    expect(cacheStatus({ cache: 'larder', fwd: 'vary-miss', fwdStatus: 304, stored: true, collapsed: true })).toBe(
      'larder; fwd=vary-miss; fwd-status=304; stored; collapsed',
    );
    expect(cacheStatus({ cache: 'larder', hit: true, fwdStatus: 304, stored: true, collapsed: true })).toBe('larder; hit');
    expect(cacheStatus({ cache: 'larder', fwd: 'miss', stored: false, collapsed: false })).toBe('larder; fwd=miss');
  });

  it('§2.4: ttl may be negative; §2.7, §2.8: key and detail are Strings', () => {
    expect(cacheStatus({ cache: 'larder', hit: true, ttlMs: -1500, key: 'a"b', detail: 'disconnected' })).toBe(
      'larder; hit; ttl=-2; key="a\\"b"; detail="disconnected"',
    );
  });

  it('§2: SHOULD preserve what is there; the last is next to the client', () => {
    const after = withCacheStatus(fields('Cache-Status: origin; hit'), { cache: 'larder', fwd: 'uri-miss' });
    expect(values(after, 'cache-status')).toEqual(['origin; hit', 'larder; fwd=uri-miss']);
  });
});
