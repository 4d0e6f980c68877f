/** The Python clients of the tests, installed from this machine's index. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

import { removeFolder } from './folder';
import { index, python, trustVariables } from './py-machine';
import { bareEnvironment, runWell } from './run';

/** What is installed for each, in an environment of its own. */
const ENVIRONMENTS = {
  pip: ['pip==26.3'],
  // Before pages in JSON (PEP 691) and before metadata beside wheels (PEP 658).
  oldPip: ['pip==22.1.2'],
  poetry: ['poetry==2.5.1'],
  pipenv: ['pipenv==2026.10.3'],
  // Newer ones do not start with the newest versions of what they need.
  pdm: ['pdm==2.25.9', 'unearth<0.18', 'hishel<1'],
} as const;
const UV = 'uv==0.13.9';
const INSTALL_MS = 180_000;

/** Names of the programs. */
export type ClientName = keyof typeof ENVIRONMENTS | 'uv';
/** The start of each one's command line. */
export type PythonPrograms = Readonly<Record<ClientName, readonly string[]>>;

let programs: Promise<PythonPrograms> | undefined;

/**
 * Installs the clients from this machine's index, once for each set of versions and interpreter: the folder is kept in the system's
 * temporary directory, and later test files and runs find it there. Test files running side by side may all try.
 */
export function pythonPrograms(): Promise<PythonPrograms> {
  return (programs ??= install());
}

async function install(): Promise<PythonPrograms> {
  if (python === undefined) throw new Error('there is no Python');
  const key = createHash('sha256')
    .update(JSON.stringify([python, ENVIRONMENTS, UV]))
    .digest('hex')
    .slice(0, 12);
  const folder = join(tmpdir(), `larder-python-clients-${userInfo().uid}-${key}`);
  // Environments know their own path, so they are made where they stay, and what is complete is linked.
  const complete = join(folder, 'complete');
  if (isWhole(complete)) return programsIn(complete);

  await mkdir(folder, { recursive: true });
  const making = await mkdtemp(join(folder, 'new-'));
  const env = {
    ...bareEnvironment(making),
    ...trustVariables(),
    PIP_CONFIG_FILE: '/dev/null',
    UV_NO_CONFIG: '1',
    UV_LINK_MODE: 'hardlink',
  };
  const options = { cwd: making, env, timeoutMs: INSTALL_MS };
  const from = ['--index-url', index.url];
  const to = join(making, 'uv');
  await runWell([python, '-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--target', to, ...from, UV], options);
  const [uv = ''] = programsIn(making).uv;
  for (const [name, wanted] of Object.entries(ENVIRONMENTS)) {
    await runWell([uv, 'venv', '-q', '--python', python, join(making, name)], options);
    await runWell([uv, 'pip', 'install', '-q', '--python', join(making, name, 'bin', 'python'), ...from, ...wanted], options);
  }
  await removeFolder(join(making, '.cache'));
  // Somebody else may have been faster: then theirs is as good as ours.
  if (isWhole(complete)) await removeFolder(making);
  else {
    await rm(complete, { force: true });
    await symlink(making, complete).catch(ignoreExisting);
  }
  return programsIn(complete);
}

function programsIn(folder: string): PythonPrograms {
  const at = (name: ClientName, program: string = name): string => join(folder, name, 'bin', program);
  const modules = (name: ClientName): string[] => [at(name, 'python'), '-m', 'pip'];
  return {
    pip: modules('pip'),
    oldPip: modules('oldPip'),
    uv: [at('uv')],
    poetry: [at('poetry')],
    pipenv: [at('pipenv')],
    pdm: [at('pdm')],
  };
}

function isWhole(folder: string): boolean {
  return Object.values(programsIn(folder)).every(([program = '']) => existsSync(program));
}

function ignoreExisting(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
}
