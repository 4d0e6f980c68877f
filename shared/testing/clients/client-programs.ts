import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

import { removeFolder } from './folder';
import { registry } from './reachable';
import { bareEnvironment, runWell } from './run';

/**
 * The package managers that are installed from the registry: the name of the folder, and what npm installs there. pnpm and bun are
 * programs of this platform; their packages' install scripts would only link them, so the programs are used where they lie.
 */
const PACKAGES = {
  yarn: 'yarn@1.22.22',
  berry: 'npm:@yarnpkg/cli-dist@4.18.1',
  pnpm: `npm:@pnpm/exe.${process.platform}-${process.arch}@12.21.0`,
  bun: `npm:@oven/bun-${process.platform}-${process.arch === 'arm64' ? 'aarch64' : process.arch}@1.4.5`,
} as const;

/** Where the programs are. */
export interface Programs {
  readonly yarn: readonly string[];
  readonly berry: readonly string[];
  readonly pnpm: readonly string[];
  readonly bun: readonly string[];
}

const INSTALL_MS = 180_000;

/**
 * Installs the package managers from this machine's registry, once for each set of versions: the folder is kept in the system's temporary
 * directory, and later test files and runs find it there. It appears under its name only when complete, so that test files running side
 * by side may all try.
 */
export async function installPrograms(): Promise<Programs> {
  const key = createHash('sha256').update(JSON.stringify(PACKAGES)).digest('hex').slice(0, 12);
  const folder = join(tmpdir(), `larder-clients-${userInfo().uid}-${key}`);
  const programs = programsIn(folder);
  if (Object.values(programs).every(isThere)) return programs;

  const making = await mkdtemp(join(tmpdir(), 'larder-clients-new-'));
  try {
    await writeFile(join(making, 'package.json'), '{"private":true}');
    const wanted = Object.entries(PACKAGES).map(([name, from]) => `${name}@${from.replace(`${name}@`, '')}`);
    const options = ['--ignore-scripts', '--no-audit', '--no-fund', `--registry=${registry.url}`, `--cache=${join(making, '.npm')}`];
    if (registry.caFile !== undefined) options.push(`--cafile=${registry.caFile}`);
    await mkdir(join(making, '.npm'));
    await runWell(['npm', 'install', ...options, ...wanted], { cwd: making, env: bareEnvironment(making), timeoutMs: INSTALL_MS });
    await removeFolder(join(making, '.npm'));
    await removeFolder(`${folder}.old`);
    await rename(folder, `${folder}.old`).catch(ignoreMissing);
    // Somebody else may have been faster: then theirs is as good as ours.
    await rename(making, folder).catch(ignoreOccupied);
    await removeFolder(`${folder}.old`);
  } finally {
    await removeFolder(making);
  }
  return programs;
}

function programsIn(folder: string): Programs {
  const at = (...path: string[]): string => join(folder, 'node_modules', ...path);
  return {
    yarn: [process.execPath, at('yarn', 'bin', 'yarn.js')],
    berry: [process.execPath, at('berry', 'bin', 'yarn.js')],
    pnpm: [at('pnpm', 'pnpm')],
    bun: [at('bun', 'bin', 'bun')],
  };
}

function isThere(command: readonly string[]): boolean {
  return command.every((path) => existsSync(path));
}

function ignoreMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}

function ignoreOccupied(error: unknown): void {
  if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
}
