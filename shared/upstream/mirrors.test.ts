import { candidatesFor, homesOf, type Address } from './mirrors';

/** As an index of Python packages is configured: by its own URL, files lie beside it. */
const beside: Address = (base, path) => {
  if (!base.endsWith('/simple')) return path.startsWith('/simple/') ? base + path.slice('/simple'.length) : base + path;
  return base.slice(0, -'/simple'.length) + path;
};
const homes = (...bases: string[]) => homesOf({ name: 'registry', bases, operatorNamed: true });
const urls = (path: string, address: Address | undefined, ...bases: string[]): string[] =>
  candidatesFor(homes(...bases), path, address).map(({ base, url }) => `${base} ${url.href}`);

test('a module says where a path is at each mirror; the mirror keeps its name', () => {
  expect(urls('/simple/a/', beside, 'http://me:secret@a.example/x/simple', 'http://b.example/flat')).toEqual([
    'http://a.example/x/simple http://a.example/x/simple/a/',
    'http://b.example/flat http://b.example/flat/a/',
  ]);
  expect(urls('/packages/a.whl?x=1', beside, 'http://a.example/simple')).toEqual([
    'http://a.example/simple http://a.example/packages/a.whl?x=1',
  ]);
});

test.each([
  ['another host', (): string => 'http://evil.example/x'],
  ['another port', (): string => 'http://a.example:81/x'],
  ['another scheme', (): string => 'https://a.example/x'],
  ['a host that begins alike', (): string => 'http://a.example.evil.example/x'],
  ['a user', (): string => 'http://a.example@evil.example/x'],
  ['nothing', (): string => ''],
])('an address at %s is refused', (_what, address) => {
  expect(() => urls('/a', address, 'http://a.example/x/y/simple')).toThrow('climbs out of its base');
});

test.each(['/../a', '/x/%2e%2E/a', '/x/.%2e/a', '/..', '/x\\..\\a', '/simple/./a'])(
  '%s climbs nowhere, not even within the folder',
  (path) => {
    expect(() => urls(path, beside, 'http://a.example/x/simple')).toThrow('climbs out of its base');
  },
);

test('a module may mean what lies anywhere on the host', () => {
  expect(urls('/a', () => 'http://a.example/files/a', 'http://a.example/x/y/simple')).toEqual([
    'http://a.example/x/y/simple http://a.example/files/a',
  ]);
});

test('dots in a query or in a name are no segments', () => {
  expect(urls('/packages/..a?b=/../c', beside, 'http://a.example/simple')).toHaveLength(1);
});

test('an absolute URL that some path leads to is asked of every mirror, its own first', () => {
  const [first, second] = urls('http://b.example/packages/a.whl', beside, 'http://a.example/x/simple', 'http://b.example/simple');
  expect([first, second]).toEqual([
    'http://b.example/simple http://b.example/packages/a.whl',
    'http://a.example/x/simple http://a.example/x/packages/a.whl',
  ]);
  expect(urls('http://b.example/x/a', undefined, 'http://a.example', 'http://b.example/x')).toEqual([
    'http://b.example/x http://b.example/x/a',
    'http://a.example http://a.example/a',
  ]);
});

test('one that no path leads to is asked where it is, in the name of its host', () => {
  expect(urls('http://a.example/files/a', beside, 'http://a.example/deep/er/simple', 'http://b.example/simple')).toEqual([
    'http://a.example/deep/er/simple http://a.example/files/a',
  ]);
  expect(urls('http://files.example/a', beside, 'http://a.example/simple')).toEqual(['http://files.example http://files.example/a']);
});
