/**
 * Debian's Composer installs a project of dozens of real libraries through the cache: from a cold store, a warm one, from a lock on a cold
 * store, without an upstream, and without the cache. Each time with an empty client; each time the same files.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { composer as module } from '../../../caches/composer/composer';
import { openHouse, type LocalHouse } from '../house';
import { differences, fingerprint, removeFolder, temporaryFolder } from './folder';
import { noComposer, phpLibraries, REPLACED, type PhpLibrary } from './php-libraries';
import { ADVISORY, servePhpRepository, type PhpRepository } from './php-repository';
import { bareEnvironment, run, runWell, type Outcome } from './run';

const LIBRARIES = 30;
const TIMEOUT_MS = 300_000;

/** Nobody's package: Monolog provides it. Clients ask for it all the same. */
const VIRTUAL = 'psr/log-implementation';

const missing = noComposer();
const withComposer = (name: string, body: () => Promise<void>): void =>
  missing === '' ? it(name, body, TIMEOUT_MS) : it.skip(`${name} (skipped: ${missing})`, body, TIMEOUT_MS);

let folder = '';
let libraries: readonly PhpLibrary[] = [];
let repository: PhpRepository | undefined;
let cache: LocalHouse | undefined;
let machines = 0;
/** What the first install gave. */
let first: ReadonlyMap<string, string> | undefined;
let lock = '';

beforeAll(async () => {
  if (missing !== '') return;
  folder = await temporaryFolder('composer');
  await mkdir(join(folder, 'sources'));
  libraries = await phpLibraries(join(folder, 'sources'));
  repository = await servePhpRepository(join(folder, 'repository'), libraries);
}, TIMEOUT_MS);
afterAll(async () => {
  await cache?.stop();
  await repository?.stop();
  if (folder !== '') await removeFolder(folder);
}, 60_000);

const open = async (store: string, settings: Readonly<Record<string, string>> = {}): Promise<LocalHouse> => {
  await cache?.stop();
  const home = join(folder, store);
  await mkdir(home, { recursive: true });
  const env = { ALLOW_NETS: '127.0.0.0/8', TTL_composer: '1h', NEGATIVE_TTL: '1h', ...settings };
  return (cache = await openHouse({ module: 'composer', upstream: repository?.url ?? '', home, env }));
};

interface Machine {
  composer(...args: readonly string[]): Promise<Outcome>;
  must(...args: readonly string[]): Promise<Outcome>;
  installed(): Promise<ReadonlyMap<string, string>>;
  lock(): Promise<string>;
}

/** A new machine with the project on it, pointed at the cache by the line that users are given. */
async function newMachine(base: string, locked = '', wanted = [...libraries.map(({ name }) => name), VIRTUAL]): Promise<Machine> {
  const home = join(folder, `machine-${++machines}`);
  const project = join(home, 'project');
  await mkdir(project, { recursive: true });
  const composerJson = {
    name: 'acme/project',
    require: Object.fromEntries(wanted.map((name) => [name, '*'])),
    // Then clients ask for the branches of everything, too.
    'minimum-stability': 'dev',
    'prefer-stable': true,
    replace: Object.fromEntries(REPLACED.map((name) => [name, '*'])),
  };
  await writeFile(join(project, 'composer.json'), JSON.stringify(composerJson));
  if (locked !== '') await writeFile(join(project, 'composer.lock'), locked);
  const env = {
    ...bareEnvironment(home),
    COMPOSER_ALLOW_SUPERUSER: '1',
    COMPOSER_NO_INTERACTION: '1',
    COMPOSER_HOME: join(home, 'composer'),
  };
  await runWell(['sh', '-c', module.clients(base)[0]?.on ?? 'false'], { cwd: home, env });
  const command = (args: readonly string[]): readonly string[] => ['composer', ...args];
  return {
    composer: (...args) => run(command(args), { cwd: project, env }),
    must: (...args) => runWell(command(args), { cwd: project, env }),
    installed: () => fingerprint(join(project, 'vendor')),
    lock: () => readFile(join(project, 'composer.lock'), 'utf8'),
  };
}

const OPTIONS = ['--no-progress', '--no-scripts', '--ignore-platform-reqs', '--no-audit'];
const update = (machine: Machine): Promise<Outcome> => machine.must('update', ...OPTIONS);
const install = (machine: Machine): Promise<Outcome> => machine.must('install', ...OPTIONS.filter((one) => one !== '--no-audit'));

async function expectSame(machine: Machine): Promise<void> {
  const installed = await machine.installed();
  first ??= installed;
  expect(differences(withoutTime(first), withoutTime(installed))).toEqual([]);
}

/** Composer's own notes name the cache's address, and a random class. */
function withoutTime(files: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...files].filter(([path]) => !/^(?:autoload\.php|composer\/.*)$/.test(path)));
}

/** Of the repository; notes of installations come when they come. */
const askedForData = (): string[] => (repository?.asked() ?? []).filter((path) => /^\/(?:p2|repos|packages)/.test(path));

const targets = (house: LocalHouse, start: string): string[] =>
  house.access.flatMap(({ target }) => (target.startsWith(start) ? [target] : []));

withComposer('updates from a cold store: every archive comes through the cache, and the lock names the archives’ own hosts', async () => {
  expect(libraries.length).toBeGreaterThanOrEqual(LIBRARIES);
  const house = await open('store');
  const machine = await newMachine(house.url);
  await update(machine);
  await expectSame(machine);
  lock = await machine.lock();
  const { packages } = JSON.parse(lock) as { packages: { name: string; dist: { url: string; mirrors?: unknown } }[] };
  expect(packages.map(({ name }) => name)).toEqual(libraries.map(({ name }) => name));
  expect(packages.every(({ dist }) => dist.url.startsWith(`${repository?.files}/repos/`) && dist.mirrors !== undefined)).toBe(true);
  expect(targets(house, '/dists/')).toHaveLength(libraries.length);
  expect(house.access.filter(({ status }) => status >= 400)).toEqual([]);
  // What the repository does not have was asked for, and is no error.
  const nothing = [`/p2/${VIRTUAL}.json`, `/p2/${libraries[1]?.name}~dev.json`];
  expect(targets(house, '/p2/')).toEqual(expect.arrayContaining(nothing));
  // Nobody but the cache asked for an archive, and it asked once.
  expect(repository?.asked().filter((path) => path.startsWith('/repos/'))).toHaveLength(libraries.length);
});

withComposer('updates again without one request for what is held; the same machine revalidates by date', async () => {
  const asked = askedForData();
  const house = await open('store');
  const machine = await newMachine(house.url);
  await update(machine);
  await expectSame(machine);
  expect(askedForData()).toEqual(asked);
  const held = house.access.filter(({ status, method }) => status === 200 && method === 'GET');
  expect([...new Set(held.map(({ outcome }) => outcome))]).toEqual(['hit']);
  const before = house.access.length;
  await update(machine);
  const again = house.access.slice(before).filter(({ target }) => /^\/(?:p2|packages)/.test(target));
  expect(again.length).toBeGreaterThanOrEqual(libraries.length);
  expect([...new Set(again.map(({ status, bytes }) => `${status} ${bytes}`))]).toEqual(['304 0']);
});

withComposer('installs from a lock on a cold store: each archive’s document is found first', async () => {
  const house = await open('another');
  const machine = await newMachine(house.url, relocated(lock, house.url));
  await install(machine);
  await expectSame(machine);
  expect(targets(house, '/p2/')).toEqual([]);
  expect(targets(house, '/dists/')).toHaveLength(libraries.length);
  expect(house.access.filter(({ status }) => status >= 400)).toEqual([]);
});

withComposer('updates with an upstream that is off and every document past its time', async () => {
  await repository?.stop();
  const house = await open('store', { TTL_composer: '0s', NEGATIVE_TTL: '0s' });
  const machine = await newMachine(house.url);
  await update(machine);
  await expectSame(machine);
  expect(house.access.map(({ outcome }) => outcome)).toContain('stale');
  await repository?.start();
});

withComposer('installs from the lock without the cache', async () => {
  const few = ['symfony/console', 'twig/twig'];
  const house = await open('store');
  const machine = await newMachine(house.url, '', few);
  await update(machine);
  await cache?.stop();
  // Composer tries each address for some seconds before it takes the next one.
  const other = await newMachine(house.url, await machine.lock(), few);
  await install(other);
  expect(differences(withoutTime(await machine.installed()), withoutTime(await other.installed()))).toEqual([]);
});

withComposer('composer audit tells what the repository knows', async () => {
  const house = await open('store');
  const machine = await newMachine(house.url, relocated(lock, house.url));
  await install(machine);
  const { code, stdout, stderr } = await machine.composer('audit', '--format=json');
  const report = JSON.parse(stdout) as { advisories: Record<string, { advisoryId: string; title: string }[]> };
  expect([code === 0, report.advisories[ADVISORY.package]?.[0]?.title, stderr.includes('not supported')]).toEqual([
    false,
    ADVISORY.title,
    false,
  ]);
  expect(house.access.filter(({ method, target }) => method === 'POST' && target === '/api/security-advisories/')).toMatchObject([
    { status: 200, outcome: 'pass (route)' },
  ]);
  expect(house.access.some(({ method, target, status }) => method === 'POST' && target === '/downloads/' && status === 200)).toBe(true);
});

withComposer('with DIST_URLS_composer=rewrite every address in the lock leads to the cache', async () => {
  const house = await open('strict', { DIST_URLS_composer: 'rewrite' });
  const machine = await newMachine(house.url);
  await update(machine);
  await expectSame(machine);
  const { packages } = JSON.parse(await machine.lock()) as { packages: { dist: { url: string } }[] };
  expect(packages.filter(({ dist }) => !dist.url.startsWith(`${house.url}/dist/127.0.0.1:`))).toEqual([]);
  expect(targets(house, '/dist/')).toHaveLength(libraries.length);
});

/** Houses have another port each time; that of the cache which made the lock stands in it. */
function relocated(text: string, base: string): string {
  return text.replaceAll(/http:\/\/127\.0\.0\.1:\d+(?=\/(?:dists|downloads))/g, base);
}
