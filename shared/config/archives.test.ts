/** Several caches at once; settings of caches whose clients name the archive; what this machine is told itself. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Module } from '../../caches/module';
import { isLarderError } from '../errors';
import type { CacheConfig, Config, Origin } from './config';
import { effectiveSettings } from './effective';
import { envExample } from './env-example';
import { loadConfig, type ConfigInput } from './load';
import { startWarnings } from './warnings';

const plain = (name: string, defaultPort: number): Module => ({
  name,
  title: name,
  defaultPort,
  routes: [],
  purge: () => ({ documents: [], prefix: '' }),
  error: () => ({ contentType: '', body: Buffer.alloc(0) }),
  clients: () => [],
});
/** One archive a line: `base name suite…`. */
const deb: Module = {
  ...plain('deb', 3142),
  archive: (path) => {
    const host = /^\/([^/.:]*[.:][^/]*|https)\/./.exec(path)?.[1];
    return host === undefined ? undefined : { scheme: 'http', host, target: '/' };
  },
  machineSources: {
    files: ['/etc/deb/sources', '/etc/deb/sources.d/*.list'],
    read: (_file, text) =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => {
          const [base = '', name = '', ...suites] = line.split(' ');
          return { name, base, suites };
        }),
  },
};
const modules = [plain('npm', 8080), plain('pip', 3141), deb];
let machineRoot: string;
let envFile: string;

beforeEach(() => {
  machineRoot = mkdtempSync(join(tmpdir(), 'larder-machine-'));
  envFile = join(machineRoot, '.env');
  mkdirSync(join(machineRoot, 'etc/deb/sources.d'), { recursive: true });
});
afterEach(() => rmSync(machineRoot, { recursive: true }));

const inputOf = (env: Record<string, string>, file: string): ConfigInput => {
  writeFileSync(envFile, file);
  return { env: { HOME: machineRoot, ...env }, envFile, modules, machineRoot };
};
const load = (env: Record<string, string> = {}, file = ''): Config => loadConfig(inputOf(env, file));
const cacheOf = (config: Config, name: string): CacheConfig => config.caches.find((each) => each.name === name) as CacheConfig;
const source = (file: string, text: string): void => writeFileSync(join(machineRoot, 'etc/deb', file), text);
const found = (config = load()): Origin[] => cacheOf(config, 'deb').origins.slice(1);
const refusal = (env: Record<string, string>, file = ''): string => {
  try {
    load(env, file);
  } catch (error) {
    expect(isLarderError(error) && error.code).toBe('config');
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
};

test('three caches, each with its own settings; CACHES leaves some out', () => {
  const config = load(
    {},
    'PORT_pip=4000\nUPSTREAM_pip=http://a.test/simple/ http://b.test\nUPSTREAM_pip_torch=http://c.test/whl\nTTL_deb=60\nCACHE_SIZE_pip=1GB',
  );
  expect(config.caches.map(({ name, port }) => [name, port])).toEqual([
    ['npm', 8080],
    ['pip', 4000],
    ['deb', 3142],
  ]);
  expect(cacheOf(config, 'pip')).toMatchObject({
    sizeBytes: 1e9,
    origins: [{ bases: ['http://a.test/simple', 'http://b.test'] }, { name: 'torch' }],
  });
  expect(cacheOf(config, 'deb')).toMatchObject({ ttlSeconds: 60, hosts: 'any', origins: [{ name: 'registry', bases: [] }] });
  expect(load({ CACHES: 'deb, pip' }).caches.map(({ name }) => name)).toEqual(['deb', 'pip']);
  expect(refusal({ PORT_deb: '3141' })).toContain('pip has this port already');
  expect(refusal({ UPSTREAM_npm: 'http://localhost:3142/x' })).toContain('the deb cache');
});

describe('<C>_HOSTS', () => {
  test('a list, any by default; only where clients name the archive', () => {
    const hosts = (value: string): unknown => cacheOf(load({ DEB_HOSTS: value }), 'deb').hosts;
    expect(hosts('A.example, *.B.example  c.example:8000 [FD00::1]:80 192.0.2.1')).toEqual([
      'a.example',
      '*.b.example',
      'c.example:8000',
      '[fd00::1]:80',
      '192.0.2.1',
    ]);
    expect([hosts(''), hosts('ANY')]).toEqual(['any', 'any']);
    expect(cacheOf(load(), 'npm')).not.toHaveProperty('hosts');
    expect(refusal({}, 'NPM_HOSTS=a.example')).toContain('this cache has no such setting');
  });

  test.each([
    'http://a.example',
    'a.example/x',
    '*',
    '*.',
    'a.*.example',
    'any a.example:x',
    'a.example:70000',
    'a.example:0',
    '*.a.example:80',
    '*.10.0.0.1',
    'a b:c',
    '[x]',
    'u@a',
  ])('%s is refused', (value) => expect(refusal({ DEB_HOSTS: value })).toMatch(/^DEB_HOSTS=.* is not possible: any, or a list of host/));

  test('any and an address beyond this machine is worth a line at the start', () => {
    const warned = (env: Record<string, string>, cache = 'deb'): number => {
      const config = load(env);
      return startWarnings(config, cacheOf(config, cache)).length;
    };
    expect(warned({ GLOBAL_IP: '127.0.0.1 192.0.2.7' })).toBe(1);
    expect(warned({ GLOBAL_IP: '0.0.0.0' })).toBe(1);
    expect(warned({ GLOBAL_IP: '127.0.0.1 ::1' })).toBe(0);
    expect(warned({ GLOBAL_IP: '0.0.0.0', DEB_HOSTS: 'a.example' })).toBe(0);
    expect(warned({ GLOBAL_IP: '0.0.0.0' }, 'npm')).toBe(0);
  });
});

describe('names with hyphens', () => {
  test('may be written with _, which shells can export', () => {
    const origins = found(
      load(
        { UPSTREAM_deb_a_b: 'http://env.test' },
        'UPSTREAM_deb_a-b=http://file.test\nUPSTREAM_deb_c-d=http://c.test\nUPSTREAM_deb_c_d_AUTH=u:p',
      ),
    );
    expect(origins).toEqual([
      { name: 'a-b', bases: ['http://env.test'], operatorNamed: true },
      { name: 'c-d', bases: ['http://c.test'], operatorNamed: true, authorization: 'Basic dTpw' },
    ]);
    writeFileSync(join(machineRoot, 'token'), 'sesame');
    const file = `UPSTREAM_deb_a_b=http://a.test\nUPSTREAM_deb_a_b_AUTH_FILE=token`;
    expect(found(load({}, file))).toMatchObject([{ name: 'a-b', authorization: 'Bearer sesame' }]);
    expect(execFileSync('sh', ['-c', 'export UPSTREAM_deb_a_b=http://a.test; printenv UPSTREAM_deb_a_b'], { encoding: 'utf8' })).toContain(
      'a.test',
    );
  });

  test.each([
    ['UPSTREAM_deb_a-b=http://a.test\nUPSTREAM_deb_a_b=http://b.test', 'UPSTREAM_deb_a-b is set in the same place'],
    ['UPSTREAM_deb_a-b_c=http://a.test', 'lower-case letters, digits and -'],
    ['UPSTREAM_deb__a=http://a.test', 'lower-case letters, digits and -'],
    ['UPSTREAM_deb_a.b=http://a.test', 'lower-case letters, digits and -'],
    ['UPSTREAM_deb_https=http://a.test', "a word of the cache's own URLs"],
    ['UPSTREAM_deb__cache=http://a.test', 'lower-case letters, digits and -'],
    ['UPSTREAM_deb_a_b_AUTH=sesame', 'goes with UPSTREAM_deb_a-b'],
  ])('%s is refused', (file, reason) => {
    const message = refusal({}, file);
    expect(message).toContain(reason);
    expect(message).not.toContain('sesame');
  });
});

describe("this machine's own archives", () => {
  test('become named origins after the configured ones, which win; what they are told twice is one', () => {
    source(
      'sources',
      'http://one.example/debian/ Debian stable stable-updates\nhttp://one.example/debian debian stable backports\nhttp://two.example/debian debian x\n',
    );
    source('sources.d/b.list', 'http://three.example/x third y');
    source('sources.d/a.list', 'https://four.example corp z');
    source('sources.d/c.list.disabled', 'http://no.example/ no no');
    const config = load({}, 'UPSTREAM_deb_corp=http://corp.test');
    expect(found(config)).toEqual([
      { name: 'corp', bases: ['http://corp.test'], operatorNamed: true },
      { name: 'debian', bases: ['http://one.example/debian'], operatorNamed: true, suites: ['stable', 'stable-updates', 'backports'] },
      { name: 'debian-2', bases: ['http://two.example/debian'], operatorNamed: true, suites: ['x'] },
      { name: 'third', bases: ['http://three.example/x'], operatorNamed: true, suites: ['y'] },
    ]);
    expect(Object.isFrozen(found(config)[1]?.suites)).toBe(true);
    expect(found(load({ DEB_SOURCES: 'no' }))).toEqual([]);
    const shown = effectiveSettings(inputOf({}, ''), load()).find(({ name }) => name === 'DEB_SOURCES');
    expect(shown).toMatchObject({ from: 'default', value: expect.stringContaining('debian: http://one.example/debian, ') });
  });

  test('what is of no use is passed over: credentials, other schemes, ourselves, reserved names, what cannot be read', () => {
    source(
      'sources',
      'http://me:secret@one.example/a a x\ncdrom:[disc] b x\nhttp://127.0.0.1:3142/debian c x\nhttp://localhost:8080/ d x\nhttp://e.example npm x\nhttp://f.example /../ x\nhttp://g.example \nhttp://h.example registry x\n',
    );
    mkdirSync(join(machineRoot, 'etc/deb/sources.d/folder.list'));
    symlinkSync(join(machineRoot, 'nowhere'), join(machineRoot, 'etc/deb/sources.d/dangling.list'));
    execFileSync('mkfifo', [join(machineRoot, 'etc/deb/sources.d/pipe.list')]);
    source('sources.d/large.list', `http://l.example l x\n${'#'.repeat(300_000)}`);
    expect(found().map(({ name }) => name)).toEqual(['npm-2', 'registry-2']);
    rmSync(join(machineRoot, 'etc'), { recursive: true });
    expect(found()).toEqual([]);
  });

  test('only so many of them', () => {
    for (let file = 0; file < 100; file++)
      source(`sources.d/${file}.list`, `http://h${file}.example n${file} ${'s '.repeat(3)}\n`.repeat(10));
    expect(found()).toHaveLength(63); // of 64 files, one of which (`sources`) is not there
    source('sources', Array.from({ length: 1000 }, (_, n) => `http://h${n}.example same s${n}`).join('\n'));
    expect(found()).toHaveLength(64);
    source('sources', Array.from({ length: 1000 }, (_, n) => `http://h.example same s${n}`).join('\n'));
    expect(found()[0]?.suites).toHaveLength(64);
  });
});

test('the example of settings has what each cache has', () => {
  const text = envExample(modules);
  expect(text).toContain('\n#DEB_HOSTS=\n');
  expect(text).toContain('\n#DEB_SOURCES=\n');
  expect(text).toMatch(/\n#PORT_npm=8080\n#PORT_pip=3141\n#PORT_deb=3142\n/);
  const lines = text.split('\n').filter((line) => /^#\S/.test(line));
  expect(lines.filter((line) => line.includes('<') || line.includes('NPM_'))).toEqual([]);
  expect(envExample([plain('npm', 1)])).not.toMatch(/_SOURCES|archive/);
});
