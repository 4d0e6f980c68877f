import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { laws } from '../../shared/testing/laws';
import { matchRoute } from '../module';
import { prefersAbbreviated } from './accept';
import { npm } from './npm';

const ABBREVIATED = 'application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*';
const sources = join(__dirname, '../../../caches/npm');
const fixture = (name: string): Buffer => readFileSync(join(sources, 'fixtures', `${name}.json`));

laws(npm, {
  accepts: [undefined, ABBREVIATED],
  spellings: [
    [
      '/@a%2fb',
      '/@a%2Fb',
      '/@a/b',
      '/%40a/b',
      '/%40a%2Fb',
      '/@%61%2fb',
      '/@a/b/',
      '/@a/b?x=1',
      '/@a/b/1.0.0',
      '/-/package/@a%2fb/dist-tags',
    ],
    ['/lodash', '/lod%61sh', '/lodash/', '/lodash/latest', '/-/package/lodash/dist-tags?x=1'],
    ['/a.b~c', '/a%2eb%7Ec', '/a.b%7ec'],
    ['/@a/b/-/b-1.0.0.tgz', '/@a%2fb/-/b-1.0.0.tgz', '/%40a%2Fb/-/b-1.0.0.tgz', '/@a/b/-/@a/b-1.0.0.tgz', '/@a/b/-/%40a%2fb-1.0.0.tgz'],
    ['/@a/b/-/b-1.0.0.tgz', '/@a/b/download/@a/b-1.0.0.tgz', `/download/@a/b/1.0.0/${'0a'.repeat(20)}`, '/@a/b/-/b-1.0.0.tgz?x=1'],
    ['/a/-/a-1.0.0+b.tgz', '/a/-/a-1.0.0%2Bb.tgz', '/a/-/a-1.0.0%2bb.tgz'],
    ['/-/npm/v1/attestations/@a%2fb@1.0.0', '/-/npm/v1/attestations/%40a/b@1.0.0', '/-/npm/v1/attestations/@a/b%401.0.0'],
  ],
  documents: [
    { title: 'scoped', targets: ['/@acme/widget', '/@acme/widget/latest', '/@acme/widget/9.9.9'], body: fixture('scoped') },
    { title: 'old', targets: ['/JSONThing', '/JSONThing/1.0.0', '/-/package/JSONThing/dist-tags'], body: fixture('old') },
    { title: 'abbreviated', targets: ['/plain', '/plain/2.0.0'], body: fixture('abbreviated') },
    { title: 'unpublished', targets: ['/gone', '/gone/1.0.0'], body: fixture('unpublished') },
  ],
  refused: [
    '/',
    '/.',
    '/..',
    '/_session',
    '/.npmrc',
    '/%2enpmrc',
    '/%5fall',
    '/@a',
    '/@a/',
    '/@/b',
    '/@a/_b',
    '/@.a/b',
    '/a/b/c',
    '/a/^1.0.0',
    '/lodash%2f1.0.0',
    '/a%5cb',
    '/a b',
    'lodash',
    '/a/-/..tgz',
    '/a/-/../b.tgz',
    '/%zz',
    '/\u00e4',
    '',
  ],
});

const routeOf = (method: string, target: string): string | undefined => matchRoute(npm, method, target).route?.name;

test.each([
  ['GET', '/lodash?write=true', 'read-before-write'],
  ['GET', '/lodash?write=truely', 'packument'],
  ['GET', '/-/all', 'api'],
  ['POST', '/-/anything', 'api-write'],
  ['GET', '/-', 'packument'],
  ['GET', '/-/-/--0.0.1.tgz', 'tarball'],
  ['GET', "/a!~*'()", 'packument'],
  ['GET', '/download', 'packument'],
  ['GET', '/download/1.0.0', 'version'],
  ['GET', '/tgz.tgz', 'packument'],
  ['GET', '/a/-/other_name-v1.tar.gz', 'tarball'],
  ['PUT', '/lodash/-rev/1-a', 'publish'],
  ['DELETE', '/@a/b/-/b-1.0.0.tgz/-rev/1-a', 'publish'],
  ['POST', '/lodash', undefined],
])('%s %s is %s', (method, target, name) => {
  expect(routeOf(method, target)).toBe(name);
});

test.each([
  [undefined, false],
  ['', false],
  ['*/*', false],
  ['application/json', false],
  ['application/json; q=1.0, */*', false],
  ['text/html', false],
  ['application/*', false],
  [ABBREVIATED, true],
  ['application/vnd.npm.install-v1+json', true],
  ['APPLICATION/VND.NPM.INSTALL-V1+JSON;Q=0.9, application/json;q=0.8', true],
  ['application/vnd.npm.install-v1+json, application/json', true],
  ['application/vnd.npm.install-v1+json; q=0.5, application/json', false],
  ['application/vnd.npm.install-v1+json; q=0.5, */*', false],
  ['application/vnd.npm.install-v1+json; q=0.5, application/json; q=0.1, */*', true],
  ['application/vnd.npm.install-v1+json; q=0', false],
  ['application/vnd.npm.install-v1+json; q=nonsense, */*;q=0', false],
])('Accept %j: abbreviated is %s', (accept, expected) => {
  expect(prefersAbbreviated(accept)).toBe(expected);
});

test('a write makes the packument of its package stale, and needs credentials', () => {
  for (const [method, target] of [
    ['PUT', '/@a%2Fb'],
    ['DELETE', '/@a/b/-rev/1-a'],
    ['PUT', '/-/package/@a%2fb/dist-tags/next'],
    ['PUT', '/@a%2fb/next'],
    ['DELETE', '/@a/b/-/b-1.0.0.tgz/-rev/1-a'],
  ] as const) {
    const found = matchRoute(npm, method, target);
    if (!found.route || found.route.kind !== 'passthrough') throw new Error(target);
    expect(found.route.needsCredentials).toBe(true);
    expect(found.route.stales?.(found.params)).toEqual(['/@a%2fb']);
    expect(found.route.path(found.params)).toBe(target);
  }
});

test.each([
  ['/lodash/-/lodash-4.17.21.tgz', 'pkg:npm/lodash@4.17.21'],
  ['/@angular/animation/-/animation-12.3.1.tgz', 'pkg:npm/%40angular/animation@12.3.1'],
  ['/@a%2fb/-/b-1.0.0%2B7.tgz', 'pkg:npm/%40a/b@1.0.0%2B7'],
  ['/lodash/-/odd.tgz', 'pkg:npm/lodash'],
])('purl of %s is %s', (target, purl) => {
  const found = matchRoute(npm, 'GET', target);
  expect(found.route && found.route.kind === 'immutable' && found.route.purl?.(found.params)).toBe(purl);
});

test('purge covers the packument and every file of a name, and of no other', () => {
  expect(npm.purge('@a/b')).toEqual({ documents: ['/@a%2fb'], prefix: '/@a/b/-/' });
});

test('an error says the same in the fields that npm and Yarn print', () => {
  const { body, contentType } = npm.error({ status: 403, code: 'c', text: 'no', remedy: 'do this' });
  expect(contentType).toBe('application/json');
  expect(JSON.parse(body.toString())).toEqual({ error: 'no; do this', message: 'no; do this', code: 'c' });
});

test('every client has a line there and back, and its configuration file', () => {
  const lines = npm.clients('http://cache-npm.srv:8080');
  expect(lines.map(({ client }) => client)).toEqual(['npm', 'Yarn 1', 'Yarn 2 and later', 'pnpm', 'bun']);
  for (const { on, off } of lines) {
    expect(on).toContain('http://cache-npm.srv:8080');
    expect(off).not.toBe('');
  }
  expect(lines[2]?.on).toContain('unsafeHttpWhitelist');
  expect(npm.clients('https://npm.example')[2]?.on).not.toContain('unsafeHttpWhitelist');
  for (const file of ['npmrc', 'yarnrc', 'yarnrc.yml', 'bunfig.toml']) {
    expect(readFileSync(join(sources, 'client', file), 'utf8')).toContain('{base}');
  }
});
