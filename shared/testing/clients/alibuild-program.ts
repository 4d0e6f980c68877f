/** The real aliBuild of the tests, installed from this machine's Python index, and what it needs beside it. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

import { removeFolder } from './folder';
import { index, python, trustVariables } from './py-machine';
import { bareEnvironment, runWell } from './run';

const WANTED = ['alibuild==1.17.48'];
const INSTALL_MS = 180_000;

const NEEDED: readonly (readonly [program: string, ...args: string[]])[] = [
  ['git', '--version'],
  ['rsync', '--version'],
  ['nginx', '-v'],
];
/** What this machine lacks for a build with aliBuild; '' if nothing. */
export const lacking: string = NEEDED.filter(([program, ...args]) => spawnSync(program, args).status !== 0)
  .map(([program]) => `there is no ${program}`)
  .join(', ');

let program: Promise<string> | undefined;

/**
 * Folder with the programs of aliBuild: installed once for each version and interpreter, and kept in the system's temporary directory for later
 * runs. Test files running side by side may all try.
 */
export function alibuildPrograms(): Promise<string> {
  return (program ??= install());
}

async function install(): Promise<string> {
  if (python === undefined) throw new Error('there is no Python');
  const key = createHash('sha256')
    .update(JSON.stringify([python, WANTED]))
    .digest('hex')
    .slice(0, 12);
  const folder = join(tmpdir(), `larder-alibuild-${userInfo().uid}-${key}`);
  // An environment knows its own path, so it is made where it stays, and what is complete is linked.
  const complete = join(folder, 'complete');
  if (existsSync(join(complete, 'bin', 'aliBuild'))) return join(complete, 'bin');
  await mkdir(folder, { recursive: true });
  const making = await mkdtemp(join(folder, 'new-'));
  const env = { ...bareEnvironment(making), ...trustVariables(), PIP_CONFIG_FILE: '/dev/null' };
  const options = { cwd: making, env, timeoutMs: INSTALL_MS };
  await runWell([python, '-m', 'venv', making], options);
  const pip = [join(making, 'bin', 'python'), '-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--index-url', index.url];
  await runWell([...pip, ...WANTED], options);
  if (existsSync(join(complete, 'bin', 'aliBuild'))) await removeFolder(making);
  else {
    await rm(complete, { force: true });
    await symlink(making, complete).catch((error: NodeJS.ErrnoException) => {
      // Somebody else was faster: theirs is as good as ours.
      if (error.code !== 'EEXIST') throw error;
    });
  }
  return join(complete, 'bin');
}
