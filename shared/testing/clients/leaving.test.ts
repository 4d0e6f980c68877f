/**
 * README's way in and out, by its very commands: real clients are pointed at caches, install through them and leave; afterwards their configuration is
 * what it was, and what they locked installs without the caches, which are gone.
 */
import { chmodSync, existsSync } from 'node:fs';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { ROOT } from '../../config/sources';
import { freePort } from '../ports';
import { installPrograms } from './client-programs';
import { removeFolder, temporaryFolder } from './folder';
import { index, python, trustVariables, upstreamSettings } from './py-machine';
import { pythonPrograms } from './py-programs';
import { registry } from './reachable';
import { bareEnvironment, failureText, run, runWell } from './run';

const TIMEOUT_MS = 300_000;
const isBuiltByMake = existsSync(join(ROOT, 'dist', '.sources')) || existsSync(join(ROOT, 'dist', '.sources-start'));
const lacks = registry.unreachable || index.unreachable || (isBuiltByMake ? '' : 'this was not built by make');

let root: string;
let [home, work]: [string, string] = ['', ''];
let env: NodeJS.ProcessEnv;
let ports: { readonly npm: number; readonly pip: number };

beforeAll(async () => {
  root = await temporaryFolder('leaving');
  [home, work] = [join(root, 'home'), join(root, 'work')];
  for (const folder of [home, work, join(root, 'bin')]) await mkdir(folder);
  ports = { npm: await freePort(), pip: await freePort() };
  const settings = {
    CACHES: 'npm pip',
    PORT_npm: ports.npm,
    PORT_pip: ports.pip,
    GLOBAL_IP: '127.0.0.1',
    CACHE_DIR: join(root, 'store'),
    STATE_DIR: join(root, 'state'),
    MIN_FREE: '50MB',
    UPSTREAM_npm: registry.url,
    ...upstreamSettings(),
    ...(registry.caFile === undefined ? {} : { UPSTREAM_CA_FILE: registry.caFile }),
  };
  await writeFile(
    join(root, 'settings'),
    Object.entries(settings)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  env = {
    ...bareEnvironment(home),
    ...trustVariables(),
    ...(registry.caFile === undefined ? {} : { NODE_EXTRA_CA_CERTS: registry.caFile }),
    LARDER_ENV_FILE: join(root, 'settings'),
    // Yarn 1 keeps root's settings at a place of the whole machine, unless this is set.
    FAKEROOTKEY: '1',
    UV_PYTHON: python ?? '',
    UV_PYTHON_DOWNLOADS: 'never',
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    npm_config_cache: join(root, 'npm-cache'),
  };
}, TIMEOUT_MS);

afterAll(async () => {
  if (isBuiltByMake) await larder('stop').catch(() => undefined);
  await removeFolder(root);
}, TIMEOUT_MS);

/** What make runs, without looking whether something has to be built. */
async function larder(verb: string): Promise<void> {
  await runWell([process.execPath, join(ROOT, 'dist/shared/cli/main.js'), verb], { cwd: ROOT, env });
}

/** A line as it would be typed in a new shell. */
async function type(line: string, folder = work): Promise<string> {
  const outcome = await run(['bash', '--login', '-c', line], { cwd: folder, env });
  if (outcome.code !== 0) throw new Error(failureText([line], outcome));
  return outcome.stdout;
}

/** The clients by their names, as if they were installed; nothing else of this machine's is found before them. */
async function installClients(): Promise<void> {
  const [{ yarn }, { pip, uv }] = await Promise.all([installPrograms(), pythonPrograms()]);
  for (const [name, command] of Object.entries({ yarn, pip, uv })) {
    const file = join(root, 'bin', name);
    await writeFile(file, `#!/bin/sh\nexec ${command.map((word) => `'${word}'`).join(' ')} "$@"\n`);
    chmodSync(file, 0o755);
  }
  // A login shell sets PATH anew.
  env = { ...env, PATH: `${join(root, 'bin')}:${env['PATH'] ?? ''}`, BASH_ENV: '' };
  await writeFile(join(home, '.profile'), `PATH=${env['PATH'] ?? ''}`);
  await writeFile(join(home, '.npmrc'), `# mine\nregistry=${registry.url}\nfund=false\n`);
}

/** Every file that a user has as configuration, by its path. */
async function configuration(): Promise<ReadonlyMap<string, string>> {
  const found = (await readdir(home, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const paths = found
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/\/\.(?:cache|npm|yarn|local\/share)\//.test(path));
  return new Map(await Promise.all(paths.sort().map(async (path) => [path, await readFile(path, 'utf8')] as const)));
}

/** The commands of a section's first block. */
async function commandsOf(section: string): Promise<string[]> {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const [, block = ''] = new RegExp(`\n## ${section}\n[^]*?\n\`\`\`\n([^]*?)\n\`\`\`\n`).exec(readme) ?? [];
  return block.split('\n');
}

const NODE_PROJECT = JSON.stringify({ name: 'p', version: '1.0.0', license: 'MIT', dependencies: { ms: '2.1.3', '@types/ms': '2.1.0' } });
const PYTHON_PROJECT = '[project]\nname = "p"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["six==1.16.0"]\n';
const LOCKS = ['npm/package-lock.json', 'yarn/yarn.lock', 'uv/uv.lock'];

(lacks === '' ? it : it.skip)(
  `README: clients come, install and leave without a trace${lacks === '' ? '' : ` (${lacks})`}`,
  async () => {
    await installClients();
    for (const [name, file, text] of [
      ['npm', 'package.json', NODE_PROJECT],
      ['yarn', 'package.json', NODE_PROJECT],
      ['uv', 'pyproject.toml', PYTHON_PROJECT],
    ] as const) {
      await mkdir(join(work, name));
      await writeFile(join(work, name, file), text);
    }
    const before = await configuration();
    await larder('start');

    const readme = await commandsOf('Clients');
    expect(readme[0]).toMatch(/^make client .*: then make -s client \| sh does it$/);
    const said = await type('make -s client | sh', ROOT);
    for (const client of ['npm', 'Yarn 1', 'pip', 'uv']) expect(said).toContain(`larder: ${client} goes to http://127.0.0.1:`);

    await type('npm install --no-audit --ignore-scripts --omit-lockfile-registry-resolved=false', join(work, 'npm'));
    await type('yarn install --non-interactive --ignore-scripts', join(work, 'yarn'));
    await type('uv sync -q', join(work, 'uv'));
    await type('pip download -q --no-deps --no-cache-dir -d wheels six==1.16.0');
    for (const lock of LOCKS)
      expect(await readFile(join(work, lock), 'utf8')).toContain(`http://127.0.0.1:${lock.startsWith('uv') ? ports.pip : ports.npm}/`);
    const status = await type('make status', ROOT);
    for (const cache of ['npm', 'pip']) expect(status).toMatch(new RegExp(`^${cache} +up .* in [1-9]`, 'm'));

    const leave = await commandsOf('Leave');
    expect(leave).toEqual(['make unclient', 'shared/cli/larder.cjs lockfile restore FILE…', 'make stop']);
    for (const line of leave) await type(line.replace('FILE…', LOCKS.map((lock) => join(work, lock)).join(' ')), ROOT);

    // Only what clients leave beside their configuration may be new, and it knows nothing of the caches.
    const after = await configuration();
    for (const [path, text] of before) expect([path, after.get(path)]).toEqual([path, text]);
    for (const [path, text] of after)
      expect([path, text]).not.toEqual([path, expect.stringMatching(`# larder|:(?:${ports.npm}|${ports.pip})\\b`)]);
    expect(existsSync(join(home, '.local', 'state', 'larder'))).toBe(false);

    // A new machine with the same locks, and no cache anywhere.
    await expect(fetch(`http://127.0.0.1:${ports.npm}/`)).rejects.toThrow();
    await expect(fetch(`http://127.0.0.1:${ports.pip}/`)).rejects.toThrow();
    const locks = await Promise.all(LOCKS.map((lock) => readFile(join(work, lock), 'utf8')));
    for (const lock of locks) expect(lock).not.toContain('127.0.0.1');
    for (const folder of ['npm/node_modules', 'yarn/node_modules', 'uv/.venv', 'wheels']) await removeFolder(join(work, folder));
    await removeFolder(join(root, 'npm-cache'));
    await removeFolder(join(home, '.cache'));
    await type('npm ci --no-audit --ignore-scripts', join(work, 'npm'));
    await type('yarn install --non-interactive --ignore-scripts --frozen-lockfile', join(work, 'yarn'));
    await type('uv sync -q --frozen', join(work, 'uv'));
    await type('pip download -q --no-deps --no-cache-dir -d wheels six==1.16.0');
    expect(await Promise.all(LOCKS.map((lock) => readFile(join(work, lock), 'utf8')))).toEqual(locks);
  },
  TIMEOUT_MS,
);
