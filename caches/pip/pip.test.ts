import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { laws } from '../../shared/testing/laws';
import { matchRoute, type ImmutableRoute, type Params, type Rendered } from '../module';
import { address } from './file-place';
import { fixture } from '../../shared/testing/python-page';
import { pip } from './pip';

const PIP = 'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01';
const HASH = '0a'.repeat(30);
const FILE = `/packages/aa/bb/${HASH}/foo_bar-1.0%2Bcu121-py3-none-any.whl`;

/** Values of href and of `"url"`. */
function references({ contentType, body }: Rendered): string[] {
  const text = body.toString();
  if (contentType.endsWith('json')) return [...text.matchAll(/"url":\s*"([^"]*)"/g)].map(([, url = '']) => url.replace(/\\\//g, '/'));
  return [...text.matchAll(/href="([^"]*)"/g)].map(([, url = '']) => url.replace(/&amp;/g, '&'));
}

laws(pip, {
  accepts: [undefined, PIP, 'application/vnd.pypi.simple.v1+html'],
  references,
  spellings: [
    [
      '/simple/foo-bar/',
      '/simple/foo-bar',
      '/simple/Foo.Bar/',
      '/simple/foo__bar',
      '/simple/FOO-_.bar/?x=1',
      '/simple/f%6fo%2Dbar/',
      '/simple/foo%5fbar/',
      '/root/pypi/+simple/foo-bar/',
      '/root/pypi/%2bsimple/foo_bar',
      '/root/pypi/simple/foo-bar/',
    ],
    ['/simple/', '/simple', '/simple/?a=b', '/root/pypi/+simple/'],
    [
      FILE,
      FILE.replace('%2B', '+'),
      FILE.replace('%2B', '%2b'),
      `/root/pypi${FILE}`,
      `${FILE}?x=1`,
      FILE.replace('packages', '%70ackages'),
    ],
    ['/a%7Eb/foo-1.0.zip', '/a~b/foo-1.0.zip', '/a%7eb/foo-1.0.zip', '/a~b/f%6Fo-1.0.zip'],
    ['/%c3%a9/foo-1.0.zip', '/%C3%A9/foo-1.0.zip', '/%C3%a9/foo-1.0.zip'],
    ['/%ff%5B/foo-1.0.zip', '/%FF%5b/foo-1.0.zip'],
    [`${FILE}.metadata`, `${FILE.replace('%2B', '+')}.metadata`],
    ['/+f/abc/0123456789abc/foo-1.0.zip', '/root/pypi/+f/abc/0123456789abc/foo-1.0.zip', '/root/pypi/%2Bf/abc/0123456789abc/foo-1.0.zip'],
    ['/+files/foo-bar/h.example:81/foo-1.0.zip', '/%2Bfiles/Foo.Bar/h.example%3A81/foo-1.0.zip'],
    ['/pypi/foo-bar/json', '/pypi/Foo_Bar/json/', '/root/pypi/pypi/foo.bar/json'],
    ['/pypi/foo/1.0+cu121/json', '/pypi/Foo/1.0%2Bcu121/json'],
  ],
  documents: [
    { title: 'HTML', targets: ['/simple/foo-bar/', '/simple/foo-bar', '/root/pypi/+simple/Foo_Bar/'], body: fixture('mixed.html') },
    { title: 'JSON', targets: ['/simple/foo-bar/', '/simple/foo-bar'], body: fixture('full.json'), home: 'https://index.example' },
    { title: 'flat', targets: ['/simple/torch/', '/simple/torch'], body: fixture('flat.html'), home: 'https://download.example/whl/cu121' },
    { title: 'projects', targets: ['/simple/', '/simple'], body: fixture('projects.html') },
    { title: 'JSON API', targets: ['/pypi/foo-bar/json'], body: fixture('project.json') },
  ],
  refused: [
    '/',
    '/simple/..',
    '/simple/../',
    '/simple/%2e%2e/',
    '/simple/%2e/',
    '/simple/./',
    '/simple/-foo/',
    '/simple/foo-/',
    '/simple/_/',
    '/simple/f\u00f6\u00f6/',
    '/simple/f%C3%B6%C3%B6/',
    '/simple/foo%2fbar/',
    '/simple/foo/bar/',
    '/simple//',
    '/simple/foo bar/',
    '/simpl',
    '/packages/x.txt',
    '/packages/.whl',
    '/packages/../foo-1.0.zip',
    '/packages/%2e%2E/foo-1.0.zip',
    '/packages//foo-1.0.zip',
    '/packages%2ffoo-1.0.zip',
    '/packages/foo-1.0.zip/',
    '/packages/foo%5c-1.0.zip',
    '/packages/foo-1.0.zip.metadata.metadata',
    '/pypi/../json',
    '/%zz/foo-1.0.zip',
    '',
  ],
});

const found = (method: string, target: string): ReturnType<typeof matchRoute> => matchRoute(pip, method, target);

function file(target: string): { route: ImmutableRoute; params: Params } {
  const { route, params } = { params: {}, ...found('GET', target) };
  if (route?.kind !== 'immutable') throw new Error(target);
  return { route, params };
}

test.each([
  ['GET', '/simple/foo-1.0.zip', 'page'],
  ['GET', '/simple/foo/foo-1.0.zip', 'file'],
  ['GET', '/a.whl', 'file'],
  ['GET', '/foo-1.0.TAR.GZ', 'file'],
  ['GET', '/foo-1.0.tar.gz.asc', 'signature'],
  ['GET', '/foo-1.0-py3-none-any.whl.provenance', 'provenance-file'],
  ['GET', '/pypi/foo/json', 'project-json'],
  ['GET', '/pypi/json/json', 'project-json'],
  ['GET', '/pypi/foo/1.0/json', 'version-json'],
  ['POST', '/pypi', 'xml-rpc'],
  ['POST', '/legacy/', 'upload'],
  ['PUT', '/simple/foo/', undefined],
])('%s %s is %s', (method, target, name) => {
  expect(found(method, target).route?.name).toBe(name);
});

test.each([
  ['/packages/python-dateutil-2.8.2.tar.gz', '/simple/python-dateutil/'],
  ['/packages/foo-bar-1.0-2.tar.gz', '/simple/foo-bar/'],
  ['/root/pypi/+f/abc/0123456789abc/Zope.Interface-5.0.zip', '/simple/zope-interface/'],
  ['/x/foo_bar-1.0-py3-none-any.whl.metadata', '/simple/foo-bar/'],
  ['/x/foo_bar-1.0.tar.gz.asc', '/simple/foo-bar/'],
  ['/+files/Other/h.example/x/foo_bar-1.0.tar.gz', '/simple/other/'],
  ['/x/0%C3%A9%25.zip', '/simple/0-c3-a9-25/'],
])('%s is judged by %s', (target, page) => {
  const { route, params } = file(target);
  expect(route.pinnedBy?.(params)).toBe(page);
  expect(found('GET', page).route?.name).toBe('page');
});

test('the metadata of a wheel are in it, those of other files nowhere', () => {
  const memberOf = (target: string): unknown => {
    const { route, params } = file(target);
    return route.memberOf?.(params);
  };
  expect(memberOf('/root/pypi/x/foo-1.0%2Bc-py3-none-any.whl.metadata')).toEqual({
    archive: '/x/foo-1.0+c-py3-none-any.whl',
    name: /^[^/]+\.dist-info\/METADATA$/,
  });
  expect(memberOf('/x/foo-1.0.tar.gz.metadata')).toBeUndefined();
  expect(found('GET', '/x/foo-1.0-py3-none-any.whl.metadata').route).toMatchObject({ contentType: 'text/plain; charset=utf-8' });
});

test.each([
  [FILE, 'pkg:pypi/foo-bar@1.0%2Bcu121?file_name=foo_bar-1.0%2Bcu121-py3-none-any.whl'],
  ['/x/Django-1.11.1.tar.gz', 'pkg:pypi/django@1.11.1?file_name=Django-1.11.1.tar.gz'],
  ['/x/odd.zip', 'pkg:pypi/odd?file_name=odd.zip'],
])('purl of %s is %s', (target, purl) => {
  const { route, params } = file(target);
  expect(route.purl?.(params)).toBe(purl);
});

test.each([
  // What is configured, a canonical path, and where that is.
  ['https://i.example', '/simple/foo/', 'https://i.example/simple/foo/'],
  ['https://i.example', '/packages/a+b-1.zip', 'https://i.example/packages/a%2Bb-1.zip'],
  ['https://i.example/simple', '/simple/foo/', 'https://i.example/simple/foo/'],
  ['https://i.example/simple', '/simple/', 'https://i.example/simple/'],
  ['https://i.example/simple', '/pypi/foo/json', 'https://i.example/pypi/foo/json'],
  ['https://i.example/a/b/simple', '/packages/foo-1.zip', 'https://i.example/a/b/packages/foo-1.zip'],
  ['https://i.example/root/pypi/+simple', '/simple/foo/', 'https://i.example/root/pypi/+simple/foo/'],
  ['https://i.example/root/pypi/+simple', '/+f/a/b/foo-1.zip', 'https://i.example/root/pypi/%2Bf/a/b/foo-1.zip'],
  ['https://d.example/whl/cpu', '/simple/torch/', 'https://d.example/whl/cpu/torch/'],
  ['https://d.example/whl/cpu', '/torch-1.zip', 'https://d.example/whl/cpu/torch-1.zip'],
  ['https://i.example/simple', '/search/?q=a+b', 'https://i.example/search/?q=a+b'],
  ['https://i.example:81/simple', '/+files/foo/i.example:81/simple/foo-1.zip', 'https://i.example:81/simple/foo-1.zip'],
  // Beyond the index's root nobody is led by what he asks for.
  [
    'https://i.example:81/x/simple',
    '/+files/foo/i.example:81/simple/foo-1.zip',
    'https://i.example:81/x/%2Bfiles/foo/i.example:81/simple/foo-1.zip',
  ],
  ['https://i.example/simple', '/+files/foo/10.0.0.1/foo-1.zip', 'https://i.example/%2Bfiles/foo/10.0.0.1/foo-1.zip'],
])('at %s, %s is %s', (base, path, url) => {
  expect(address(base, path)).toBe(url);
});

test('purge covers documents and files of a name in any spelling, and of no other', () => {
  const { documents, prefix, anywhere } = pip.purge('Foo_Bar');
  expect(documents).toEqual(['/simple/foo-bar/', '/pypi/foo-bar/json']);
  expect(prefix).toBe('/pypi/foo-bar/');
  for (const target of [
    '/packages/aa/foo_bar-1.0-py3-none-any.whl',
    '/packages/aa/foo_bar-1.0-py3-none-any.whl.metadata',
    '/Foo.Bar-1.0.tar.gz',
    '/+f/abc/0123456789abc/foo-bar-1.0-2.zip',
    '/+files/foo-bar/h.example/odd.zip',
    '/integrity/foo-bar/1.0/x/provenance',
  ]) {
    expect([target, anywhere?.test(target)]).toEqual([target, true]);
  }
  for (const target of ['/x/foo_bar_baz-1.0.zip', '/x/my-foo-bar-1.0.zip', '/x/foo-1.0.zip', '/simple/foo-bar-1/', '/+files/foo/h/a.zip']) {
    expect([target, anywhere?.test(target)]).toEqual([target, false]);
  }
});

test('an error is a short text, and pip shows the first of it', () => {
  const { body, contentType, reason } = pip.error({ status: 403, code: 'refused', text: 'no', remedy: 'do this' });
  expect(contentType).toBe('text/plain; charset=utf-8');
  expect(body.toString()).toBe('403 refused: no\ndo this\n');
  expect(reason).toBe('no');
});

test('every client has a line there and back, and its configuration file', () => {
  const lines = pip.clients('http://cache-pip.srv:3141');
  expect(lines.map(({ client }) => client)).toEqual(['pip', 'uv', 'Poetry (in a project)', 'PDM', 'Pipenv']);
  for (const { on, off } of lines) {
    expect(on).toContain('http://cache-pip.srv:3141/simple/');
    expect(off).not.toBe('');
  }
  expect(lines[0]?.on).toContain('trusted-host cache-pip.srv');
  for (const base of ['http://127.0.0.1:3141', 'http://localhost:3141', 'http://[::1]:3141', 'https://pip.example']) {
    expect(pip.clients(base)[0]?.on).not.toContain('trusted-host');
  }
  for (const name of ['pip.conf', 'uv.toml', 'poetry.toml', 'pdm.toml']) {
    expect(readFileSync(join(__dirname, '../../../caches/pip/client', name), 'utf8')).toContain('{base}/simple/');
  }
});
