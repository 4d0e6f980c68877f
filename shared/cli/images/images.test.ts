import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir, type NetworkInterfaceInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { loadConfig } from '../../config/load';
import { optionsOf } from '../main';
import { runCommand } from '../../testing/command-line';
import { loadModules } from '../modules';
import { until } from '../../testing/until';
import { localOnlyWarning } from './reach';

/** Stands in for docker: images are a JSON file, and what it was asked is another. */
const DOCKER = `#!${process.execPath}
const { readFileSync, writeFileSync, existsSync } = require('node:fs');
const { join } = require('node:path');
const folder = __dirname;
const world = JSON.parse(readFileSync(join(folder, 'world.json'), 'utf8'));
const args = process.argv.slice(2);
const done = () => { writeFileSync(join(folder, 'world.json'), JSON.stringify(world)); process.exit(0); };
const fail = (text, status = 1) => { console.error(text); process.exit(status); };
world.asked.push(args);
writeFileSync(join(folder, 'world.json'), JSON.stringify(world));
const { images, tags } = world;
const idOf = (name) => (name in images ? name : tags[name.includes(':', name.lastIndexOf('/') + 1) || name.includes('@') ? name : name + ':latest']);
const tagOf = (name) => (name.includes(':', name.lastIndexOf('/') + 1) ? name : name + ':latest');
const [verb, second] = args;
if (world.down) fail('Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?');
if (verb === 'version') { console.log(args.at(-1).includes('Arch') ? 'linux/amd64' : '1'); done(); }
if (verb === 'network') { console.log('172.17.0.1'); done(); }
if (verb === 'image' && second === 'inspect') {
  const id = idOf(args[2]);
  if (!id) fail('Error: No such image: ' + args[2]);
  console.log(JSON.stringify([{ Id: id, RepoTags: Object.keys(tags).filter((tag) => tags[tag] === id), ...images[id] }]));
  done();
}
if (verb === 'tag') { if (!(second in images)) fail('no'); tags[tagOf(args[2])] = second; done(); }
if (verb === 'image' && second === 'rm') {
  const name = args.at(-1);
  if (name in images) {
    // As docker: by its id the only name that it has goes too.
    const all = Object.keys(tags).filter((tag) => tags[tag] === name);
    if (all.length > 1) fail('must be forced');
    delete images[name];
    for (const tag of all) delete tags[tag];
  }
  else { if (!(tagOf(name) in tags)) fail('Error: No such image: ' + name); delete tags[tagOf(name)]; }
  done();
}
if (verb === 'pull') {
  if (world.slow) return writeFileSync(join(folder, 'pulling'), ''), setTimeout(() => fail('not within a minute'), 60_000);
  const found = world.registry[second];
  if (!found) fail('Error response from daemon: pull access denied for ' + second);
  images[found.id] = { RepoDigests: ['x@' + found.id], Config: found.config };
  tags[second.includes('@') ? second : tagOf(second)] = found.id;
  done();
}
if (verb === 'run') {
  if (world.noShell) fail('docker: Error response from daemon: exec: "/bin/sh": stat /bin/sh: no such file or directory: unknown.', 127);
  console.log(world.sight.join('\\n'));
  done();
}
if (verb === 'build') {
  const context = args.at(-1);
  const modes = {};
  const text = readFileSync(join(context, 'Dockerfile'), 'utf8');
  world.built = { text, modes, options: args.slice(1, -1), files: require('node:fs').readdirSync(context, { recursive: true, withFileTypes: true }).map((entry) => {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) modes[require('node:path').relative(context, path)] = (require('node:fs').statSync(path).mode & 0o777).toString(8);
    return require('node:path').relative(context, path) + (entry.isSymbolicLink() ? ' -> ' + require('node:fs').readlinkSync(path) : '');
  }).sort() };
  if (world.broken) { writeFileSync(join(folder, 'world.json'), JSON.stringify(world)); fail(''); }
  const from = idOf(/^FROM (?:--\\S+ )?(.*)$/m.exec(text)[1]);
  const id = 'sha256:' + String(++world.count).padStart(64, '0');
  images[id] = { From: from, Config: { ...images[from].Config, Labels: Object.fromEntries(/^LABEL (.*)$/m.exec(text)[1].split(' ').map((pair) => pair.split('='))) } };
  tags[tagOf(args[args.indexOf('--tag') + 1])] = id;
  done();
}
fail('not understood: ' + args.join(' '));
`;
const DIGEST = `sha256:${'ab'.repeat(32)}`;
const ID = `sha256:${'e'.repeat(64)}`;
const NEWER = `sha256:${'f'.repeat(64)}`;

interface World {
  images: Record<string, unknown>;
  tags: Record<string, string>;
  registry: Record<string, { id: string; config: unknown }>;
  sight: string[];
  asked: string[][];
  count: number;
  built?: { text: string; modes: Record<string, string>; options: string[]; files: string[] };
  down?: true;
  noShell?: true;
  broken?: true;
  slow?: true;
}

// Each call of docker is a process.
jest.setTimeout(60_000);

let folder: string;
const CONFIG = { User: 'app', Env: ['A=1', 'PATH=/opt/v/bin:/usr/bin'], Shell: null, OnBuild: null, Labels: null };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'larder-images-'));
  writeFileSync(join(folder, 'docker'), DOCKER, { mode: 0o755 });
  writeFileSync(join(folder, '.env'), '');
  change({ images: {}, tags: {}, registry: {}, sight: [], asked: [], count: 0 });
});
afterEach(() => rmSync(folder, { recursive: true }));

function world(): World {
  return JSON.parse(readFileSync(join(folder, 'world.json'), 'utf8')) as World;
}

function change(change: Partial<World>): void {
  const before = existsSync(join(folder, 'world.json')) ? world() : {};
  writeFileSync(join(folder, 'world.json'), JSON.stringify({ ...before, ...change }));
}

/** One that was made on this machine. */
function local(name: string, config: unknown = CONFIG): void {
  change({ images: { ...world().images, [ID]: { RepoDigests: [], Config: config } }, tags: { ...world().tags, [name]: ID } });
}

async function cli(text: string, env: Record<string, string> = {}): Promise<{ status: number; out: string[]; err: string[] }> {
  const { status, out, err } = await runCommand({
    args: text.split(' '),
    modules: loadModules(),
    env: {
      PATH: `${folder}${delimiter}${process.env.PATH ?? ''}`,
      LARDER_ENV_FILE: join(folder, '.env'),
      CACHE_DIR: join(folder, 'cache'),
      STATE_DIR: join(folder, 'state'),
      OVERLAY_DIR: join(folder, 'overlay'),
      CACHES: 'npm pip',
      SERVICE_IP: '192.0.2.7',
      ...env,
    },
  });
  const lines = (text: string): string[] => (text === '' ? [] : text.split('\n'));
  return { status, out: lines(out), err: lines(err) };
}

describe('an image that somebody made to do harm', () => {
  test.each([
    ['another image', 'node:22'],
    ['an option', '--help'],
    ['an instruction', 'app:1-original\nRUN evil'],
  ])('cannot have %s taken for its original, which would be tagged and removed', async (_what, original) => {
    local('app:1', { ...CONFIG, Labels: { 'larder.layer': 'app:1', 'larder.original': original } });
    change({ tags: { ...world().tags, 'node:22': NEWER }, images: { ...world().images, [NEWER]: { RepoDigests: [], Config: CONFIG } } });
    expect((await cli('build i=app:1')).status).toBe(1);
    expect((await cli('clean i=app:1')).err).toEqual([expect.stringContaining('there is no app:1-original to go back to')]);
    expect(world().tags).toEqual({ 'app:1': ID, 'node:22': NEWER });
    expect(world().asked.flat()).not.toContain(original);
  });

  test.each([
    ['user', { User: 'app"\nRUN evil' }],
    ['user, as Windows ends lines', { User: 'app"\rRUN evil' }],
    ['PATH', { Env: ['PATH=/usr/bin"\nRUN evil'] }],
  ])('cannot have instructions in its %s', async (_what, evil) => {
    local('app:1', { ...CONFIG, ...evil });
    expect(await cli('build i=app:1')).toMatchObject({ status: 1, err: [expect.stringContaining('has a line break in it')] });
    expect([world().built, world().tags]).toEqual([undefined, { 'app:1': ID }]);
  });
});

describe('make build i=', () => {
  test('lays a layer on an image, which stays what it is', async () => {
    local('team/app:1');
    change({
      sight: ['program npm', 'program pip', 'reaches http://192.0.2.7:8080/_cache/health', 'reaches http://192.0.2.7:3141/_cache/health'],
    });
    expect(await cli('build i=team/app:1')).toEqual({
      status: 0,
      err: [],
      out: [
        'team/app:1 uses the caches: npm (npm), pip (pip)',
        '  Without them: LARDER=off, for a container or in a RUN. As it was: team/app:1-original; make clean i=team/app:1 goes back.',
      ],
    });
    const { tags, built } = world();
    expect(tags['team/app:1-original']).toBe(ID);
    expect(tags['team/app:1']).not.toBe(ID);
    expect(built?.text).toBe(
      [
        'FROM team/app:1-original',
        'USER 0',
        'COPY layer/ /',
        'ENV PATH="/usr/lib/larder/bin:/opt/v/bin:/usr/bin"',
        'LABEL larder.layer=team/app:1 larder.original=team/app:1-original',
        'SHELL ["/usr/lib/larder/shell","/bin/sh","-c"]',
        'USER "app"',
        '',
      ].join('\n'),
    );
    expect(built?.files).toEqual(
      expect.arrayContaining(['layer/usr/lib/larder/bin/npm', 'layer/usr/lib/larder/bin/pip', 'layer/usr/lib/larder/0/npm/npmrc']),
    );
    expect(built?.files).not.toContain('layer/usr/lib/larder/bin/npx');
  });

  test('pulls what a registry has, and does not stack layers', async () => {
    change({ registry: { app: { id: ID, config: {} } } });
    await cli('build i=app');
    await cli('build i=app');
    expect(world().tags['app-original:latest']).toBe(ID);
    change({ registry: { app: { id: NEWER, config: {} } } });
    const { status } = await cli('rebuild i=app');
    expect([status, world().tags['app-original:latest']]).toEqual([0, NEWER]);
    expect(world().images[world().tags['app:latest'] ?? '']).toMatchObject({ From: NEWER });
    expect(world().built?.options).toContain('--no-cache');
    // One layered image is left, beside the two originals.
    expect(Object.keys(world().images)).toHaveLength(3);
    change({ registry: {} });
    expect((await cli('build i=app')).out[0]).toBe('app cannot be pulled; the one that is here is taken.');
    expect(world().images[world().tags['app:latest'] ?? '']).toMatchObject({ From: NEWER });
  });

  test('never asks a registry for what was made here', async () => {
    local('app:1');
    change({ registry: { 'app:1': { id: NEWER, config: {} } } });
    await cli('build i=app:1');
    await cli('build i=app:1');
    expect(world().tags['app:1-original']).toBe(ID);
    expect(world().asked.filter(([verb]) => verb === 'pull')).toEqual([]);
  });

  test("tells the builder and the registry of which architecture an image is, if it is not the machine's", async () => {
    change({ images: { [ID]: { RepoDigests: ['x'], Os: 'linux', Architecture: 'arm64', Config: CONFIG } }, tags: { 'app:1': ID } });
    await cli('build i=app:1');
    expect(world().asked.find(([verb]) => verb === 'pull')).toEqual(['pull', '--platform', 'linux/arm64', 'app:1']);
    expect(world().built?.text).toContain('FROM --platform=linux/arm64 app:1-original\n');
    change({
      images: { [ID]: { RepoDigests: ['x'], Os: 'linux', Architecture: 'amd64', Config: CONFIG } },
      tags: { 'app:1': ID },
      asked: [],
    });
    await cli('build i=app:1');
    expect(world().asked.find(([verb]) => verb === 'pull')).toEqual(['pull', 'app:1']);
    expect(world().built?.text).toContain('FROM app:1-original\n');
  });

  test('gives the layer on a digest a name of its own', async () => {
    change({ registry: { [`host:5000/a@${DIGEST}`]: { id: ID, config: {} } } });
    const { out } = await cli(`build i=host:5000/a@${DIGEST}`);
    expect(out[1]).toContain('FROM host:5000/a:sha256-abababababab');
    expect(world().tags).toMatchObject({ 'host:5000/a:sha256-abababababab-original': ID });
    expect((await cli(`clean i=host:5000/a@${DIGEST}`)).status).toBe(0);
    expect(Object.keys(world().tags)).toEqual([`host:5000/a@${DIGEST}`]);
  });

  test('uses a name only where it resolves, then addresses', async () => {
    local('app:1');
    change({ sight: ['program npm', 'resolves cache-npm.srv'] });
    const { out } = await cli('build i=app:1', { SERVICE_IP: '', GLOBAL_IP: '127.0.0.1 192.0.2.8 192.0.2.9' });
    expect(out.at(-1)).toBe(
      '  Warning: no container reaches the npm cache (http://cache-npm.srv:8080, http://192.0.2.8:8080, http://192.0.2.9:8080), which does not run: make start c=npm',
    );
    expect(world().built?.files.filter((file) => file.endsWith('/base'))).toEqual([
      'layer/usr/lib/larder/0/npm/base',
      'layer/usr/lib/larder/0/pip/base',
      'layer/usr/lib/larder/1/npm/base',
      'layer/usr/lib/larder/1/pip/base',
      'layer/usr/lib/larder/2/npm/base',
    ]);
    change({ sight: ['program npm', 'resolves cache-npm.srv', 'reaches http://192.0.2.9:8080/_cache/health'] });
    expect((await cli('build i=app:1', { SERVICE_IP: '', GLOBAL_IP: '192.0.2.8 192.0.2.9' })).out).toHaveLength(2);
    expect(world().built?.files.filter((file) => file.endsWith('npm/base'))).toEqual(['layer/usr/lib/larder/0/npm/base']);
  });

  test('is not done to what another image was without its layer', async () => {
    local('app:latest');
    await cli('build i=app');
    const { tags } = world();
    for (const name of ['app-original', 'app-original:latest'])
      expect((await cli(`build i=${name}`)).err).toEqual([`larder: ${name} is app without its layer; make build i=app`]);
    expect(world().tags).toEqual(tags);
    // Called so without being one.
    await cli('clean i=app');
    local('other:1-original');
    expect((await cli('build i=other:1-original')).status).toBe(0);
  });

  test('leaves its names to an image that its user called otherwise too', async () => {
    local('app:1');
    await cli('build i=app:1');
    const mine = world().tags['app:1'] ?? '';
    change({ tags: { ...world().tags, 'mine:1': mine } });
    await cli('rebuild i=app:1');
    expect(world().tags['app:1']).not.toBe(mine);
    expect(world().tags['mine:1']).toBe(mine);
    const again = world().tags['app:1'] ?? '';
    change({ tags: { ...world().tags, 'mine:2': again } });
    await cli('clean i=app:1');
    expect(world().tags).toEqual({ 'app:1': ID, 'mine:1': mine, 'mine:2': again });
  });

  test('that is interrupted while it pulls goes on with nothing, and all is as it was', async () => {
    change({ images: { [ID]: { RepoDigests: ['x'], Config: CONFIG } }, tags: { 'app:1': ID }, slow: true });
    const built = cli('build i=app:1');
    await until('it pulls', () => existsSync(join(folder, 'pulling')), { lookMs: 20 });
    process.emit('SIGINT');
    expect(await built).toEqual({ status: 1, out: [], err: ['larder: it was interrupted'] });
    expect(world().tags).toEqual({ 'app:1': ID });
  });

  test('warns of caches that listen on loopback only', async () => {
    local('app:1');
    change({ sight: ['program npm'] });
    const { status, out } = await cli('build i=app:1', { SERVICE_IP: '' });
    expect([status, out.at(-1)]).toEqual([
      0,
      '  Warning: containers cannot reach the caches. They listen on this machine alone: set GLOBAL_IP=127.0.0.1 172.17.0.1 in .env, then make restart.',
    ]);
  });

  test("adds the operator's own folder", async () => {
    local('app:1');
    mkdirSync(join(folder, 'overlay/etc'), { recursive: true });
    writeFileSync(join(folder, 'overlay/etc/motd'), 'hello');
    writeFileSync(join(folder, 'overlay/hook'), 'echo hook');
    // Its parts may be kept elsewhere.
    mkdirSync(join(folder, 'elsewhere/bin'), { recursive: true });
    writeFileSync(join(folder, 'elsewhere/bin/a b'), '');
    symlinkSync('a b', join(folder, 'elsewhere/bin/link'));
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'overlay/usr'));
    // As umask 077 makes them.
    chmodSync(join(folder, 'overlay/etc'), 0o700);
    chmodSync(join(folder, 'elsewhere/bin'), 0o700);
    mkdirSync(join(folder, 'overlay/root/.ssh'), { recursive: true });
    chmodSync(join(folder, 'overlay/root/.ssh'), 0o700);
    await cli('build i=app:1');
    expect(world().built?.modes).toMatchObject({
      'overlay/etc': '755',
      'overlay/usr/bin': '755',
      'overlay/root': '700',
      'overlay/root/.ssh': '700',
    });
    expect(world().built?.files).toEqual(expect.arrayContaining(['overlay/usr/bin/a b', 'overlay/usr/bin/link -> a b']));
    expect(world().built?.text).toContain('COPY overlay/ /\n');
    expect(world().built?.text).toContain('COPY hook /usr/lib/larder/\nRUN ["/usr/lib/larder/hook"]\n');
    expect(world().built?.files).toEqual(expect.arrayContaining(['hook', 'overlay/etc/motd']));
    writeFileSync(join(folder, 'overlay/var'), '');
    const { tags } = world();
    expect(await cli('build i=app:1')).toEqual({
      status: 1,
      out: [],
      err: [`larder: ${folder}/overlay/var has no place in an image; there may be etc/, root/, usr/ and hook`],
    });
    expect(world().tags).toEqual(tags);
  });
});

describe('make clean i=', () => {
  test('gives back what was', async () => {
    local('app:1');
    await cli('build i=app:1');
    expect(await cli('clean i=app:1')).toEqual({ status: 0, err: [], out: ['app:1 is what it was, and app:1-original is gone.'] });
    expect([world().tags, Object.keys(world().images)]).toEqual([{ 'app:1': ID }, [ID]]);
    expect((await cli('clean i=app:1')).err).toEqual(['larder: there is no app:1-original to go back to; make build i=app:1 makes one']);
  });

  test('knows both spellings of a name without a tag', async () => {
    local('app:latest');
    await cli('build i=app');
    await cli('build i=app:latest');
    expect(Object.keys(world().tags).sort()).toEqual(['app-original:latest', 'app:latest']);
    expect((await cli('clean i=app:latest')).status).toBe(0);
    expect(world().tags).toEqual({ 'app:latest': ID });
  });

  test('leaves alone what was pulled since', async () => {
    local('app:1');
    await cli('build i=app:1');
    change({ images: { ...world().images, [NEWER]: {} }, tags: { ...world().tags, 'app:1': NEWER } });
    expect((await cli('clean i=app:1')).out[0]).toContain('it stays as it is');
    expect(world().tags).toEqual({ 'app:1': NEWER });
  });
});

describe('what cannot be done is one line, and changes nothing', () => {
  test.each<[string, string, Partial<World>, RegExp]>([
    ['no image', 'i=', {}, /^larder: an image is needed; name one: /],
    ['no name', 'i=No', {}, /^larder: i=No names no image; name one: /],
    [
      'unknown',
      'i=no/such:1',
      {},
      /^larder: i=no\/such:1 names no image: there is none here, and it cannot be pulled \(pull access denied for no\/such:1\)$/,
    ],
    [
      'no engine',
      'i=app:1',
      { down: true },
      /^larder: no container engine answers \(Cannot connect to the Docker daemon.*\); start it, .* with DOCKER_HOST$/,
    ],
    ['no shell', 'i=app:1', { noShell: true }, /^larder: app:1 has no \/bin\/sh, without which nothing in it can be led$/],
    ['a failed build', 'i=app:1', { broken: true }, /^larder: the layer on app:1 cannot be built: docker build says above why$/],
    [
      'an id',
      `i=${'e'.repeat(12)}`,
      { tags: { ['e'.repeat(12) + ':latest']: ID, 'app:1': ID } },
      /^larder: i=e+ is the id of an image; name it by a tag/,
    ],
  ])('%s', async (_, text, trouble, line) => {
    local('app:1');
    change(trouble);
    const { images, tags } = world();
    for (const verb of ['build', 'rebuild']) {
      const { status, out, err } = await cli(`${verb} ${text}`);
      expect({ status, out }).toEqual({ status: 1, out: [] });
      expect(err).toEqual([expect.stringMatching(line)]);
    }
    expect([world().images, world().tags]).toEqual([images, tags]);
  });

  test('on a layered image it leaves the layer, and the original', async () => {
    change({ registry: { app: { id: ID, config: {} } } });
    await cli('build i=app');
    const { tags } = world();
    change({ registry: { app: { id: NEWER, config: {} } }, broken: true });
    expect((await cli('build i=app')).status).toBe(1);
    expect(world().tags).toEqual(tags);
  });

  test('without docker', async () => {
    const { status, err } = await cli('build i=app', { PATH: '/nowhere' });
    expect([status, err]).toEqual([1, ['larder: docker cannot be run: it is not installed, or not in PATH; install it']]);
  });

  test('an address with signs of a shell', async () => {
    local('app:1');
    const { status, err } = await cli('build i=app:1', { PUBLIC_URL_npm: 'https://npm.example/$(id)' });
    expect([status, err[0]]).toEqual([1, expect.stringMatching(/^larder: PUBLIC_URL_npm=\S+ is not possible: for images/)]);
    expect(world().tags).toEqual({ 'app:1': ID });
  });

  test('ONBUILD', async () => {
    local('app:1', { OnBuild: ['RUN x'] });
    expect((await cli('build i=app:1')).err).toEqual(['larder: app:1 has ONBUILD instructions, which would be carried out in the layer']);
  });
});

test('make start says that containers cannot reach what listens on loopback only, where there are some', () => {
  const at = (address: string): NetworkInterfaceInfo[] => [{ family: 'IPv4', address } as NetworkInterfaceInfo];
  const [ofDefault, ofCompose] = [{ docker0: at('172.17.0.1') }, { 'br-0123456789ab': at('172.20.0.1') }];
  const warning = (settings: Record<string, string>, interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = ofDefault): readonly string[] =>
    localOnlyWarning(
      {
        config: loadConfig({ env: { CACHES: 'npm', ...settings }, modules: loadModules(), envFile: join(folder, '.env') }),
        options: optionsOf({}),
      },
      interfaces,
    );
  const line = (addresses: string): string[] => [
    `Containers that run here cannot reach the caches, if they should. They listen on this machine alone: set GLOBAL_IP=${addresses} in .env, then make restart.`,
  ];
  expect(warning({ GLOBAL_IP: '127.0.0.1 ::1' })).toEqual(line('127.0.0.1 ::1 172.17.0.1'));
  expect(warning({}, ofCompose)).toEqual(line('127.0.0.1 172.20.0.1'));
  expect(warning({}, { 'cni-podman0': at('10.88.0.1'), ...ofCompose })).toEqual(line('127.0.0.1 10.88.0.1'));
  expect(warning({}, { eth0: at('192.0.2.3'), virbr0: at('192.168.122.1') })).toEqual([]);
  // Caches in containers have a network of their own, where others reach them.
  expect(warning({ WITH: 'compose' }, ofCompose)).toEqual([]);
  expect(warning({ WITH: 'compose' })).toEqual(line('127.0.0.1 172.17.0.1'));
  for (const settings of [
    { GLOBAL_IP: '127.0.0.1 192.0.2.1' },
    { GLOBAL_IP: '0.0.0.0' },
    { SERVICE_IP: '192.0.2.1' },
    { PUBLIC_URL_npm: 'https://npm.example' },
  ])
    expect(warning(settings)).toEqual([]);
});

describe('make hosts', () => {
  test.each([
    [{ SERVICE_IP: '', GLOBAL_IP: '127.0.0.1 192.0.2.8 2001:db8::1' }, ['192.0.2.8', '2001:db8::1']],
    [{ GLOBAL_IP: '127.0.0.1' }, ['192.0.2.7']],
    [{ SERVICE_IP: '' }, ['127.0.0.1']],
  ])('%j', async (env, addresses) => {
    const { out } = await cli('hosts', env);
    expect(out.filter((line) => !line.startsWith('#'))).toEqual(addresses.map((address) => `${address} cache-npm.srv cache-pip.srv`));
    expect(out.filter((line) => line.startsWith('#host-record='))).toEqual(
      addresses.flatMap((address) => [`#host-record=cache-npm.srv,${address}`, `#host-record=cache-pip.srv,${address}`]),
    );
  });
});
