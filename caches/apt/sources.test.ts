import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { archiveOf } from './archive';
import { readMachineSources } from './sources';

const fixtures = join(__dirname, '../../../caches/apt/fixtures');
const fixture = (name: string): string => readFileSync(join(fixtures, name), 'utf8');
const list = (line: string): readonly unknown[] => readMachineSources('/etc/apt/sources.list', line);

test('one-line sources: every archive, with its suites', () => {
  expect(readMachineSources('/etc/apt/sources.list', fixture('sources.list'))).toEqual([
    { name: 'debian', base: 'http://archive.example/debian', suites: ['bookworm', 'bookworm-updates'] },
    { name: 'debian-security', base: 'http://security.example/debian-security', suites: ['bookworm/updates'] },
    { name: 'debian', base: 'http://other.example/debian', suites: ['trixie'] },
    { name: 'vendor', base: 'https://vendor.example', suites: [] },
    { name: 'node-20-x', base: 'https://files.example/linux/node_20.x', suites: ['nodistro'] },
  ]);
});

test('deb822 sources: several URIs and suites, nothing that is disabled', () => {
  expect(readMachineSources('/etc/apt/sources.list.d/vendor.sources', fixture('vendor.sources'))).toEqual([
    { name: 'debian', base: 'http://archive.example/debian', suites: ['bookworm', 'bookworm-updates'] },
    { name: 'ubuntu', base: 'https://files.example/Ubuntu', suites: ['bookworm', 'bookworm-updates'] },
    { name: 'flat', base: 'http://flat.example:8080', suites: [] },
  ]);
});

test.each([
  'deb http://archive.example/a/../b x main',
  'deb http://archive.example/%2e%2e/b x main',
  'deb http://archive.example/a?b x main',
  'deb http://archive.example/a#b x main',
  'deb http:///a x main',
  'deb http://[::1/a x main',
  'deb http://a%2eb/a x main',
  'deb http://archive.example/--- x main',
  'deb http://archive.example/HTTPS x main',
  'deb [unclosed http://archive.example/a x main',
  'rpm http://archive.example/a x main',
  'deb',
])('%s is no source', (line) => {
  expect(list(line)).toEqual([]);
});

test('a name is never what could be a host, so that paths stay clear', () => {
  const part = fc.constantFrom('a', '1', '.', '_', '-', ':', 'https', '/', '%', 'Z');
  fc.assert(
    fc.property(fc.array(part, { maxLength: 10 }), (parts) => {
      for (const { name, base } of readMachineSources('x.list', `deb http://archive.example/${parts.join('')} x main`)) {
        expect(name).toMatch(/^[a-z0-9][a-z0-9-]*$/);
        expect(archiveOf(`/${name}/dists/x/InRelease`, undefined)).toBeUndefined();
        expect(base).not.toMatch(/\/$/);
      }
    }),
  );
});

test('nothing that stands in a file makes it throw', () => {
  const piece = fc.constantFrom(
    'deb ',
    '[',
    ']',
    'http://',
    'a.example',
    '/',
    '\n',
    ' ',
    ':',
    'Types: deb\n',
    'URIs:',
    'Suites: x',
    '#',
    '\0',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (parts) => {
      for (const file of ['a.list', 'a.sources']) expect(Array.isArray(readMachineSources(file, parts.join('')))).toBe(true);
    }),
  );
});
