import http from 'node:http';
import { requestHeaders, responseHeaders } from './headers';

test('repeated fields are joined, except those of which the first counts', () => {
  const headers = responseHeaders(['Vary', 'a', 'vary', 'b', 'Content-Type', 'x/y', 'Content-Type', 'evil', 'ETag', '"1"', 'ETag', '"2"']);
  expect({ ...headers }).toEqual({ vary: 'a, b', 'content-type': 'x/y', etag: '"1"' });
});

test('what is named by any Connection field is gone, but never what describes the body', () => {
  const raw = ['X-A', '1', 'X-B', '2', 'Content-Length', '3', 'Connection', 'close, X-A', 'connection', 'x-b,content-length', 'X-C', '4'];
  expect({ ...responseHeaders(raw) }).toEqual({ 'content-length': '3', 'x-c': '4' });
});

test('every value can be sent again', () => {
  const raw = ['X-A', 'a\r\nSet-Cookie: b=c', 'X-B', 'a\u0000b\u007fc', 'X-C', '\t snow\u2603 ', '__proto__', 'x', 'bad name', 'y'];
  const headers = responseHeaders(raw);
  expect(Object.keys(headers)).toEqual(['x-a', 'x-b', 'x-c', '__proto__']);
  expect(headers['x-c']).toBe('snow');
  for (const [name, value] of Object.entries(headers)) expect(() => http.validateHeaderValue(name, value)).not.toThrow();
  expect(({} as Record<string, unknown>)['x']).toBeUndefined();
});

test('requests: ours beneath what was given, Via appended, nothing of a connection', () => {
  const own = { userAgent: 'larder/1', via: '1.1 larder-x', authorization: 'Bearer t', sameHost: true };
  expect(requestHeaders({ 'user-agent': 'npm/11', te: 'trailers', expect: '100-continue', connection: 'x', host: 'h' }, own)).toEqual({
    'user-agent': 'npm/11',
    'accept-encoding': 'identity',
    via: '1.1 larder-x',
    authorization: 'Bearer t',
  });
  expect(requestHeaders({ authorization: 'Basic x', 'x-any': '1', range: 'bytes=0-' }, { ...own, sameHost: false })).toEqual({
    'user-agent': 'larder/1',
    'accept-encoding': 'identity',
    range: 'bytes=0-',
    via: '1.1 larder-x',
  });
});
