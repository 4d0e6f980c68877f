/** Fields of what is passed on, row by row. */
import { forClient, forUpstream, type Passport } from './passed-fields';

const OPEN: Passport = { strip: false, authorization: undefined, bodyless: false, via: '1.1 us' };

test.each([
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'upgrade',
  'proxy-authorization',
  'proxy-connection',
  'cookie',
  'expect',
  'forwarded',
  'x-forwarded-for',
  'x-real-ip',
])('%s stays here', (name) => {
  expect(forUpstream({ [name]: 'x', accept: 'y' }, OPEN)).toEqual({ accept: 'y', via: '1.1 us' });
});

test('what Connection names stays here, but no client can unname the length of a body, its host or its way', () => {
  const given = {
    connection: 'X-A, content-length, Transfer-Encoding , host,via',
    'x-a': '1',
    'content-length': '3',
    'transfer-encoding': 'chunked',
    host: 'h',
    via: '1.1 fred',
  };
  expect(forUpstream(given, OPEN)).toEqual({ 'content-length': '3', 'transfer-encoding': 'chunked', host: 'h', via: '1.1 fred, 1.1 us' });
});

test('credentials: stripped, forwarded, or the own ones where there are none', () => {
  const given = { authorization: 'Bearer theirs', 'npm-otp': '1' };
  expect(forUpstream(given, { ...OPEN, strip: true })).toEqual({ via: '1.1 us' });
  expect(forUpstream(given, OPEN)).toEqual({ ...given, via: '1.1 us' });
  expect(forUpstream(given, { ...OPEN, authorization: 'Bearer ours' })).toMatchObject({ authorization: 'Bearer theirs' });
  expect(forUpstream(given, { ...OPEN, strip: true, authorization: 'Bearer ours' })).toMatchObject({ authorization: 'Bearer ours' });
});

test('a request without body says nothing of one', () => {
  expect(
    forUpstream({ 'content-length': '3', 'content-type': 'a/b', 'transfer-encoding': 'chunked', accept: 'x' }, { ...OPEN, bodyless: true }),
  ).toEqual({ accept: 'x', via: '1.1 us' });
});

test('an answer loses cookies, what is for one connection, and what a cache before us said; the rest keeps order, spelling and repetition', () => {
  const raw = [
    'Set-Cookie',
    'a=b',
    'X-Hop',
    '1',
    'Warning',
    'one',
    'Connection',
    'x-hop, Keep-Alive',
    'Warning',
    'two',
    'Transfer-Encoding',
    'chunked',
    'X-Cache',
    'HIT',
    'Content-Length',
    '2',
    'Strict-Transport-Security',
    'max-age=1',
  ];
  expect(forClient(raw)).toEqual(['Warning', 'one', 'Warning', 'two', 'Content-Length', '2']);
});
