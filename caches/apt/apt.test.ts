import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { laws } from '../../shared/testing/laws';
import { matchRoute, type ImmutableRoute, type ListedRoute, type Route } from '../module';
import { apt } from './apt';

const HEX = '0a'.repeat(32);
const sources = join(__dirname, '../../../caches/apt');

laws(apt, {
  accepts: [undefined],
  documents: [],
  spellings: [
    [
      '/debian/pool/main/g/gcc-12/libstdc++6_12.2.0-14_amd64.deb',
      '/debian/pool/main/g/gcc-12/libstdc%2b%2b6_12.2.0-14_amd64.deb',
      '/debian/pool/main/g/gcc-12/libstdc%2B+6_12.2.0-14_amd64.deb',
    ],
    ['/debian/pool/main/a/a_1:2~rc1_all.deb', '/debian/pool/main/a/a_1%3a2%7erc1_all.deb', '/debian/pool/main/a/a_1%3A2%7Erc1_all.deb'],
    ['/d/dists/x/main/i18n/Translation-sr@latin.xz', '/d/dists/x/main/i18n/Translation-sr%40latin.xz'],
    [`/d/dists/x/main/by-hash/SHA256/${HEX}`, `/d/dists/x/main/by-hash/SHA256/${HEX.toUpperCase()}`],
    ['/home%3a/someone/InRelease', '/home:/someone/InRelease'],
    ['/pool/a%e4%7b_1_all.deb', '/pool/a%E4%7B_1_all.deb'],
  ],
  refused: ['', 'debian', '/a/../b', '/a/./b', '/.', '/..', '/a/%2e%2e', '/a%5cb', '/a b', '/a%0ab', '/%7f', '/\u00e4', '/a#b'],
});

function routed(target: string): { route: Route; params: Readonly<Record<string, string>> } {
  const found = matchRoute(apt, 'GET', target);
  if (!found.route) throw new Error(`${target} matches nothing`);
  return found;
}

function listed(target: string): { rosters: readonly string[]; asked: ReturnType<ListedRoute['asked']>; object: string } {
  const { route, params } = routed(target);
  if (route.kind !== 'listed') throw new Error(`${target} is ${route.kind}`);
  return { rosters: route.rosters(params), asked: route.asked(params), object: route.object(params, HEX) };
}

function file(target: string): { route: ImmutableRoute; params: Readonly<Record<string, string>> } {
  const { route, params } = routed(target);
  if (route.kind !== 'immutable') throw new Error(`${target} is ${route.kind}`);
  return { route, params };
}

test.each([
  ['/d/dists/x/main/binary-amd64/Release', 'index'],
  ['/d/dists/x/main/source/Release', 'index'],
  ['/d/source/Release', 'release'],
  ['/d/dists/x/main/binary-amd64/InRelease', 'release'],
  ['/d/dists/x/Release?x=1', 'other'],
  ['/d/dists/x', 'other'],
  ['/d/dists/x/', 'other'],
  ['/d/dists/README', 'other'],
  ['/dists/dists/x', 'index'],
  ['/d/dists/x/main/installer-amd64/current/images/netboot/netboot.tar.gz', 'other'],
  ['/d/dists/x/main/installer-amd64/current/images/MD5SUMS', 'index'],
  [`/d/dists/x/main/by-hash/SHA256/${HEX}0`, 'other'],
  ['/d/dists/x/main/by-hash/SHA256/abc', 'other'],
  [`/d/dists/x/main/by-hash/SHA3/${HEX}`, 'other'],
  ['/d/dists/x/main/In%52elease', 'other'],
  ['/d/dists/x/a.deb', 'pool'],
  ['/d/dists/x/main/dep11/a_1.tar.gz', 'index'],
  ['/d/pool/index.html', 'other'],
  ['/d/pool/x.deb', 'pool'],
  ['/d/latest/tool_current_amd64.deb', 'other'],
  ['/d/latest/tool_current_x86_64.deb', 'other'],
  ['/d/latest/tool.deb', 'other'],
  ['/d/images/disk-12.tar.xz', 'other'],
  ['/d/tool_v1.2_amd64.deb', 'flat-file'],
  ['/d/tool_1.dsc', 'flat-file'],
  ['/d/Packages.lzma', 'flat-index'],
  ['/d/Packages.txt', 'other'],
  ['/d/Packages.diff/Index', 'flat-index'],
  ['/d/key.gpg', 'other'],
])('%s is %s', (target, name) => {
  expect(routed(target).route.name).toBe(name);
});

test.each(['POST', 'PUT', 'DELETE'])('%s is answered by nothing', (method) => {
  expect(matchRoute(apt, method, '/debian/x')).toEqual({ otherMethods: ['GET', 'HEAD'] });
});

test.each<[string, string, readonly string[], string]>([
  ['/d/dists/x/main/binary-amd64/Packages.xz', 'main/binary-amd64/Packages.xz', ['/d/dists/x'], '/d/dists/x/main/binary-amd64'],
  ['/dists/x/main/i18n/Translation-en', 'main/i18n/Translation-en', ['/dists/x'], '/dists/x/main/i18n'],
  [
    '/d/dists/x/updates/main/binary-amd64/Packages',
    'main/binary-amd64/Packages',
    ['/d/dists/x/updates', '/d/dists/x'],
    '/d/dists/x/updates/main/binary-amd64',
  ],
  [
    '/d/dists/x/vendor/part/binary-amd64/Packages',
    'part/binary-amd64/Packages',
    ['/d/dists/x/vendor', '/d/dists/x'],
    '/d/dists/x/vendor/part/binary-amd64',
  ],
  ['/d/dists/x/Contents-amd64.gz', 'Contents-amd64.gz', ['/d/dists/x'], '/d/dists/x'],
  ['/d/dists/x/stable/Contents-amd64.gz', 'stable/Contents-amd64.gz', ['/d/dists/x', '/d/dists/x/stable'], '/d/dists/x/stable'],
  ['/d/dists/x/updates/Contents-amd64.gz', 'Contents-amd64.gz', ['/d/dists/x/updates', '/d/dists/x'], '/d/dists/x/updates'],
  ['/d/dists/x/main/uefi/a/b', 'main/uefi/a/b', ['/d/dists/x'], '/d/dists/x/main/uefi/a'],
  ['/d/dists/x/y/z', 'y/z', ['/d/dists/x', '/d/dists/x/y'], '/d/dists/x/y'],
  ['/d/dists/x/main/i18n/Translation-a%2bb%20c', 'main/i18n/Translation-a+b c', ['/d/dists/x'], '/d/dists/x/main/i18n'],
  ['/r/Packages.gz', 'Packages.gz', ['/r'], '/r'],
  ['/Sources', 'Sources', [''], ''],
  ['/r/Packages.diff/Index', 'Packages.diff/Index', ['/r'], '/r/Packages.diff'],
])('%s is %s of its roster', (target, name, folders, objectFolder) => {
  expect(listed(target)).toEqual({
    rosters: folders.flatMap((folder) => [`${folder}/InRelease`, `${folder}/Release`]),
    asked: { name },
    object: `${objectFolder}/by-hash/SHA256/${HEX}`,
  });
});

test('what is asked by digest says so, in every algorithm', () => {
  const base = '/d/dists/x/main/binary-amd64';
  const asked = (algorithm: string, bytes: number): unknown => listed(`${base}/by-hash/${algorithm}/${'0A'.repeat(bytes)}`);
  const all = { rosters: ['/d/dists/x/InRelease', '/d/dists/x/Release'], object: `${base}/by-hash/SHA256/${HEX}` };
  const digest = (bytes: number): string => Buffer.alloc(bytes, 10).toString('base64');
  expect(asked('SHA512', 64)).toEqual({ ...all, asked: { digest: `sha512-${digest(64)}` } });
  expect(asked('SHA256', 32)).toEqual({ ...all, asked: { digest: `sha256-${digest(32)}` } });
  expect(asked('SHA1', 20)).toEqual({ ...all, asked: { digest: `sha1-${digest(20)}` } });
  expect(asked('MD5Sum', 16)).toEqual({ ...all, asked: { digest: `md5-${digest(16)}` } });
  expect(listed(`/r/by-hash/SHA256/${HEX}`).rosters[0]).toBe('/r/InRelease');
  expect(listed(`/r/Packages.diff/by-hash/SHA256/${HEX}`).rosters[0]).toBe('/r/InRelease');
});

test('a path of many segments is not guessed at for ever', () => {
  expect(listed(`/d/dists/${'a/'.repeat(1000)}Packages`).rosters.length).toBeLessThanOrEqual(12);
});

test.each<[string, string, readonly string[]]>([
  ['/d/pool/main/b/base/base_1_amd64.deb', '/d/dists/', ['main/binary-amd64/Packages']],
  [
    '/d/pool/main/b/base/base_1_all.deb',
    '/d/dists/',
    ['main/binary-amd64/Packages', 'main/binary-arm64/Packages', 'main/binary-all/Packages'],
  ],
  [
    '/d/pool/contrib/b/base/base_1_arm64.udeb',
    '/d/dists/',
    ['contrib/debian-installer/binary-arm64/Packages', 'main/debian-installer/binary-arm64/Packages'],
  ],
  ['/pool/updates/main/b/base/base_1_i386.deb', '/dists/', ['main/binary-i386/Packages']],
  ['/d/pool/main/b/base/base_1.dsc', '/d/dists/', ['main/source/Sources']],
  ['/d/pool/b/base/base_1_amd64.deb', '/d/dists/', ['main/binary-amd64/Packages']],
  ['/v/dists/x/pool/stable/amd64/a_1_amd64.deb', '/v/dists/', ['stable/binary-amd64/Packages', 'main/binary-amd64/Packages']],
  ['/r/sub/a_1_amd64.deb', '/r/sub/', ['Packages']],
  ['/a_1.orig.tar.gz', '/', ['Sources']],
  ['/d/dists/x/updates/main/binary-amd64/Packages.diff/T-1-F-2.gz', '/d/dists/x/updates/', ['main/binary-amd64/Packages.diff/Index']],
  ['/r/Sources.diff/2024.gz', '/r/', ['Sources.diff/Index']],
])('%s is looked for in %s', (target, rosters, names) => {
  const { route, params } = file(target);
  expect(route.listedIn?.(params)).toMatchObject({ rosters, names });
});

test.each<[string, string[] | undefined]>([
  ['/a_1_all.deb', []],
  ['/r/a_1_all.deb', ['/']],
  ['/home:/x/Debian_12/amd64/a_1_amd64.deb', ['/home:/x/Debian_12/', '/home:/x/', '/home:/']],
  ['/d/pool/main/b/base/base_1_all.deb', undefined],
])('%s may be of a flat repository above', (target, above) => {
  const { route, params } = file(target);
  expect(route.listedIn?.(params).above).toEqual(above);
});

test.each([
  ['/debian/pool/main/a/attr/attr_2.4.47-2%2bb1_amd64.deb', 'pkg:deb/debian/attr@2.4.47-2%2Bb1?arch=amd64'],
  ['/debian-security/pool/updates/main/o/o/O_1~deb12u2.dsc', 'pkg:deb/debian/o@1~deb12u2?arch=source'],
  ['/ubuntu/pool/main/h/hello/hello_2.10-3.debian.tar.xz.asc', 'pkg:deb/ubuntu/hello@2.10-3?arch=source'],
  ['/ubuntu/pool/main/h/hello/hello_2.10.orig-part-b.tar.gz', 'pkg:deb/ubuntu/hello@2.10?arch=source'],
  ['/r/tool_1%3a2_all.deb', 'pkg:deb/tool@1:2?arch=all'],
  ['/pool/x.deb', 'pkg:deb/x'],
])('%s is %s', (target, purl) => {
  const { route, params } = file(target);
  expect(route.purl?.(params)).toBe(purl);
});

test('what is below dists/ fails by a closed connection, and all of it is dated', () => {
  const answered = apt.routes.filter(({ kind }) => kind !== 'passthrough');
  expect(answered.map(({ dated }) => dated)).toEqual(answered.map(() => true));
  expect(answered.filter(({ failure }) => failure !== 'close').map(({ name }) => name)).toEqual(['pool', 'flat-file']);
});

test('upstreams get a plus sign as apt writes it', () => {
  expect(apt.address?.('http://archive.example', '/pool/g++_1+b_all.deb?a+b')).toBe(
    'http://archive.example/pool/g%2b%2b_1%2bb_all.deb?a+b',
  );
});

test('purging a name takes its folder in every pool, and its files wherever they are', () => {
  const taken = (name: string, targets: readonly string[]): readonly string[] =>
    targets.filter((target) => apt.purge(name).anywhere?.test(target));
  const own = [
    '/debian/pool/main/b/base/base_1_amd64.deb',
    '/debian/pool/contrib/b/base/other_1_all.deb',
    '/pool/updates/main/b/base/base_1.dsc',
    '/debian/pool/main/o/other/base_1_amd64.deb',
    '/flat/base_1_amd64.deb',
  ];
  const others = ['/debian/pool/main/b/base-x/base-x_1_all.deb', '/debian/pool/main/d/database/database_1_all.deb', '/base/x_1_all.deb'];
  expect(taken('base', [...own, ...others])).toEqual(own);
  const plus = '/debian/pool/main/libs/libs++/x_1_all.deb';
  expect(taken('libs++', [plus, plus.replace('++', 'ss')])).toEqual([plus]);
  expect(apt.purge('base')).toMatchObject({ documents: [], prefix: '' });
});

test('purging a path takes what begins with it', () => {
  const { anywhere } = apt.purge('/d/pool/main/b+/');
  expect([
    anywhere?.test('/d/pool/main/b+/x_1_all.deb'),
    anywhere?.test('/d/pool/main/bb/x'),
    anywhere?.test('/x/d/pool/main/b+/'),
  ]).toEqual([true, false, false]);
});

test('errors are one short line', () => {
  const view = { status: 502, code: 'upstream-failed', text: 'it is away', remedy: '' };
  expect(apt.error(view).body.toString()).toBe('it is away\n');
  expect(apt.error({ ...view, remedy: 'wait' }).body.toString()).toBe('it is away; wait\n');
});

test('every client has a line and a way back, and the files beside the module have the base', () => {
  for (const { on, off } of apt.clients('http://larder.test:3142')) expect([on, off]).toEqual([expect.any(String), expect.any(String)]);
  const folder = join(sources, 'client');
  for (const { name } of readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile())) {
    const text = readFileSync(join(folder, name), 'utf8');
    expect([name, /way back|Auto-Detect/.test(text)]).toEqual([name, true]);
  }
  expect(readFileSync(join(folder, '01proxy'), 'utf8')).toContain('"{base}/"');
});

test.each(['http://larder.test:3142', 'https://larder.test', 'http://[::1]:3142'])(
  'the sources of a machine lead through %s, and back',
  (base) => {
    const { on = '', off = '' } = apt.clients(base).find(({ client }) => client === 'apt (by path)') ?? {};
    const folder = mkdtempSync(join(tmpdir(), 'larder-apt-'));
    const run = (command: string): void => void execFileSync('sh', ['-c', command.replace('sudo ', '').replace('/etc/apt', folder)]);
    const files = ['sources.list', 'vendor.sources'];
    const texts = (): string[] => files.map((name) => readFileSync(join(folder, name), 'utf8'));
    try {
      for (const name of files) cpSync(join(sources, 'fixtures', name), join(folder, name));
      // The mark that is there already is a way to write https.
      const before = texts().map((text) => text.replace('http://HTTPS///', 'https://'));
      run(on);
      const once = texts();
      run(on);
      expect(texts()).toEqual(once);
      expect(once[0]).toContain(`\ndeb ${base}/archive.example/debian bookworm main contrib # and why\n`);
      expect(once[0]).toContain(`\ndeb [ trusted=yes ] ${base}/HTTPS///vendor.example/ ./\n`);
      expect(once[0]).toContain('\ndeb mirror+http://mirrors.example/list bookworm main\ndeb http://user:password@private.example/private');
      expect(once[1]).toContain(`\nURIs: ${base}/archive.example/debian\n ${base}/HTTPS///files.example/Ubuntu/\n`);
      run(off);
      expect(texts()).toEqual(before);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
