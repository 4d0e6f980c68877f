/** Installing for the whole system: copies of the program, the user `larder`, the store's owner. A root folder of its own stands for the machine. */
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { loadModules } from '../modules';
import { freePort } from '../../testing/ports';
import { Stage, STAND_IN_UID, standInModule } from '../../testing/stand-in-systemd';
import { addCopy } from './program-copies';
import { MARK } from './unit-text';

jest.setTimeout(120_000);

const isRoot = process.getuid?.() === 0;
const asRoot = isRoot ? describe : describe.skip;
const why = isRoot ? '' : ' (not here: needs root)';
const OLD = '0.0.1-0123456789ab';

let stage: Stage;
let store: Record<string, string>;
let prefix: string;
const elsewhere: string[] = [];

/** A Node of root's in a new folder of this one. */
function nodeIn(folder: string): string {
  const made = mkdtempSync(join(folder, 'larder-node-'));
  elsewhere.push(made);
  chmodSync(made, 0o755);
  writeFileSync(join(made, 'node'), `#!/bin/sh\nexec ${process.execPath} "$@"\n`, { mode: 0o755 });
  return join(made, 'node');
}

function storeOf(one: Stage): Record<string, string> {
  const folders = { CACHE_DIR: join(one.folder, 'store'), STATE_DIR: join(one.folder, 'state') };
  for (const folder of Object.values(folders)) {
    mkdirSync(folder);
    chownSync(folder, STAND_IN_UID, STAND_IN_UID);
  }
  return folders;
}

/** As if an older version were installed: copying takes its time. */
function withOldProgram(): void {
  const main = join(prefix, OLD, 'dist/shared/main.js');
  mkdirSync(join(main, '..'), { recursive: true });
  writeFileSync(main, '');
  symlinkSync(OLD, join(prefix, 'current'));
}

beforeEach(async () => {
  const ports = [await freePort(), await freePort()];
  stage = new Stage(['one', 'two'].map((name, index) => standInModule(name, ports[index] ?? 0)));
  prefix = join(stage.root, 'usr/local/lib/larder');
});
afterEach(() => {
  stage.remove();
  for (const folder of elsewhere.splice(0)) rmSync(folder, { recursive: true });
});

asRoot(`for the system${why}`, () => {
  beforeEach(() => {
    store = storeOf(stage);
    withOldProgram();
  });
  const system = (verb: string, env: Record<string, string | undefined> = {}, ...words: string[]): ReturnType<Stage['run']> =>
    stage.run([verb, ...words], { ...store, ...env });
  const settingsFile = (): string => readFileSync(join(stage.root, 'etc/larder/larder.env'), 'utf8');

  test('services get a copy of all settings, which their user alone may read', async () => {
    writeFileSync(join(stage.folder, 'token'), 's3cret');
    stage.settings(`UPSTREAM_one=http://upstream.test\nUPSTREAM_one_AUTH_FILE=token\nOTHER="it's so"\n`);
    const port = await freePort();
    const { status, out, err } = await system('install-sockets', {
      PORT_two: String(port),
      HTTPS_PROXY: 'http://proxy.test:3128',
      NO_PROXY: 'lan.test',
    });
    expect([status, err]).toEqual([0, '']);
    expect(out).not.toContain('is installed at');
    const lines = settingsFile().split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        `CACHE_DIR='${store.CACHE_DIR}'`,
        `PORT_two='${port}'`,
        `UPSTREAM_one_AUTH_FILE='${join(stage.folder, 'token')}'`,
        "UPSTREAM_PROXY='http://proxy.test:3128'",
        "NO_PROXY='lan.test'",
        "OTHER=`it's so`",
      ]),
    );
    const { mode, uid, gid } = statSync(join(stage.root, 'etc/larder/larder.env'));
    expect([mode & 0o777, uid, gid]).toEqual([0o640, 0, STAND_IN_UID]);
    const unit = readFileSync(join(stage.systemUnits, 'cache-two.service'), 'utf8');
    expect(unit).toContain('\nExecStart=/');
    expect(unit).toContain(' /usr/local/lib/larder/current/dist/shared/main.js two\n');
    expect(unit).toContain('\nEnvironment=LARDER_ENV_FILE=/etc/larder/larder.env\nEnvironment=NO_PROXY=lan.test\n');
    expect(unit).toContain(`\nBindPaths=-${store.CACHE_DIR}\n`);
  });

  test('whatever the umask of root is, everybody may pass to what is installed, and nobody may change it', async () => {
    const before = process.umask(0o077);
    try {
      rmSync(prefix, { recursive: true });
      expect(await system('install-sockets')).toMatchObject({ status: 0, err: '' });
    } finally {
      process.umask(before);
    }
    const version = readlinkSync(join(prefix, 'current'));
    const modes = (folder: string): string[] =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => {
        const { mode } = lstatSync(join(folder, name));
        return `${(mode & 0o7777).toString(8)}${(mode & 0o170000) === 0o040000 ? '/' : ''}`;
      });
    expect(new Set(modes(join(prefix, version)))).toEqual(new Set(['755/', '644']));
    const folders = [prefix, join(prefix, version), join(stage.root, 'etc/larder'), join(stage.root, 'etc/sysusers.d')];
    expect(folders.map((folder) => (statSync(folder).mode & 0o7777).toString(8))).toEqual(['755', '755', '755', '755']);
    expect(statSync(join(stage.systemUnits, 'cache-one.socket')).mode & 0o777).toBe(0o644);
  });

  test('what is copied has modes of its own, whatever those of the clone are', () => {
    const clone = join(stage.folder, 'clone');
    const sources: Record<string, number> = {
      'package.json': 0o600,
      'package-lock.json': 0o664,
      'shared/cli/prepare.cjs': 0o600,
      'compose.yaml': 0o666,
      '.env.example': 0o640,
      'socket-activation/cache.socket': 0o600,
      'dist/shared/main.js': 0o700,
      'caches/npm/client/npmrc': 0o600,
      'node_modules/one/index.js': 0o666,
    };
    for (const [name, mode] of Object.entries(sources)) {
      mkdirSync(dirname(join(clone, name)), { recursive: true });
      writeFileSync(join(clone, name), '');
      chmodSync(join(clone, name), mode);
    }
    writeFileSync(join(clone, 'package-lock.json'), JSON.stringify({ packages: { 'node_modules/one': {} } }));
    const copy = join(stage.folder, 'copies', addCopy(clone, join(stage.folder, 'copies')));
    const copied = Object.keys(sources).map((name) => [name, (statSync(join(copy, name)).mode & 0o7777).toString(8)]);
    expect(copied).toEqual(Object.keys(sources).map((name) => [name, '644']));
  });

  test('of the versions that were installed three stay: the current one, the one before, and the newest of the others', async () => {
    const old = ['1', '2', '3'].map((digit) => `0.0.${digit}-0123456789ab`);
    for (const [index, name] of old.entries()) {
      mkdirSync(join(prefix, name), { recursive: true });
      utimesSync(join(prefix, name), 1000 + index, 1000 + index);
    }
    mkdirSync(join(prefix, '.new-0badcafe/dist'), { recursive: true });
    mkdirSync(join(prefix, 'notes'));
    await system('install-sockets');
    expect(await stage.run(['upgrade'])).toMatchObject({ status: 0, err: '' });
    const version = readlinkSync(join(prefix, 'current'));
    expect(readdirSync(prefix).sort()).toEqual([OLD, '0.0.3-0123456789ab', version, 'current', 'notes', 'previous'].sort());
  });

  test('without a store of its own it is in /var, which systemd makes', async () => {
    expect(await system('install-sockets', { CACHE_DIR: undefined, STATE_DIR: undefined })).toMatchObject({ status: 0 });
    expect(settingsFile()).toContain("\nCACHE_DIR='/var/cache/larder'\nSTATE_DIR='/var/lib/larder'\n");
    expect(readFileSync(join(stage.systemUnits, 'cache-one.service'), 'utf8')).toContain('\nCacheDirectory=larder\n');
  });

  test("root's start is about the sockets that there are; one that there is not is said to be installed first", async () => {
    await system('install-sockets', {}, 'c=one');
    const plain = { LARDER_ENV_FILE: undefined, CACHE_DIR: undefined, STATE_DIR: undefined };
    rmSync(join(stage.folder, 'active/cache-one.socket'));
    const { status, out, err } = await system('start', plain);
    expect([status, err, out.match(/^The .*/gm)]).toEqual([0, '', [expect.stringMatching(/^The one cache is woken at .*/)]]);
    expect(stage.isActive('cache-one.socket')).toBe(true);
    expect(await system('start', plain, 'c=two')).toMatchObject({
      status: 1,
      err: "larder: the machine's systemd has no socket of the two cache; make install-sockets c=two, or scope=user for a cache of your own",
    });
    expect((await system('config', plain)).out).toMatch(/^CACHE_DIR=\S+ +# \/\S+\/etc\/larder\/larder\.env$/m);
  });

  test('again restarts nothing; after a change of .env the services start anew', async () => {
    await system('install-sockets');
    stage.told();
    await system('install-sockets');
    expect(stage.told().filter((call) => /^(?:stop|try-restart|disable)/.test(call))).toEqual([]);
    stage.settings('NEGATIVE_TTL=5s\n');
    await system('install-sockets');
    expect(stage.told()).toContain('try-restart cache-one.service cache-two.service larder-housekeeping.service');
    expect(settingsFile()).toContain("\nNEGATIVE_TTL='5s'\n");
  });

  test.each<[string, () => Record<string, string>, RegExp]>([
    [
      'a Node in a home',
      () => ({ NODE: '/root/.nvm/versions/node/bin/node' }),
      /Node at \/root\/\S+ is in a home, .*NODE=\/usr\/bin\/node$/,
    ],
    ['a Node that is no Node', () => ({ NODE: '/bin/false' }), /Node at \/bin\/false cannot be run by larder/],
    [
      'a Node that others can change',
      () => {
        const node = join(stage.folder, 'node');
        writeFileSync(node, `#!/bin/sh\nexec ${process.execPath} "$@"\n`, { mode: 0o755 });
        chownSync(node, STAND_IN_UID, STAND_IN_UID);
        return { NODE: node };
      },
      /can be changed by others than root; sudo chown root: \S+node && sudo chmod go-w \S+node, or name another with NODE$/,
    ],
    [
      'a Node among temporary files',
      () => ({ NODE: nodeIn('/tmp') }),
      /Node at \S+ is in a folder for temporary files, which services do not see; install Node for the whole machine/,
    ],
    [
      'a link to one, where services would see it',
      () => {
        const link = join(dirname(nodeIn('/var')), 'link');
        symlinkSync(nodeIn('/tmp'), link);
        return { NODE: link };
      },
      /Node at \/var\/\S+ is in a folder for temporary files/,
    ],
    [
      'a PREFIX that services do not see, however it is written',
      () => ({ PREFIX: '/opt/../home/ann/larder/' }),
      /PREFIX=\/home\/ann\/larder is where services do not see it/,
    ],
    [
      'a PREFIX that services do not see',
      () => ({ PREFIX: '/home/ann/larder' }),
      /PREFIX=\/home\/ann\/larder is where services do not see it/,
    ],
    [
      'a secret that larder cannot read',
      () => {
        writeFileSync(join(stage.folder, 'token'), 's3cret', { mode: 0o600 });
        return { UPSTREAM_one: 'http://upstream.test', UPSTREAM_one_AUTH_FILE: join(stage.folder, 'token') };
      },
      /UPSTREAM_one_AUTH_FILE=\S+token cannot be read by larder.*install -D -m 0640 -g larder/,
    ],
    [
      'a store that is not there',
      () => ({ CACHE_DIR: '/nowhere/store' }),
      /CACHE_DIR=\/nowhere\/store is missing; sudo install -d -o larder -g larder/,
    ],
    [
      'a store of somebody else',
      () => {
        chownSync(store.CACHE_DIR ?? '', 4321, 4321);
        return {};
      },
      /CACHE_DIR=\S+ belongs to alice, not to larder.*; sudo chown -R larder:larder/,
    ],
  ])('refuses %s, and nothing is changed', async (_what, prepare, said) => {
    const env = prepare();
    const before = stage.files();
    const { status, err } = await system('install-sockets', env);
    expect([status, err]).toEqual([1, expect.stringMatching(said)]);
    expect(err).not.toContain('s3cret');
    expect(err.split('\n')).toHaveLength(1);
    expect(stage.files()).toEqual(before);
  });

  test('when systemd refuses, nothing is left: no settings, no user entry, no copy', async () => {
    const before = stage.files();
    stage.refuse('start', 'cache-two.socket');
    expect((await system('install-sockets')).status).toBe(1);
    expect(stage.files()).toEqual(before);
    expect(existsSync(join(stage.root, 'etc/larder'))).toBe(false);
  });

  test('upgrade: taken back if a service does not start; then rollback and back: links are switched, services start anew, settings stay', async () => {
    await system('install-sockets', { PORT_one: String(await freePort()) });
    const settings = settingsFile();
    stage.refuse('try-restart', 'cache-two.service');
    expect((await stage.run(['upgrade'])).err).toContain('cache-two.service failed');
    expect(readlinkSync(join(prefix, 'current'))).toBe(OLD);
    expect(existsSync(join(prefix, 'previous'))).toBe(false);
    expect((await stage.run(['rollback'])).err).toContain('there is no version before this one');
    rmSync(join(stage.folder, 'refused/try-restart-cache-two.service'));
    stage.told();
    const { status, out, err } = await stage.run(['upgrade'], {});
    expect([status, err]).toEqual([0, '']);
    const version = readlinkSync(join(prefix, 'current'));
    expect(version).toMatch(/^\d+\.\d+\.\d+-[0-9a-f]{12}$/);
    expect(out).toBe(`Larder ${version} is run from now on. make rollback leads back.`);
    expect(readlinkSync(join(prefix, 'previous'))).toBe(OLD);
    expect(stage.told()).toContain('try-restart cache-one.service cache-two.service larder-housekeeping.service');
    expect(settingsFile()).toBe(settings);
    expect(existsSync(join(prefix, version, 'socket-activation/cache.service'))).toBe(true);
    expect(existsSync(join(prefix, version, 'node_modules/typescript'))).toBe(false);
    expect(existsSync(join(prefix, version, 'dist/shared/cli/systemd/install-system.test.js'))).toBe(false);
    const owners = readdirSync(join(prefix, version), { recursive: true, encoding: 'utf8' }).map((name) =>
      lstatSync(join(prefix, version, name)),
    );
    expect(owners.filter(({ uid, mode }) => uid !== 0 || (mode & 0o022) !== 0)).toEqual([]);

    expect((await stage.run(['upgrade'])).out).toBe(`Larder ${version} is run already.`);
    stage.refuse('try-restart', 'cache-one.service');
    expect((await stage.run(['rollback'])).err).toContain('cache-one.service failed');
    expect([readlinkSync(join(prefix, 'current')), readlinkSync(join(prefix, 'previous'))]).toEqual([version, OLD]);
    rmSync(join(stage.folder, 'refused/try-restart-cache-one.service'));
    expect((await stage.run(['rollback'])).out).toContain(`Larder ${OLD} is run again`);
    expect([readlinkSync(join(prefix, 'current')), readlinkSync(join(prefix, 'previous'))]).toEqual([OLD, version]);
    await stage.run(['rollback']);
    expect(readlinkSync(join(prefix, 'current'))).toBe(version);
  });

  test('install again has the services that run go on as the new version; taken back if they do not', async () => {
    await system('install-sockets');
    stage.told();
    stage.refuse('try-restart', 'cache-two.service');
    expect((await stage.run(['install'])).err).toContain('cache-two.service failed');
    expect(readlinkSync(join(prefix, 'current'))).toBe(OLD);
    rmSync(join(stage.folder, 'refused/try-restart-cache-two.service'));
    stage.told();
    expect(await stage.run(['install'])).toMatchObject({ status: 0, err: '' });
    expect(stage.told()).toContain('try-restart cache-one.service cache-two.service');
    await stage.run(['install']);
    expect(stage.told().filter((call) => call.startsWith('try-restart'))).toEqual([]);
  });

  test.each(['a folder', 'a link'])('in a PREFIX where somebody else has %s called current, nothing is touched', async (kind) => {
    rmSync(prefix, { recursive: true });
    mkdirSync(join(prefix, 'releases/5'), { recursive: true, mode: 0o755 });
    chmodSync(prefix, 0o2775);
    if (kind === 'a folder') mkdirSync(join(prefix, 'current/data'), { recursive: true });
    else symlinkSync('releases/5', join(prefix, 'current'));
    const before = stage.files();
    expect((await stage.run(['install'])).err).toMatch(/\/current is not of Larder; choose a PREFIX that is a folder of its own$/);
    expect([stage.files(), statSync(prefix).mode & 0o7777]).toEqual([before, 0o2775]);
  });

  test('a folder that was there keeps its mode', async () => {
    rmSync(prefix, { recursive: true });
    mkdirSync(prefix);
    chmodSync(prefix, 0o2775);
    expect(await stage.run(['install'])).toMatchObject({ status: 0, err: '' });
    expect(statSync(prefix).mode & 0o7777).toBe(0o2775);
  });

  test('uninstalling leaves the store, and nothing else', async () => {
    const before = stage.files().filter((file) => !file.includes('larder'));
    await system('install-sockets');
    const { status, out } = await stage.run(['uninstall']);
    expect([status, out]).toEqual([
      0,
      expect.stringContaining(`The store stays: ${store.CACHE_DIR}, ${store.STATE_DIR}; and the user larder`),
    ]);
    expect(stage.files()).toEqual(before);
    expect([existsSync(prefix), existsSync(join(stage.root, 'etc/larder')), existsSync(store.CACHE_DIR ?? '')]).toEqual([
      false,
      false,
      true,
    ]);
  });

  test('what an administrator keeps in /etc/larder stays', async () => {
    await system('install-sockets');
    writeFileSync(join(stage.root, 'etc/larder/token'), 's3cret');
    expect((await stage.run(['uninstall'])).out).toContain('/etc/larder stays: something else is in it.');
    expect(stage.files().filter((file) => file.startsWith('root/etc/larder'))).toEqual(['root/etc/larder/token']);
  });

  test('units of others are never touched', async () => {
    writeFileSync(join(stage.systemUnits, 'cache-one.socket'), '[Socket]\nListenStream=1\n');
    symlinkSync('/nowhere', join(stage.systemUnits, 'cache-of-others.service'));
    expect(await stage.run(['uninstall'])).toMatchObject({ status: 0, err: '' });
    expect(existsSync(join(stage.systemUnits, 'cache-one.socket'))).toBe(true);
    expect(MARK).not.toBe('');
  });

  test.each(['rollback', 'upgrade'])('%s where nothing is installed says so', async (verb) => {
    rmSync(prefix, { recursive: true });
    expect((await stage.run([verb])).err).toContain('Larder is not installed for the system; sudo make install-sockets');
  });

  test('PREFIX is kept, and not changed in passing', async () => {
    rmSync(prefix, { recursive: true });
    prefix = join(stage.root, 'opt/caches');
    withOldProgram();
    await system('install-sockets', { PREFIX: '/opt/caches' });
    expect(readFileSync(join(stage.systemUnits, 'cache-one.service'), 'utf8')).toContain(' /opt/caches/current/dist/shared/main.js one');
    expect(await system('install-sockets')).toMatchObject({ status: 0 });
    expect(await system('install-sockets', { PREFIX: '/opt//caches/' })).toMatchObject({ status: 0 });
    expect((await system('install-sockets', { PREFIX: '/usr/lib/x' })).err).toContain('Larder is installed at /opt/caches already');
  });

  test.each(['', '{"prefix":', 'null', '{"prefix":1,"node":2}'])(
    'where the note of what is installed is damaged (%s): one line, and nothing is changed',
    async (text) => {
      await system('install-sockets');
      writeFileSync(join(stage.root, 'etc/larder/install.json'), text);
      const before = stage.files();
      for (const verb of ['install-sockets', 'install', 'upgrade', 'rollback', 'uninstall-sockets', 'uninstall']) {
        const { status, err } = await system(verb);
        expect([verb, status, err]).toEqual([
          verb,
          1,
          expect.stringMatching(/^larder: \/etc\/larder\/install\.json is damaged; remove it; .*$/),
        ]);
        expect([verb, stage.files()]).toEqual([verb, before]);
      }
      rmSync(join(stage.root, 'etc/larder/install.json'));
      expect(await system('install')).toMatchObject({ status: 0, err: '' });
      expect(await system('uninstall')).toMatchObject({ status: 0, err: '' });
      expect(existsSync(prefix)).toBe(false);
    },
  );
});

asRoot(`commands of root that open the store${why}`, () => {
  test('are done by its owner, by the installed program: no file of root is left in it', async () => {
    const real = new Stage(loadModules());
    try {
      const folders = storeOf(real);
      const env = { ...folders, CACHES: 'npm', PORT_npm: String(await freePort()) };
      const { status, err } = await real.run(['install-sockets'], env);
      expect([status, err]).toEqual([0, '']);
      // Without .env and environment: what is installed is meant.
      const plain = { LARDER_ENV_FILE: undefined };
      expect(await real.run(['gc'], plain)).toEqual({ status: 0, out: 'The store is within its limits; nothing was removed.', err: '' });
      expect((await real.run(['purge', 'c=npm', 'p=left'], plain)).out).toContain('holds nothing of left');
      expect((await real.run(['purge', 'c=npm'], plain)).err).toContain('which package is to be forgotten; make purge');
      const files = Object.values(folders).flatMap((folder) =>
        readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
      );
      expect(files.length).toBeGreaterThan(3);
      expect(files.filter((file) => lstatSync(file).uid !== STAND_IN_UID)).toEqual([]);
    } finally {
      real.remove();
    }
  });
});
