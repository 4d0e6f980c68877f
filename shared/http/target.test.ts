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
  expect(parseTarget(raw)).toEqual({ path, raw, collapsed: path !== raw });
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
  '/a/..;/b',
  '/a/..;x=1/b',
  '/a/%2e%2e%3b/b',
  '/a/.;',
])('%j climbs, and is nothing here', (raw) => {
  expect(refusalOf(raw)).toBe('target-climbs');
});

test.each([
  '/a%00b',
  '/a%0d%0aSet-Cookie:x',
  '/a%0Ab',
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
  '/a%5c..%5cb',
])('%j is refused', (raw) => {
  expect(refusalOf(raw)).toBe('bad-target');
});

test('the longest target is accepted', () => {
  expect(parseTarget(`/${'a'.repeat(8191)}`).path).toHaveLength(8192);
});

test.each([
  ['http://Registry.Test/lodash', '/lodash', '/lodash', 'http', 'registry.test'],
  ['HTTPS://registry.test:8080//a', '/a', '//a', 'https', 'registry.test:8080'],
  ['http://registry.test', '/', '/', 'http', 'registry.test'],
  ['http://registry.test?x=1', '/?x=1', '/?x=1', 'http', 'registry.test'],
  ['http://[::1]:80/a', '/a', '/a', 'http', '[::1]:80'],
  // How apt-cacher-ng's clients name https archives: the slashes tell it, so they must be there to be seen.
  ['http://HTTPS///archive.example//debian', '/archive.example/debian', '///archive.example//debian', 'http', 'https'],
])('%s is taken apart', (sent, path, raw, scheme, host) => {
  expect(parseTarget(sent)).toEqual({ path, raw, collapsed: path !== raw, absolute: { scheme, host } });
});

test('empty segments of the query alone do not make a path collapsed', () => {
  expect(parseTarget('/a?b=//c')).toMatchObject({ path: '/a?b=//c', collapsed: false });
  expect(parseTarget('/a//?b=//c')).toMatchObject({ path: '/a/?b=//c', collapsed: true });
});

test('an absolute target may not climb either', () => {
  expect(refusalOf('http://registry.test/../x')).toBe('target-climbs');
  expect(refusalOf('http://registry.test/%2e%2e/x')).toBe('target-climbs');
});

test.each([
  ['/repo/./InRelease', '/repo/InRelease'],
  ['/./repo/.//./a?b=/./c', '/repo/a?b=/./c'],
  ['/repo/.a/./b./', '/repo/.a/b./'],
])('where apt may ask so, %s becomes %s', (raw, path) => {
  expect(parseTarget(raw, true)).toEqual({ path, raw, collapsed: true });
});

test.each(['/a/../b', '/a/./../b', '/a/%2e/b', '/a/.%2fb', '/a/.', '/..', '/%2e%2e/x'])('%s climbs there too', (raw) => {
  expect(() => parseTarget(raw, true)).toThrow('climbs');
});
