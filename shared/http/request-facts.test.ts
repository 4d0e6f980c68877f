/** The fields that decide something, from the raw list. */
import { acceptsGzip, readFacts } from './request-facts';

test('fields are found in any spelling; others are left alone', () => {
  const facts = readFacts([
    'HOST',
    'a',
    'aCCept',
    'b',
    'X-Other',
    'c',
    'Range',
    'bytes=0-',
    'If-None-Match',
    '"x"',
    'X-Forwarded-Proto',
    'https',
  ]);
  expect(facts).toMatchObject({ host: 'a', accept: 'b', range: 'bytes=0-', ifNoneMatch: '"x"', forwardedProto: 'https', hostTwice: false });
  expect(facts.authorization).toBeUndefined();
});

test('repeated lists are joined in order; a second Host is noticed, also in other letters', () => {
  expect(readFacts(['Accept', 'a', 'accept', 'b', 'Via', '1.1 x', 'VIA', '1.1 y'])).toMatchObject({ accept: 'a, b', via: '1.1 x, 1.1 y' });
  expect(readFacts(['Host', 'a', 'host', 'a'])).toMatchObject({ host: 'a', hostTwice: true });
});

test('an empty value counts as there', () => {
  expect(readFacts(['Authorization', '', 'Host', ''])).toMatchObject({ authorization: '', host: '' });
});

test('names of objects are no fields', () => {
  expect(() => readFacts(['constructor', 'x', '__proto__', 'y', 'toString', 'z'])).not.toThrow();
  expect(Object.keys(readFacts(['__proto__', 'y']))).not.toContain('__proto__');
});

test('thousands of invented spellings are read rightly', () => {
  for (let n = 0; n < 2000; n++) expect(readFacts([`X-${n}`, 'x', 'hOsT', 'a']).host).toBe('a');
  expect(readFacts(['AUTHORIZATIOn', 'x']).authorization).toBe('x');
});

test('fields that are to be logged: in any spelling, on one line, not endless; no others, and none unless asked', () => {
  const raw = ['Julia-Version', '1.5.3', 'X-Other', 'x', 'JULIA-SYSTEM', 'a b"\nforged=1', 'Julia-CI-Variables', 'v'.repeat(1000)];
  const logged = new Set(['julia-version', 'julia-system', 'julia-ci-variables']);
  expect(readFacts(raw, logged).said).toBe(
    `julia-version=1.5.3 julia-system=a\\x20b\\x22\\x0aforged=1 julia-ci-variables=${'v'.repeat(300)}`,
  );
  expect(readFacts(raw).said).toBeUndefined();
  expect(readFacts(['X-Other', 'x'], logged).said).toBeUndefined();
});

test.each([
  [undefined, false],
  ['', false],
  ['gzip', true],
  ['GZIP', true],
  ['x-gzip', true],
  ['br, gzip;q=0.5', true],
  ['gzip, deflate, br', true],
  ['br', false],
  ['identity', false],
  ['*', true],
  ['*;q=0', false],
  ['gzip;q=0', false],
  ['gzip;q=0.0', false],
  ['gzip;q=0.000, *', false],
  ['gzip; q=0.001', true],
  ['gzip ; q=0', false],
  ['gzipped', false],
  ['*;q=0, gzip', true],
])('Accept-Encoding: %j takes gzip: %s', (value, expected) => {
  expect(acceptsGzip(value)).toBe(expected);
  expect(acceptsGzip(value)).toBe(expected); // remembered
});
