/** What make does before anything else, in a clone as small as can be: another project, with the same scripts and the same compiler. */
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ROOT } from '../config/sources';

jest.setTimeout(120_000);

let clone: string;
beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), 'larder-prepare-'));
  for (const name of ['package.json', ...SCRIPTS]) {
    mkdirSync(dirname(join(clone, name)), { recursive: true });
    cpSync(join(ROOT, name), join(clone, name));
  }
  for (const name of ['tsconfig.json', 'shared/cli/tsconfig.start.json']) put(name, withoutTypes(readFileSync(join(ROOT, name), 'utf8')));
  put('package-lock.json', '{"packages":{}}');
  // What pack-process.ts makes is no part of this.
  put('shared/pack/pack-process.ts', 'export const nothing = 0;\n');
  put('shared/main.ts', 'export const version = 1;\n');
  put('caches/untyped.d.ts', "declare module 'untyped';\n");
  put('caches/one.ts', "export const one = 'one';\n");
  put('caches/one.test.ts', "import { one } from './one';\nexport const found = one;\n");
  mkdirSync(join(clone, 'node_modules'));
  symlinkSync(join(ROOT, 'node_modules/typescript'), join(clone, 'node_modules/typescript'));
  put('node_modules/.package-lock.json', '{"packages":{}}');
});
afterEach(() => rmSync(clone, { recursive: true, force: true }));

const SCRIPTS = ['prepare.cjs', 'prepare-clone.cjs', 'install-source.cjs', 'make.cjs'].map((name) => `shared/cli/${name}`);

/** As the compiler is told, but for what takes it long here. */
function withoutTypes(text: string): string {
  const { compilerOptions, ...rest } = JSON.parse(text) as { compilerOptions: object };
  return JSON.stringify({ ...rest, compilerOptions: { ...compilerOptions, types: [], lib: ['es5'] } });
}

let moment = Date.now() / 1000 - 1000;
/** Writes a file; each time is another one, however quickly they follow each other, unless it is given. @returns that time */
function put(name: string, text: string, at?: number): number {
  moment += 1;
  mkdirSync(dirname(join(clone, name)), { recursive: true });
  writeFileSync(join(clone, name), text);
  utimesSync(join(clone, name), at ?? moment, at ?? moment);
  return at ?? moment;
}

function prepare(
  words: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(clone, 'shared/cli/prepare.cjs'), ...words], {
    env: { ...process.env, npm_config_cache: '', ...env },
    encoding: 'utf8',
  });
  return { status, out: stdout, err: stderr };
}

const BUILT = { status: 0, out: 'Building…\n', err: '' };
const NOTHING = { status: 0, out: '', err: '' };
const output = (name: string): string => readFileSync(join(clone, 'dist', name), 'utf8');

test('builds what a start needs, once; then everything, once, which is enough for a start', () => {
  expect(prepare(['start'])).toEqual(BUILT);
  expect(existsSync(join(clone, 'dist/caches/one.test.js'))).toBe(false);
  expect(prepare(['start'])).toEqual(NOTHING);
  expect(prepare()).toEqual(BUILT);
  expect(existsSync(join(clone, 'dist/caches/one.test.js'))).toBe(true);
  expect([prepare(), prepare(['start'])]).toEqual([NOTHING, NOTHING]);
});

test('what a build of the other kind wrote since is not taken for its own', () => {
  const version = (number: number, at?: number): number => put('shared/main.ts', `export const version = ${number};\n`, at);
  prepare();
  version(2);
  prepare(['start']);
  version(3);
  expect(prepare()).toEqual(BUILT);
  const then = version(2);
  expect(prepare(['start'])).toEqual(BUILT);
  expect(output('shared/main.js')).toContain('version = 2');
  version(3);
  prepare();
  // Also if the files are back with the times that they had.
  version(2, then);
  expect(prepare(['start'])).toEqual(BUILT);
  expect(output('shared/main.js')).toContain('version = 2');
});

test('what is missing of the output is made again, and so is what an interrupted build left', () => {
  prepare(['start']);
  rmSync(join(clone, 'dist/caches'), { recursive: true });
  expect(prepare(['start'])).toEqual(BUILT);
  expect(output('caches/one.js')).toContain("'one'");
  // As if it had been killed between two files of the next version, and the sources had come back.
  writeFileSync(join(clone, 'dist/.unfinished'), '');
  writeFileSync(join(clone, 'dist/shared/main.js'), 'half of');
  expect(prepare(['start'])).toEqual(BUILT);
  expect(output('shared/main.js')).toContain('version = 1');
  expect(prepare(['start'])).toEqual(NOTHING);
});

test('sources that do not compile: the compiler says where, and the next build is whole', () => {
  prepare();
  put('shared/main.ts', 'export const version: string = 1;\n');
  const { status, out, err } = prepare();
  expect({ status, out }).toEqual({ status: 1, out: 'Building…\n' });
  expect(err).toMatch(/^shared\/main\.ts\(1,14\): error TS2322: .*\nlarder: the sources do not compile \(see above\)\n$/);
  put('shared/main.ts', 'export const version = 3;\n');
  expect(prepare()).toEqual(BUILT);
  expect(output('shared/main.js')).toContain('version = 3');
});

test('a package that is no longer there is installed again', () => {
  const locked = JSON.stringify({ packages: { 'node_modules/one': { version: '1.0.0', integrity: 'sha512-x' } } });
  for (const name of ['package-lock.json', 'node_modules/.package-lock.json']) put(name, locked);
  put('bin/npm', '#!/bin/sh\ncase $1 in config) echo {};; ci) mkdir node_modules/one;; esac\n');
  chmodSync(join(clone, 'bin/npm'), 0o755);
  const PATH = `${join(clone, 'bin')}:${process.env.PATH ?? ''}`;
  const installed = { status: 0, out: 'Installing the locked dependencies… (some 20 MB)\nBuilding…\n', err: '' };
  expect(prepare(['start'], { PATH })).toEqual(installed);
  expect(prepare(['start'], { PATH })).toEqual(NOTHING);
  rmSync(join(clone, 'node_modules/one'), { recursive: true });
  expect(prepare(['start'], { PATH })).toEqual({ ...installed, out: 'Installing the locked dependencies… (some 20 MB)\n' });
});

test('where the home cannot be written, what npm keeps meanwhile does not stay', () => {
  put('package-lock.json', JSON.stringify({ packages: { 'node_modules/one': { version: '1.0.0' } } }));
  put(
    'bin/npm',
    '#!/bin/sh\ncase $1 in config) echo {};; ci) echo "$npm_config_cache" >kept; touch "$npm_config_cache/kept"; exit 1;; esac\n',
  );
  chmodSync(join(clone, 'bin/npm'), 0o755);
  const { status, err } = prepare(['start'], {
    PATH: `${join(clone, 'bin')}:${process.env.PATH ?? ''}`,
    HOME: join(clone, 'package.json/home'),
  });
  expect({ status, err }).toEqual({ status: 1, err: 'larder: the dependencies could not be installed (npm ci, see above)\n' });
  const kept = readFileSync(join(clone, 'kept'), 'utf8').trim();
  expect(kept).toMatch(/larder-npm-/);
  expect(existsSync(kept)).toBe(false);
});

const canLock = spawnSync('flock', ['-n', tmpdir(), 'true']).status === 0;
(canLock ? test : test.skip)(`two at once: one builds, the other waits for it${canLock ? '' : ' (there is no flock here)'}`, async () => {
  const runs = [1, 2].map(
    () =>
      new Promise<{ code: number | null; out: string }>((resolve) => {
        const child = spawn(process.execPath, [join(clone, 'shared/cli/prepare.cjs')], { stdio: ['ignore', 'pipe', 'inherit'] });
        let out = '';
        child.stdout.setEncoding('utf8').on('data', (part: string) => (out += part));
        child.once('close', (code) => resolve({ code, out }));
      }),
  );
  const ended = await Promise.all(runs);
  expect(ended.map(({ code }) => code)).toEqual([0, 0]);
  expect(
    ended
      .map(({ out }) => out)
      .join('')
      .match(/Building…/g),
  ).toHaveLength(1);
  expect(existsSync(join(clone, 'dist/.unfinished'))).toBe(false);
});

describe('the Node that runs make', () => {
  const wrongNode = (version: string): string | undefined =>
    jest
      .requireActual<{ wrongNode: (version: string, file: string) => string | undefined }>(join(ROOT, 'shared/cli/prepare.cjs'))
      .wrongNode(version, '/usr/bin/node');

  test.each(['20.17.0', '22.9.0', '24.1.0', '30.1.0'])('%s will do', (version) => {
    expect(wrongNode(version)).toBeUndefined();
  });
  test.each(['12.22.12', '18.20.1', '20.16.9', '21.7.0', '22.8.0'])('%s will not', (version) => {
    expect(wrongNode(version)).toMatch(/^larder: Node [\d.]+ \(\/usr\/bin\/node\) is too old or not supported; needed is .*PATH$/);
  });

  test('what make runs says so when dist/ or node_modules/ is not whole', () => {
    const run = spawnSync(process.execPath, [join(clone, 'shared/cli/make.cjs'), 'status'], { encoding: 'utf8' });
    expect(run).toMatchObject({ status: 1, stdout: '' });
    expect(run.stderr).toMatch(
      /^larder: what was installed and built here is not whole \(Cannot find module .*\); make build completes it\n$/,
    );
  });
});
