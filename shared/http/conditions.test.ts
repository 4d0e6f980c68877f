/** Conditions and ranges, row by row of RFC 9110 §13 and §14. */
import { select, type Validators } from './conditions';
import { readFacts } from './request-facts';

const HAS: Validators = { etag: '"v1"', lastModified: 'Tue, 10 Feb 2026 12:00:00 GMT', size: 1000 };
const BEFORE = 'Tue, 10 Feb 2026 11:59:59 GMT';
const SAME = HAS.lastModified as string;
const LATER = 'Tue, 10 Feb 2026 12:00:01 GMT';

const ask = (headers: Record<string, string>, has = HAS, method = 'GET') => select(method, readFacts(Object.entries(headers).flat()), has);

test.each([
  ['"v1"', 304],
  ['"other"', 200],
  ['W/"v1"', 304],
  ['"a", "v1"', 304],
  ['"a",W/"v1" , "c"', 304],
  ['"a", "b"', 200],
  ['*', 304],
  [' * ', 304],
  ['"V1"', 200],
  ['v1', 200],
  ['"v1', 200],
  ['"x, "v1" y"', 200],
  ['', 200],
])('If-None-Match: %s → %d', (value, status) => {
  expect(ask({ 'if-none-match': value })).toEqual({ status });
  expect(ask({ 'if-none-match': value }, HAS, 'HEAD')).toEqual({ status });
});

test('If-None-Match on two lines is one list', () => {
  expect(select('GET', readFacts(['If-None-Match', '"a"', 'if-none-match', '"v1"']), HAS)).toEqual({ status: 304 });
});

test('If-None-Match: * matches what has no ETag too; a list does not', () => {
  expect(ask({ 'if-none-match': '*' }, { size: 1 })).toEqual({ status: 304 });
  expect(ask({ 'if-none-match': '"v1"' }, { size: 1 })).toEqual({ status: 200 });
});

test.each([
  [BEFORE, 200],
  [SAME, 304],
  [LATER, 304],
  ['yesterday', 200],
])('If-Modified-Since: %s → %d', (date, status) => {
  expect(ask({ 'if-modified-since': date })).toEqual({ status });
});

test('without Last-Modified If-Modified-Since is ignored, and beside If-None-Match always', () => {
  expect(ask({ 'if-modified-since': LATER }, { size: 1 })).toEqual({ status: 200 });
  expect(ask({ 'if-modified-since': LATER, 'if-none-match': '"other"' })).toEqual({ status: 200 });
});

test.each([
  ['"v1"', 200],
  ['*', 200],
  ['"a", "v1"', 200],
  ['W/"v1"', 412],
  ['"other"', 412],
])('If-Match: %s → %d', (value, status) => {
  expect(ask({ 'if-match': value })).toEqual({ status });
});

test('a weak ETag of ours never satisfies If-Match', () => {
  expect(ask({ 'if-match': 'W/"v1"' }, { etag: 'W/"v1"', size: 1 })).toEqual({ status: 412 });
});

test.each([
  [BEFORE, 412],
  [SAME, 200],
  [LATER, 200],
  ['soon', 200],
])('If-Unmodified-Since: %s → %d', (date, status) => {
  expect(ask({ 'if-unmodified-since': date })).toEqual({ status });
});

test.each([
  ['bytes=0-0', 0, 0],
  ['bytes=0-', 0, 999],
  ['bytes=10-19', 10, 19],
  ['bytes=990-5000', 990, 999],
  ['bytes=-1', 999, 999],
  ['bytes=-1000', 0, 999],
  ['bytes=-9999', 0, 999],
  [' bytes=5-6 ', 5, 6],
  ['Bytes=5-6', 5, 6],
])('Range: %s → %d to %d', (range, first, last) => {
  expect(ask({ range })).toEqual({ status: 206, first, last });
});

test.each(['bytes=1000-', 'bytes=5000-6000', 'bytes=-0', 'bytes=99999999999999999999-'])('Range: %s → 416', (range) => {
  expect(ask({ range })).toEqual({ status: 416 });
});

test('every range of an empty body is 416', () => {
  expect(ask({ range: 'bytes=0-0' }, { size: 0 })).toEqual({ status: 416 });
  expect(ask({ range: 'bytes=-5' }, { size: 0 })).toEqual({ status: 416 });
});

test.each(['bytes=0-1,5-6', 'bytes=5-1', 'bytes=-', 'bytes=a-b', 'lines=0-1', 'bytes 0-1', 'bytes=0 - 1', ''])(
  'Range: %j is ignored',
  (range) => {
    expect(ask({ range })).toEqual({ status: 200 });
  },
);

test('a range means nothing to HEAD, to a body of unknown length, and beside a 304', () => {
  expect(ask({ range: 'bytes=0-1' }, HAS, 'HEAD')).toEqual({ status: 200 });
  expect(ask({ range: 'bytes=0-1' }, { etag: '"v1"', size: undefined })).toEqual({ status: 200 });
  expect(ask({ range: 'bytes=0-1', 'if-none-match': '"v1"' })).toEqual({ status: 304 });
  expect(ask({ range: 'bytes=0-1', 'if-match': '"other"' })).toEqual({ status: 412 });
});

test.each([
  ['"v1"', 206],
  ['"v2"', 200],
  ['W/"v1"', 200],
  [SAME, 206],
  [BEFORE, 200],
  [LATER, 200],
  ['nonsense', 200],
])('If-Range: %s → %d', (ifRange, status) => {
  expect(ask({ range: 'bytes=0-1', 'if-range': ifRange })).toMatchObject({ status });
});

test('If-Range needs a validator to compare with', () => {
  expect(ask({ range: 'bytes=0-1', 'if-range': '"v1"' }, { size: 10 })).toEqual({ status: 200 });
  expect(ask({ range: 'bytes=0-1', 'if-range': SAME }, { size: 10 })).toEqual({ status: 200 });
  expect(ask({ range: 'bytes=0-1', 'if-range': 'nonsense' }, { size: 10, lastModified: 'rubbish' })).toEqual({ status: 200 });
  expect(ask({ 'if-range': '"other"' })).toEqual({ status: 200 });
});
