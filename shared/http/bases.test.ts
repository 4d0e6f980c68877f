/** Under which base a client sees the cache: a closed set, whatever it invents. */
import os, { networkInterfaces } from 'node:os';
import type { CacheConfig, Config } from '../config/config';
import { isLarderError } from '../errors';
import { Bases } from './bases';
import { readFacts } from './request-facts';

const CACHE: CacheConfig = { name: 'npm', port: 8080, origins: [], clientAuth: 'strip', changed: 'refuse' };
const CONFIG = { listen: ['127.0.0.1'], domain: 'srv', allowHosts: ['cache.example'] } as unknown as Config;

const basesOf = (config: Partial<Config> = {}, cache: Partial<CacheConfig> = {}) =>
  new Bases({ ...CONFIG, ...config }, { ...CACHE, ...cache }, () => [{ address: '127.0.0.1', port: 8080 }]);
const ask = (bases: Bases, headers: Record<string, string>, trusted = false): string => {
  try {
    return bases.of(readFacts(Object.entries(headers).flat()), trusted);
  } catch (error) {
    return isLarderError(error) ? error.code : String(error);
  }
};

test.each([
  ['localhost:8080', 'http://localhost:8080'],
  ['LocalHost:8080', 'http://localhost:8080'],
  ['127.0.0.1:8080', 'http://127.0.0.1:8080'],
  ['[::1]:8080', 'http://[::1]:8080'],
  ['cache-npm:8080', 'http://cache-npm:8080'],
  ['cache-npm.srv', 'http://cache-npm.srv'],
  ['cache.example', 'http://cache.example'],
  ['cache.example:443', 'http://cache.example:443'],
  ['cache-npm.srv:08080', 'http://cache-npm.srv:8080'],
])('Host %s → %s', (host, base) => {
  expect(ask(basesOf(), { host })).toBe(base);
});

test.each([
  'evil.example',
  'localhost:8081',
  'localhost.evil.example:8080',
  'cache-pip.srv',
  'cache.example:9000',
  'user@localhost:8080',
  'localhost:8080/x',
  'localhost:8080, localhost:8080',
  'localhost:123456',
  '127.0.0.2:8080',
  '0x7f000001:8080',
  '[::1',
  'localhost\u0000',
])('Host %j is not ours', (host) => {
  expect(ask(basesOf(), { host })).toBe('misdirected');
});

test('a request without Host gets the address that is always ours; two are ambiguous', () => {
  expect(ask(basesOf(), {})).toBe('http://127.0.0.1:8080');
  expect(ask(basesOf(), { host: '' })).toBe('http://127.0.0.1:8080');
  expect(ask(basesOf(), { Host: 'localhost', host: 'localhost' })).toBe('bad-target');
});

test('who listens on every address is called by each of them', () => {
  const own =
    Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .find((one) => one.family === 'IPv4')?.address ?? '127.0.0.1';
  expect(ask(basesOf({ listen: ['0.0.0.0'] }), { host: `${own}:8080` })).toBe(`http://${own}:8080`);
  expect(ask(basesOf({ listen: ['192.0.2.1'] }), { host: '192.0.2.1:8080' })).toBe('http://192.0.2.1:8080');
  expect(ask(basesOf({ listen: ['0.0.0.0'] }), { host: '0.0.0.0:8080' })).toBe('misdirected');
});

test('PUBLIC_URL is the base for everybody, and its host is ours', () => {
  const bases = basesOf({}, { publicUrl: 'https://npm.example/mirror' });
  expect(ask(bases, { host: 'npm.example' })).toBe('https://npm.example/mirror');
  expect(ask(bases, { host: 'localhost:8080' })).toBe('https://npm.example/mirror');
  expect(ask(bases, {})).toBe('https://npm.example/mirror');
  expect(ask(bases, { host: 'evil.example' })).toBe('misdirected');
});

test('X-Forwarded-* counts from a trusted proxy only', () => {
  const forwarded = {
    host: 'localhost:8080',
    'x-forwarded-host': 'cache.example',
    'x-forwarded-proto': 'https',
    'x-forwarded-prefix': '/npm',
  };
  expect(ask(basesOf(), forwarded)).toBe('http://localhost:8080');
  expect(ask(basesOf(), forwarded, true)).toBe('https://cache.example/npm');
  expect(ask(basesOf(), { ...forwarded, 'x-forwarded-host': 'cache.example:8443, inner' }, true)).toBe('https://cache.example:8443/npm');
  expect(ask(basesOf(), { ...forwarded, 'x-forwarded-host': 'evil.example' }, true)).toBe('misdirected');
  expect(ask(basesOf(), { ...forwarded, 'x-forwarded-proto': 'javascript' }, true)).toBe('http://cache.example/npm');
});

test.each(['/../x', '/a"b', 'npm', '/a//b', '/a?b', '//evil.example'])('a forwarded prefix %j is ignored', (prefix) => {
  expect(ask(basesOf(), { host: 'localhost', 'x-forwarded-prefix': prefix }, true)).toBe('http://localhost');
});

test('what a proxy says is never remembered for those who come directly', () => {
  const bases = basesOf();
  ask(bases, { host: 'localhost:8080', 'x-forwarded-proto': 'https' }, true);
  expect(bases.recall('localhost:8080')).toBeUndefined();
  ask(bases, { host: 'localhost:8080' });
  expect(bases.recall('localhost:8080')).toBe('http://localhost:8080');
  expect(bases.recall(undefined)).toBeUndefined();
});

test('invented spellings do not fill the memory, and are answered all the same', () => {
  const bases = basesOf({ allowHosts: ['abcdefghijklmnop.example'] });
  const spelling = (n: number): string =>
    [...'abcdefghijklmnop'].map((letter, bit) => ((n >> bit) & 1 ? letter.toUpperCase() : letter)).join('') + '.example';
  const remembered = Array.from({ length: 3000 }, (_, n) => {
    expect(ask(bases, { host: spelling(n) })).toBe('http://abcdefghijklmnop.example');
    return bases.recall(spelling(n));
  }).filter((base) => base !== undefined);
  expect(remembered.length).toBeLessThanOrEqual(1000);
});

test('spellings of one port make one base', () => {
  for (const host of ['localhost:8080', 'localhost:08080', 'LOCALHOST:8080'])
    expect(ask(basesOf(), { host })).toBe('http://localhost:8080');
});

test('… also by one that it has come by since, as the bridge of containers gets one with the first of them', () => {
  const bases = basesOf({ listen: ['0.0.0.0'] });
  expect(ask(bases, { host: '172.31.254.1:8080' })).toBe('misdirected');
  const more = jest.spyOn(os, 'networkInterfaces').mockReturnValue({ docker0: [{ address: '172.31.254.1' } as os.NetworkInterfaceInfo] });
  try {
    expect(ask(bases, { host: '172.31.254.1:8080' })).toBe('http://172.31.254.1:8080');
    expect(ask(bases, { host: '172.31.254.2:8080' })).toBe('misdirected');
    expect(ask(basesOf(), { host: '172.31.254.1:8080' })).toBe('misdirected');
  } finally {
    more.mockRestore();
  }
});
