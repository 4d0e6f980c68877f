import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { startHouse } from '../testing/house';
import { bytes, offer, tarballTarget } from '../testing/packages';
import { startUpstream, type FakeUpstream } from '../testing/upstream';
import { until } from '../testing/until';
import { makePack } from './pack';
import { codeFile, openPack, runPacked } from './packed';

jest.setTimeout(120_000);

const DIST = resolve(__dirname, '..', '..');
let folder: string;

beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'pack-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a pack of a few modules', () => {
  const write = (modules: Record<string, string>): void => {
    for (const [name, text] of Object.entries(modules)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
  };
  const pack = (...first: string[]): void => writeFileSync(join(folder, 'server.js'), makePack(folder, first));
  const run = (first = 0): object => {
    const packed = openPack(folder);
    if (!packed) throw new Error('there is no current pack');
    return runPacked(packed, folder, first).exports;
  };

  test('does what the modules do: each is run once, when it is first required, and knows its place', () => {
    write({
      'a.js': `const b = require("./in/b"); const c = require('./c'); exports.all = [b.name, c.name, require("./in/b") === b, b.place];`,
      'in/b.js': `exports.name = 'b' + require("../c").count(); exports.place = [__filename, __dirname];`,
      'c.js': `let n = 0; module.exports = { name: 'c', count: () => ++n };`,
    });
    pack('a.js');
    expect(run()).toEqual({ all: ['b1', 'c', true, [join(folder, 'in/b.js'), join(folder, 'in')]] });
  });

  test('a module that failed is run again for the next one, who does not get the half of it', () => {
    write({
      'a.js': `exports.load = () => require("./b");`,
      'b.js': `exports.half = 1; require("node:fs").readFileSync(__dirname + '/c'); exports.whole = 2;`,
    });
    pack('a.js');
    const { load } = run() as { load: () => object };
    expect(() => load()).toThrow('ENOENT');
    write({ c: '' });
    expect(load()).toEqual({ half: 1, whole: 2 });
  });

  test('letters beyond ASCII, comments without an end of line and modules that require each other are no matter', () => {
    write({
      'a.js': `exports.text = \`…\${'ü😀'}\`; exports.isOne = /^…$/.test('…'); exports.other = require("./b").text; // …`,
      'b.js': `const a = require("./a"); exports.text = 'b of ' + a.text; // the end`,
    });
    pack('a.js');
    expect(run()).toMatchObject({ text: '…ü😀', isOne: true, other: 'b of …ü😀' });
    expect(readFileSync(join(folder, 'server.js')).every((byte) => byte < 0x80)).toBe(true);
  });

  test('what is not packed is loaded from where it is', () => {
    write({ 'a.js': `exports.json = require("./a.json"); exports.join = require("node:path").join('x', 'y');`, 'a.json': '{"b":1}' });
    pack('a.js');
    expect(run()).toEqual({ json: { b: 1 }, join: 'x/y' });
  });

  test('is the same for the same modules, and marked by its content', () => {
    write({ 'a.js': 'exports.one = 1;' });
    const [first, again] = [makePack(folder, ['a.js']), makePack(folder, ['a.js'])];
    write({ 'a.js': 'exports.one = 2;' });
    const other = makePack(folder, ['a.js']);
    expect(again).toBe(first);
    // V8 would take code of the one for the other: they are equally long.
    expect(other).toHaveLength(first.length);
    const [one, two] = [first, other].map((text) => codeFile({ file: 'pack.js', text }));
    expect(one).toMatch(/^pack\.js\.[0-9a-f]{32}\.code$/);
    expect(two).not.toBe(one);
  });

  test('is passed over when it is damaged', () => {
    write({ 'a.js': 'exports.one = 1;' });
    const whole = makePack(folder, ['a.js']);
    for (const text of ['', whole.slice(0, 20), whole.slice(0, -3), whole.replace('one = 1', 'one = 3')]) {
      writeFileSync(join(folder, 'server.js'), text);
      expect(openPack(folder)).toBeUndefined();
    }
    pack('a.js');
    expect(run()).toEqual({ one: 1 });
  });

  test('is passed over when something was compiled after it, and run with code that V8 cannot take', () => {
    write({ 'a.js': 'exports.one = 1;' });
    pack('a.js');
    const packed = openPack(folder);
    writeFileSync(codeFile(packed ?? { file: '', text: '' }), 'no code at all');
    expect(run()).toEqual({ one: 1 });
    for (const name of ['.tsbuildinfo', '.tsbuildinfo-start']) {
      writeFileSync(join(folder, name), '');
      utimesSync(join(folder, name), new Date(), new Date(Date.now() + 10_000));
      expect([name, openPack(folder)]).toEqual([name, undefined]);
      rmSync(join(folder, name));
    }
    expect(openPack(folder)).toEqual(packed);
  });
});

describe('a cache', () => {
  const TARGET = tarballTarget('held', '1.0.0');
  let upstream: FakeUpstream;
  let program: string;
  let home: string;

  beforeAll(async () => {
    upstream = await startUpstream();
    offer(upstream, 'held', { body: bytes(100_000) });
    home = mkdtempSync(join(tmpdir(), 'packed-home-'));
    program = mkdtempSync(join(tmpdir(), 'packed-program-'));
    cpSync(DIST, join(program, 'dist'), {
      recursive: true,
      filter: (path) => !/\/(?:\.[^/]*|dist\/server\.js[^/]*|bench|[^/]*\.test\.js[^/]*)$/.test(path),
    });
    cpSync(join(DIST, '..', 'package.json'), join(program, 'package.json'));
    symlinkSync(join(DIST, '..', 'node_modules'), join(program, 'node_modules'));
    const house = await startHouse({ upstream: upstream.url, home, main: join(program, 'dist/shared/main.js') });
    await until('the file is held', async () => (await house.get(TARGET)).headers['x-cache'] === 'hit');
    await house.stop();
  });
  afterAll(async () => {
    await upstream.close();
    for (const one of [home, program]) rmSync(one, { recursive: true, force: true });
  });

  /** Which files a cache has loaded when it sends the file that is held, as the program names them. */
  async function loaded(): Promise<string[]> {
    const told = join(folder, 'loaded');
    const env = { NODE_OPTIONS: `--require=${resolve(__dirname, '..', 'testing', 'loaded-process.js')}`, TELL_LOADED: told };
    const house = await startHouse({ upstream: upstream.url, home, main: join(program, 'dist/shared/main.js'), env });
    const { body, headers } = await house.get(TARGET);
    await house.stop();
    expect([headers['x-cache'], body.equals(bytes(100_000))]).toEqual(['hit', true]);
    const files = JSON.parse(readFileSync(told, 'utf8')) as string[];
    return files.map((file) => relative(realpathSync(program), file)).filter((file) => !file.includes('loaded-process'));
  }

  const makePacked = (...words: string[]): string => {
    const values = [join(program, 'dist/shared/pack/pack-process.js'), ...words];
    const { status, stdout, stderr } = spawnSync(process.execPath, values, { encoding: 'utf8', timeout: 60_000 });
    expect([status, stdout, stderr]).toEqual([0, '', '']);
    return readdirSync(join(program, 'dist'))
      .filter((name) => name.startsWith('server'))
      .sort()
      .join(' ');
  };

  test('is started out of one file, where there is a pack; a hit needs no other', async () => {
    expect(makePacked('code')).toMatch(/^server\.js server\.js\.[0-9a-f]{32}\.code$/);
    expect(await loaded()).toEqual(['dist/shared/main.js', 'dist/shared/pack/packed.js']);
  });

  test('starts without the code, where a byte of that is not what it was: V8 would crash over it', async () => {
    makePacked('code');
    const file = codeFile(openPack(join(program, 'dist')) ?? { file: '', text: '' });
    const damaged = readFileSync(file);
    damaged.fill(0x55, damaged.length / 2, damaged.length / 2 + 20_000);
    writeFileSync(file, damaged);
    expect(await loaded()).toEqual(['dist/shared/main.js', 'dist/shared/pack/packed.js']);
  });

  test('the code that V8 compiled is good for that pack, by the Node and the options that made it, and is not made for images', () => {
    makePacked('code');
    const judge = `const { codeFile, openPack } = require('./dist/shared/pack/packed.js');
      const pack = openPack('dist'), cachedData = require('fs').readFileSync(codeFile(pack)).subarray(0, -4);
      console.log(new (require('vm').Script)(pack.text, { cachedData }).cachedDataRejected);`;
    const rejected = (...options: string[]): string =>
      spawnSync(process.execPath, [...options, '-e', judge], { cwd: program, encoding: 'utf8' }).stdout.trim();
    expect([rejected(), rejected('--max-lazy')]).toEqual(['false', 'true']);
    expect(makePacked()).toBe('server.js');
  });

  test('is started out of what was packed, where no pack can be made of it', async () => {
    makePacked();
    const file = join(program, 'dist/shared/http/upgrades.js');
    const text = readFileSync(file, 'utf8');
    // It is good JavaScript, and not what the compiler writes.
    writeFileSync(file, `${text}\nvar one\u00a0= 1;`);
    const { status, stderr } = spawnSync(process.execPath, [join(program, 'dist/shared/pack/pack-process.js')], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([1, expect.stringMatching(/^larder: starts will be slower: .*\n$/)]);
    expect(readdirSync(join(program, 'dist')).filter((name) => name.startsWith('server'))).toEqual([]);
    expect(await loaded()).toEqual(
      expect.arrayContaining(['dist/shared/main.js', 'dist/shared/cache-process.js', 'dist/caches/npm/npm.js']),
    );
  });
});
