/** Every spelling of a target that climbs, hides or splits is refused in one place; everything else comes out in one form. */
import { isLarderError } from '../errors';
import { parseTarget } from './target';

const refusalOf = (raw: string): string => {
  try {
    return `accepted as ${parseTarget(raw).path}`;
  } catch (error) {
    return isLarderError(error) ? error.code : `threw ${String(error)}`;
  }
};

test.each([
  ['/lodash', '/lodash'],
  ['/@a%2fb', '/@a%2fb'],
  ['//lodash', '/lodash'],
  ['///lodash//-///lodash-1.0.0.tgz', '/lodash/-/lodash-1.0.0.tgz'],
  ['/lodash/', '/lodash/'],
  ['/-/v1/search?text=a//b/../c&x=%2e%2e', '/-/v1/search?text=a//b/../c&x=%2e%2e'],
  ['/a..b', '/a..b'],
  ['/...', '/...'],
  ['/.hidden', '/.hidden'],
  ['/a%2e', '/a%2e'],
])('%s becomes %s', (raw, path) => {
  expect(parseTarget(raw)).toEqual({ path });
});

test.each([
  '/..',
  '/../etc/passwd',
  '/a/..',
  '/a/../b',
  '/a/./b',
  '/.',
  '/%2e%2e/x',
  '/%2E%2e/x',
  '/.%2e/x',
  '/%2e./x',
  '/%2e/x',
  '/a%2f..%2fb',
  '/a%2F%2e%2e%2fb',
  '/@a%2f..',
  '/..%2fx',
  '/a/..?x=1',
  '/a%00b',
  '/a%0d%0aSet-Cookie:x',
  '/a%0Ab',
  '/a%5c..%5cb',
  '/a%5Cb',
  '/a\\b',
  '/a b',
  '/a\u0000b',
  '/a\r\nb',
  '/a\u00e9',
  '/a\u007f',
  '/a#b',
  '*',
  '',
  'lodash',
  '?x',
  'ftp://host/x',
  `/${'a'.repeat(8192)}`,
])('%j is refused', (raw) => {
  expect(refusalOf(raw)).toBe('bad-target');
});

test('the longest target is accepted', () => {
  expect(parseTarget(`/${'a'.repeat(8191)}`).path).toHaveLength(8192);
});

test.each([
  ['http://Registry.Test/lodash', { path: '/lodash', absolute: { scheme: 'http', host: 'registry.test' } }],
  ['HTTPS://registry.test:8080//a', { path: '/a', absolute: { scheme: 'https', host: 'registry.test:8080' } }],
  ['http://registry.test', { path: '/', absolute: { scheme: 'http', host: 'registry.test' } }],
  ['http://registry.test?x=1', { path: '/?x=1', absolute: { scheme: 'http', host: 'registry.test' } }],
  ['http://[::1]:80/a', { path: '/a', absolute: { scheme: 'http', host: '[::1]:80' } }],
])('%s is taken apart', (raw, target) => {
  expect(parseTarget(raw)).toEqual(target);
});

test('an absolute target may not climb either', () => {
  expect(refusalOf('http://registry.test/../x')).toBe('bad-target');
  expect(refusalOf('http://registry.test/%2e%2e/x')).toBe('bad-target');
});
