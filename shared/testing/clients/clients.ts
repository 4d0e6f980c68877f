import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { installPrograms, type Programs } from './client-programs';
import { fingerprint, packagesIn, removeFolder, temporaryFolder } from './folder';
import type { Manifest } from './projects';
import { registry as machineRegistry } from './reachable';
import { bareEnvironment, failureText, run, type Outcome } from './run';

/** One package manager: how it is pointed at a registry and how it is called. All functions are pure. */
export interface Client {
  readonly name: string;
  /** Name of its lockfile. */
  readonly lockfile: string;
  /** The start of its command line. */
  program(programs: Programs): readonly string[];
  /** Arguments of an install that may write the lockfile. */
  readonly install: readonly string[];
  /** Arguments of an install that must not change the lockfile. */
  readonly frozen: readonly string[];
  /** Arguments that write the lockfile and as little else as the client can. */
  readonly lock: readonly string[];
  /** Configuration files of a project, by name. `registry` ends with a slash. */
  files(registry: string, settings: readonly string[]): Readonly<Record<string, string>>;
  /** Settings of its environment, all below `home`. */
  environment(home: string): Readonly<Record<string, string>>;
}

const npm: Client = {
  name: 'npm',
  lockfile: 'package-lock.json',
  program: () => ['npm'],
  install: ['install', '--ignore-scripts', '--no-audit', '--no-fund'],
  frozen: ['ci', '--ignore-scripts', '--no-audit', '--no-fund'],
  lock: ['install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund'],
  // A machine's global configuration may leave the URLs out of lockfiles; the documented substitution is about those that have them.
  files: (registry, settings) => ({
    '.npmrc': lines(
      `registry=${registry}`,
      'omit-lockfile-registry-resolved=false',
      'update-notifier=false',
      `fetch-retries=${retries(registry)}`,
      'loglevel=notice',
      ...settings,
    ),
  }),
  environment: (home) => ({
    npm_config_cache: join(home, 'cache'),
    npm_config_userconfig: join(home, 'userconfig'),
    npm_config_globalconfig: join(home, 'globalconfig'),
  }),
};

const yarn: Client = {
  name: 'Yarn 1',
  lockfile: 'yarn.lock',
  program: (programs) => programs.yarn,
  install: ['install', '--ignore-scripts', '--non-interactive', '--no-progress'],
  frozen: ['install', '--frozen-lockfile', '--ignore-scripts', '--non-interactive', '--no-progress'],
  lock: ['install', '--ignore-scripts', '--non-interactive', '--no-progress'],
  files: (registry, settings) => ({ '.npmrc': lines(`registry=${registry}`, ...settings), '.yarnrc': lines(`registry "${registry}"`) }),
  environment: (home) => ({ YARN_CACHE_FOLDER: join(home, 'cache') }),
};

const berry: Client = {
  name: 'Yarn Berry',
  lockfile: 'yarn.lock',
  program: (programs) => programs.berry,
  install: ['install'],
  frozen: ['install', '--immutable'],
  lock: ['install', '--mode=update-lockfile'],
  files: (registry, settings) => ({
    '.yarnrc.yml': lines(
      `npmRegistryServer: "${registry.replace(/\/$/, '')}"`,
      'unsafeHttpWhitelist: ["127.0.0.1"]',
      'nodeLinker: node-modules',
      'enableTelemetry: false',
      `httpRetry: ${retries(registry)}`,
      'enableScripts: false',
      'enableImmutableInstalls: false',
      ...settings,
    ),
  }),
  environment: (home) => ({ YARN_GLOBAL_FOLDER: join(home, 'cache') }),
};

const pnpm: Client = {
  name: 'pnpm',
  lockfile: 'pnpm-lock.yaml',
  program: (programs) => programs.pnpm,
  install: ['install', '--ignore-scripts', '--no-frozen-lockfile', '--reporter=append-only'],
  frozen: ['install', '--ignore-scripts', '--frozen-lockfile', '--reporter=append-only'],
  lock: ['install', '--ignore-scripts', '--lockfile-only', '--reporter=append-only'],
  files: (registry, settings) => ({
    '.npmrc': lines(`registry=${registry}`, ...settings.filter((line) => line.startsWith('//'))),
    'pnpm-workspace.yaml': lines(
      'packages: ["."]',
      'updateNotifier: false',
      `fetchRetries: ${retries(registry)}`,
      ...settings.filter((line) => !line.startsWith('//')),
    ),
  }),
  environment: (home) => ({ PNPM_HOME: join(home, 'pnpm'), XDG_CACHE_HOME: join(home, 'cache'), XDG_DATA_HOME: join(home, 'data') }),
};

const bun: Client = {
  name: 'bun',
  lockfile: 'bun.lock',
  program: (programs) => programs.bun,
  install: ['install', '--ignore-scripts', '--no-progress'],
  frozen: ['install', '--frozen-lockfile', '--ignore-scripts', '--no-progress'],
  lock: ['install', '--lockfile-only', '--ignore-scripts', '--no-progress'],
  files: (registry, settings) => ({
    '.npmrc': lines(`registry=${registry}`, ...settings.filter((line) => line.startsWith('//'))),
    'bunfig.toml': lines('[install]', ...settings.filter((line) => !line.startsWith('//'))),
  }),
  environment: (home) => ({ BUN_INSTALL_CACHE_DIR: join(home, 'cache') }),
};

/** Package managers by name. */
export const CLIENTS = { npm, yarn, berry, pnpm, bun } as const;

/** A project folder with a home and a cache of its own: what one user on one new machine has. */
export interface Project {
  readonly client: Client;
  readonly folder: string;
  /** Calls the client there; its status is in the outcome. */
  call(...args: string[]): Promise<Outcome>;
  /** As call(), but a status other than 0 is an error. */
  must(...args: string[]): Promise<Outcome>;
  /** Removes the client's cache and home, and node_modules: a new machine with the same lockfile. */
  forget(): Promise<void>;
  /** Points the project at another registry, or changes its settings. */
  configure(registry: string, settings?: readonly string[]): Promise<void>;
  readLock(): Promise<string>;
  writeLock(text: string): Promise<void>;
  dropLock(): Promise<void>;
  /** What is in node_modules. */
  installed(): Promise<ReadonlyMap<string, string>>;
  /** `name version` of every package in node_modules, sorted, each once. */
  packages(): Promise<string[]>;
  remove(): Promise<void>;
}

/**
 * Makes a project. `settings` are extra lines of the client's own configuration file. Only npm, which the machine has, can be had without
 * the registry; the others are installed on first use. A project that is pointed at a cache cannot reach an https registry at all: what
 * it installs has come through the cache.
 */
export async function makeProject(
  client: Client,
  manifest: Manifest,
  registry: string,
  settings: readonly string[] = [],
): Promise<Project> {
  const root = await temporaryFolder('project');
  const [folder, home] = [join(root, 'project'), join(root, 'home')];
  const program = client.program(client === npm ? NO_PROGRAMS : await installPrograms());
  let env: NodeJS.ProcessEnv = {};
  const configure = async (at: string, more: readonly string[] = settings): Promise<void> => {
    // What npm is told to trust on this machine, the others must trust too.
    const trusted = machineRegistry.caFile === undefined ? {} : { NODE_EXTRA_CA_CERTS: machineRegistry.caFile };
    env = { ...trusted, ...bareEnvironment(home), ...client.environment(home), ...(isLoopback(at) ? NO_WAY_OUT : {}) };
    const trust = client === npm && machineRegistry.caFile !== undefined ? [`cafile=${machineRegistry.caFile}`] : [];
    const files = Object.entries(client.files(at, [...trust, ...more]));
    await Promise.all(files.map(([name, text]) => writeFile(join(folder, name), text)));
  };
  const call = (...args: string[]): Promise<Outcome> => run([...program, ...args], { cwd: folder, env });
  await mkdir(folder);
  await mkdir(home);
  await writeFile(
    join(folder, 'package.json'),
    `${JSON.stringify({ name: 'project', version: '1.0.0', private: true, ...manifest }, null, 2)}\n`,
  );
  await configure(registry);
  return {
    client,
    folder,
    call,
    configure,
    must: async (...args) => {
      const outcome = await call(...args);
      if (outcome.code !== 0) throw new Error(failureText([client.name, ...args], outcome));
      return outcome;
    },
    forget: async () => {
      await removeFolder(home);
      await removeFolder(join(folder, 'node_modules'));
      await mkdir(home);
    },
    readLock: () => readFile(join(folder, client.lockfile), 'utf8'),
    writeLock: (text) => writeFile(join(folder, client.lockfile), text),
    dropLock: () => rm(join(folder, client.lockfile)),
    installed: () => fingerprint(join(folder, 'node_modules')),
    packages: () => packagesIn(join(folder, 'node_modules')),
    remove: () => removeFolder(root),
  };
}

const NO_PROGRAMS: Programs = { yarn: [], berry: [], pnpm: [], bun: [] };
/** A proxy that nobody runs (port 9 is discard, RFC 863) for everything but this machine. */
const NO_WAY_OUT = {
  HTTPS_PROXY: 'http://127.0.0.1:9',
  https_proxy: 'http://127.0.0.1:9',
  YARN_HTTPS_PROXY: 'http://127.0.0.1:9',
  NO_PROXY: '127.0.0.1',
  no_proxy: '127.0.0.1',
};

/** A server of this machine must answer at the first try: a client that tries again would hide a wrong answer. */
function retries(registry: string): number {
  return isLoopback(registry) ? 0 : 2;
}

function isLoopback(url: string): boolean {
  return new URL(url).hostname === '127.0.0.1';
}

function lines(...all: string[]): string {
  return `${all.join('\n')}\n`;
}
