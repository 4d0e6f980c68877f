import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openHouse, type HouseOptions, type LocalHouse } from '../../testing/house';
import { startIndex, type FakeIndex } from '../../testing/python-index';
import { runLarder } from '../larder';

jest.setTimeout(60_000);

const [WHEEL, SECOND] = ['foo-1.0-py3-none-any.whl', 'foo-2.0-py3-none-any.whl'];
const NPM = 'https://npm.example/registry';

let folder: string;
let index: FakeIndex;
const toStop: { stop(): Promise<void> }[] = [];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'larder-lockfile-'));
  index = await startIndex({ filesElsewhere: true });
  index.addProject({ name: 'foo', releases: { '1.0': {}, '2.0': {} } });
});
afterEach(async () => {
  for (const one of toStop.splice(0)) await one.stop();
  await index.close();
  rmSync(folder, { recursive: true });
});

async function open(options: Partial<HouseOptions> = {}): Promise<LocalHouse> {
  const house = await openHouse({ module: 'pip', upstream: index.url, home: join(folder, 'home'), ...options });
  toStop.push(house);
  return house;
}

interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

async function larder(args: readonly string[], settings: Readonly<Record<string, string>>, input = ''): Promise<Ran> {
  const [out, err]: [string[], string[]] = [[], []];
  writeFileSync(join(folder, '.env'), '');
  const status = await runLarder(args, {
    env: {
      HOME: folder,
      LARDER_ENV_FILE: join(folder, '.env'),
      CACHE_DIR: join(folder, 'home', 'cache'),
      STATE_DIR: join(folder, 'home', 'state'),
      UPSTREAM_pip: index.url,
      UPSTREAM_npm: NPM,
      MIN_FREE: '1MB',
      APT_SOURCES: 'no',
      ...settings,
    },
    out: (line) => out.push(`${line}\n`),
    err: (line) => err.push(`${line}\n`),
    write: (text) => out.push(text),
    readInput: () => Promise.resolve(input),
  });
  return { status, out: out.join(''), err: err.join('') };
}

const restore = (args: readonly string[], settings: Readonly<Record<string, string>> = {}, input = ''): Promise<Ran> =>
  larder(['lockfile', 'restore', ...args], settings, input);
const file = (name: string): string => join(folder, name);
const read = (name: string): string => readFileSync(file(name), 'utf8');

/** As uv writes it, with odd spacing and line ends that must stay. */
function uvLock(base: string, files: string): string {
  const url = (name: string): string => `${files}${index.target(name)}`;
  return [
    'version = 1\r',
    `source = { registry = "${base}" }`,
    `sdist = { url = "${url(SECOND)}", hash = "sha256:00", size = 1 }`,
    `wheels = [  { url = "${url(WHEEL)}", hash = "sha256:11" },\t]`,
    'end without a line’s end',
  ].join('\n');
}

test('uv.lock becomes what it is without the cache, byte for byte, while the cache runs and when it does not', async () => {
  const house = await open();
  const settings = { PORT_pip: String(house.port) };
  const through = uvLock(`${house.url}/simple/`, house.url);
  const without = uvLock(index.url, index.files.url);
  writeFileSync(file('uv.lock'), through);
  chmodSync(file('uv.lock'), 0o640);

  expect(await restore(['--check', file('uv.lock')], settings)).toEqual({
    status: 1,
    out: `${file('uv.lock')}: 3 addresses of a cache\n`,
    err: '',
  });
  expect(read('uv.lock')).toBe(through);
  expect(await restore([file('uv.lock')], settings)).toEqual({ status: 0, out: `${file('uv.lock')}: 3 addresses put back\n`, err: '' });
  expect(read('uv.lock')).toBe(without);
  expect(statSync(file('uv.lock')).mode & 0o777).toBe(0o640);
  const { mtimeMs } = statSync(file('uv.lock'));
  expect(await restore(['--check', file('uv.lock')], settings)).toMatchObject({ status: 0 });
  expect(await restore([file('uv.lock')], settings)).toEqual({ status: 0, out: `${file('uv.lock')}: no address of a cache\n`, err: '' });
  expect(statSync(file('uv.lock')).mtimeMs).toBe(mtimeMs);

  // Its store knows the files too.
  await house.kept('/simple/foo/');
  await house.stop();
  expect(await restore(['-'], settings, through)).toEqual({ status: 0, out: without, err: '' });
});

test('what nobody can say is one line, and the file stays as it was', async () => {
  const port = 18_141;
  const through = uvLock(`http://127.0.0.1:${port}/simple`, `http://127.0.0.1:${port}`);
  writeFileSync(file('uv.lock'), through);
  const { status, out, err } = await restore([file('uv.lock')], { PORT_pip: String(port) });
  expect([status, out]).toEqual([1, '']);
  expect(err).toMatch(
    /^larder: \S+uv\.lock: nobody can say where the upstream has http:\/\/127\.0\.0\.1:18141\S+foo-\d\S+ \(and 1 more\); start the cache, which .*: make start c=pip; this file is as it was\n$/,
  );
  expect(read('uv.lock')).toBe(through);
  expect(readdirSync(folder).filter((name) => name.includes('larder'))).toEqual([]);
});

test('package-lock.json, yarn.lock and bun.lock: every name of the cache, named upstreams, fragments and integrity', async () => {
  const settings = {
    PORT_npm: '18080',
    UPSTREAM_npm_corp: 'https://corp.example',
    ALLOW_HOSTS: 'cache.example',
    PUBLIC_URL_npm: 'https://tls.example/npm',
  };
  const lock = (base: string, corp: string): string => `{
  "packages": {
    "node_modules/ms": { "resolved": "${base}/ms/-/ms-2.1.3.tgz", "integrity": "sha512-6Flz+/ubTLZG3J2a==" },
\t"node_modules/@corp/x": { "resolved":"${corp}/@corp/x/-/x-1.0.0.tgz" },
    "other": "http://127.0.0.1:18081/ms/-/ms-2.1.3.tgz http://elsewhere.example:18080/ms/-/ms-2.1.3.tgz"
  }
}
ms@^2.1.3:
  resolved "${base}/ms/-/ms-2.1.3.tgz#574c8138ce1d2b5861f0b44579dbadd60c6615b2"
    "ms": ["ms@2.1.3", "${base}/ms/-/ms-2.1.3.tgz", {}, "sha512-6Flz"],
`;
  for (const base of [
    'http://127.0.0.1:18080',
    'http://localhost:18080',
    'http://cache-npm:18080',
    'http://cache.example:18080',
    'https://tls.example/npm',
  ]) {
    const { status, out, err } = await restore(['-'], settings, lock(base, `${base}/corp`));
    expect([status, err, out]).toEqual([0, '', lock(NPM, 'https://corp.example')]);
  }
});

test('what a symbolic link leads to is written, and the link stays', async () => {
  mkdirSync(file('real'));
  const text = (base: string): string => `"resolved": "${base}/ms/-/ms-2.1.3.tgz"\r\n`;
  writeFileSync(file('real/package-lock.json'), text('http://127.0.0.1:18080'));
  symlinkSync('real/package-lock.json', file('package-lock.json'));
  expect(await restore([file('package-lock.json')], { PORT_npm: '18080' })).toMatchObject({ status: 0, err: '' });
  expect(lstatSync(file('package-lock.json')).isSymbolicLink()).toBe(true);
  expect(read('real/package-lock.json')).toBe(text(NPM));
  expect(readdirSync(file('real'))).toEqual(['package-lock.json']);
});

const isRoot = process.getuid?.() === 0;
(isRoot ? test : test.skip)(`what root puts back stays its owner's${isRoot ? '' : ' (only root can try it)'}`, async () => {
  writeFileSync(file('yarn.lock'), 'resolved "http://127.0.0.1:18080/ms/-/ms-2.1.3.tgz"\n');
  chownSync(file('yarn.lock'), 1234, 1235);
  chmodSync(file('yarn.lock'), 0o640);
  expect(await restore([file('yarn.lock')], { PORT_npm: '18080' })).toMatchObject({ status: 0, err: '' });
  const { uid, gid, mode } = statSync(file('yarn.lock'));
  expect([uid, gid, mode & 0o777]).toEqual([1234, 1235, 0o640]);
});

test('--base names a cache elsewhere', async () => {
  const text = '"http://10.9.8.7:18080/ms/-/ms-2.1.3.tgz" "https://far.example/x/ms/-/ms-2.1.3.tgz"';
  const settings = { PORT_npm: '18080' };
  // Nobody is there to be asked: by the settings here.
  expect(
    await restore(
      ['-', '--base', 'http://127.9.8.7:18080', 'npm=http://127.0.0.9:18082/x'],
      settings,
      text.replace('10.9', '127.9').replace('https://far.example', 'http://127.0.0.9:18082'),
    ),
  ).toEqual({
    status: 0,
    out: `"${NPM}/ms/-/ms-2.1.3.tgz" "${NPM}/ms/-/ms-2.1.3.tgz"`,
    err: '',
  });
  expect((await restore(['-'], settings, text)).out).toBe(text);
});

test.each([
  [
    ['--base', 'http://h.example:1'],
    /^larder: --base http:\/\/h\.example:1 names none of the caches npm, .*; say which it is: --base npm=http:\/\/h\.example:1\n$/,
  ],
  [['--base', 'npm'], /^larder: --base npm is no URL; give http:\/\/host:port, or npm=https:\/\/host\n$/],
])('%j is one line', async (args, line) => {
  expect(await restore(['-', ...args])).toEqual({ status: 1, out: '', err: expect.stringMatching(line) as string });
});

test('a file that is not there, or is no text, is one line; the others before it are done', async () => {
  writeFileSync(file('binary'), Buffer.from([0xff, 0xfe]));
  expect(await restore([file('none')])).toMatchObject({
    status: 1,
    err: `larder: ${file('none')} cannot be read (ENOENT); give the path of a lockfile\n`,
  });
  expect(await restore([file('binary')])).toMatchObject({
    status: 1,
    err: `larder: ${file('binary')} is no text in UTF-8; give the path of a lockfile\n`,
  });
});

describe('the program', () => {
  test('says its version, its help, and what it does not understand', async () => {
    const { version } = JSON.parse(readFileSync(join(__dirname, '../../../../package.json'), 'utf8')) as { version: string };
    expect(await larder(['--version'], {})).toEqual({ status: 0, out: `${version}\n`, err: '' });
    const help = await larder(['--help'], {});
    expect(help).toMatchObject({ status: 0, out: expect.stringMatching(/^Usage: larder [^]*\n {2}status [^]*\n {2}lockfile /) as string });
    expect(await larder(['lockfile', 'restore', '--help'], {})).toMatchObject({
      status: 0,
      out: expect.stringContaining('--check') as string,
    });
    expect(await larder(['nonsense'], {})).toEqual({ status: 2, out: '', err: "larder: unknown command 'nonsense'; see larder --help\n" });
    expect(await larder(['status', '--nonsense'], {})).toMatchObject({
      status: 2,
      err: "larder: unknown option '--nonsense'; see larder --help\n",
    });
    expect(await larder(['lockfile', 'restore'], {})).toMatchObject({ status: 2, out: '' });
  });

  test('has the verbs of make, with the same answers', async () => {
    expect(await larder(['env', '--cache', 'pip', '--client', 'uv'], {})).toEqual({
      status: 0,
      out: 'export UV_DEFAULT_INDEX=http://127.0.0.1:3141/simple/\n',
      err: '',
    });
    expect(await larder(['gc', '-c', 'nothing'], {})).toMatchObject({
      status: 1,
      err: expect.stringContaining('there is no cache "nothing"') as string,
    });
  });
});
