/** A Python developer on a new machine: a project folder, a home with no caches, and every client pointed at one index. */
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { fingerprint, removeFolder, temporaryFolder } from './folder';
import { isLong, python, trustVariables } from './py-machine';
import { pythonPrograms, type ClientName } from './py-programs';
import { bareEnvironment, failureText, LONGEST_RUN_MS, run, type Outcome } from './run';

/** How one client installs what a requirements file says into the folder `target`. */
export interface Installer {
  readonly client: ClientName;
  /** @param options in front of the requirements: `--require-hashes` */
  install(requirements: string, ...options: readonly string[]): readonly string[];
}

const TARGET = 'target';
/** Longest time that one call may take where hundreds of megabytes are installed, ms. */
const LONGEST_E2E_MS = 600_000;
const pipInstall = (requirements: string, ...options: readonly string[]): readonly string[] => [
  ...['install', '--quiet', '--no-compile', '--only-binary', ':all:', '--target', TARGET, ...options, '-r', requirements],
];

/** Installers by name. */
export const INSTALLERS: Readonly<Record<'uv' | 'pip' | 'oldPip', Installer>> = {
  uv: {
    client: 'uv',
    install: (requirements, ...options) => [
      'pip',
      'install',
      '--quiet',
      '--only-binary',
      ':all:',
      '--target',
      TARGET,
      ...options,
      '-r',
      requirements,
    ],
  },
  pip: { client: 'pip', install: pipInstall },
  oldPip: { client: 'oldPip', install: pipInstall },
};

/** A project, and clients that lock and install it. */
export interface Developer {
  readonly folder: string;
  /** Calls a client in the project's folder; its status is in the outcome. */
  call(client: ClientName | 'machine', ...args: readonly string[]): Promise<Outcome>;
  /** As call(), but a status other than 0 is an error. */
  must(client: ClientName | 'machine', ...args: readonly string[]): Promise<Outcome>;
  write(name: string, text: string): Promise<void>;
  read(name: string): Promise<string>;
  /** Points every client at another index. */
  configure(indexUrl: string, variables?: Readonly<Record<string, string>>): void;
  /** Removes all that clients keep and installed: a new machine with the same project. */
  forget(): Promise<void>;
  /** Every installed file, as fingerprint(), but for what tells who installed it. */
  installed(): Promise<ReadonlyMap<string, string>>;
  /** `name-version` of each distribution in the target folder, or in the project's own environment; sorted. */
  distributions(where?: 'target' | 'environment'): Promise<string[]>;
  remove(): Promise<void>;
}

/** Written by installers, with their own name, paths or times in them. */
const NOTES = /^(?:bin\/|[^/]+\.dist-info\/(?:INSTALLER|RECORD|REQUESTED|direct_url\.json|uv_cache\.json)$|\.lock$)/;
/** A proxy that nobody runs (port 9 is discard, RFC 863) for everything but this machine. */
const NO_WAY_OUT = {
  HTTPS_PROXY: 'http://127.0.0.1:9',
  https_proxy: 'http://127.0.0.1:9',
  HTTP_PROXY: 'http://127.0.0.1:9',
  http_proxy: 'http://127.0.0.1:9',
  NO_PROXY: '127.0.0.1',
  no_proxy: '127.0.0.1',
};

/**
 * Makes one. `machine` calls the pip of this machine's Python, which is there without the index; the other clients are installed on first use.
 * Who is pointed at a cache can reach nothing else: what is installed has come through it.
 * @param indexUrl as pip's `index-url`, e.g. `http://127.0.0.1:1234/simple/`
 */
export async function makeDeveloper(indexUrl: string, variables: Readonly<Record<string, string>> = {}): Promise<Developer> {
  const root = await temporaryFolder('python');
  const [folder, home] = [join(root, 'project'), join(root, 'home')];
  const target = join(folder, TARGET);
  let env: NodeJS.ProcessEnv = {};
  const configure = (url: string, more: Readonly<Record<string, string>> = variables): void => {
    env = { ...environment(home, url), ...more };
  };
  await mkdir(folder);
  await mkdir(home);
  configure(indexUrl);
  const call: Developer['call'] = async (client, ...args) => {
    const command = client === 'machine' ? [python ?? 'python3', '-m', 'pip'] : (await pythonPrograms())[client];
    return run([...command, ...args], { cwd: folder, env, timeoutMs: isLong ? LONGEST_E2E_MS : LONGEST_RUN_MS });
  };
  return {
    folder,
    call,
    configure,
    must: async (client, ...args) => {
      const outcome = await call(client, ...args);
      if (outcome.code !== 0) throw new Error(failureText([client, ...args], outcome));
      return outcome;
    },
    write: (name, text) => writeFile(join(folder, name), text),
    read: (name) => readFile(join(folder, name), 'utf8'),
    forget: async () => {
      await Promise.all([home, target, join(folder, '.venv')].map(removeFolder));
      await mkdir(home);
    },
    installed: async () => new Map([...(await fingerprint(target))].filter(([path]) => !NOTES.test(path))),
    distributions: async (where = 'target') => {
      const names = await readdir(where === 'target' ? target : await sitePackages(join(folder, '.venv')));
      return names.flatMap((name) => /^(.*)\.dist-info$/.exec(name)?.[1] ?? []).sort();
    },
    remove: () => removeFolder(root),
  };
}

async function sitePackages(environment: string): Promise<string> {
  const [version = 'none'] = await readdir(join(environment, 'lib'));
  return join(environment, 'lib', version, 'site-packages');
}

/** Nothing of this machine's configuration, and each client's own words for the index. */
function environment(home: string, indexUrl: string): NodeJS.ProcessEnv {
  const { hostname } = new URL(indexUrl);
  return {
    ...bareEnvironment(home),
    ...trustVariables(),
    ...(hostname === '127.0.0.1' ? NO_WAY_OUT : {}),
    PIP_CONFIG_FILE: '/dev/null',
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    PIP_ROOT_USER_ACTION: 'ignore',
    PIP_INDEX_URL: indexUrl,
    // A server of this machine must answer at the first try: a client that tries again would hide a wrong answer.
    PIP_RETRIES: '0',
    UV_HTTP_RETRIES: '0',
    UV_DEFAULT_INDEX: indexUrl,
    XDG_CONFIG_DIRS: home,
    UV_PYTHON: python ?? '',
    UV_PYTHON_DOWNLOADS: 'never',
    POETRY_VIRTUALENVS_IN_PROJECT: 'true',
    PIPENV_VENV_IN_PROJECT: '1',
    PIPENV_IGNORE_VIRTUALENVS: '1',
    PIPENV_DEFAULT_PYTHON_VERSION: python ?? '',
    PIPENV_PYPI_MIRROR: indexUrl,
    PDM_PYPI_URL: indexUrl,
    PDM_CHECK_UPDATE: '0',
  };
}
