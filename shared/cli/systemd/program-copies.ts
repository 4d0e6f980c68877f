/** Copies of the program for the system scope: PREFIX/<version>, root's, never changed; `current` and `previous` lead to two of them. */
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { programVersion } from '../../config/version';
import { errorCode, LarderError } from '../../errors';
import { copyFile, filesBelow, packageFiles, programFiles } from '../program-files';
import { removeIfEmpty } from './file-changes';

/** Versions that stay: the current, the previous, and one more to look at. */
const KEPT = 3;
/** What this needs that no cache does. */
const FILES = ['package-lock.json', 'shared/cli/prepare.cjs', 'compose.yaml', '.env.example'];
const FOLDERS = ['socket-activation'];
/** V8's code of the pack, which is not the same each time it is made. */
const CODE = /^dist\/server\.js\./;

/** Puts a copy of the clone beside those that there are. @returns its version, once it is whole on disk @throws LarderError start */
export function addCopy(clone: string, prefix: string): string {
  requireOwnLinks(prefix);
  const files = [...FILES, ...FOLDERS.flatMap((folder) => filesBelow(clone, folder)), ...programFiles(clone)].sort();
  const same = files.filter((file) => !CODE.test(file));
  const version = `${programVersion()}-${digestOf(clone, same)}`;
  if (existsSync(join(prefix, version))) return version;
  const next = join(prefix, `.new-${randomBytes(4).toString('hex')}`);
  try {
    for (const file of [...files, ...packageFiles(clone)]) copyFile(join(clone, file), join(next, file));
    // A power cut must not leave a version, or a link to one, of files that never reached the disk.
    spawnSync('sync', ['-f', next]);
    renameSync(next, join(prefix, version));
  } catch (error) {
    rmSync(next, { recursive: true, force: true });
    throw new LarderError(
      'start',
      {
        what: `the program cannot be copied to ${prefix} (${errorCode(error) ?? String(error)})`,
        remedy: 'free some space, or choose another PREFIX',
      },
      error,
    );
  }
  return version;
}

/** @throws LarderError start: somebody else's folder, in which what the links are called is something of his */
function requireOwnLinks(prefix: string): void {
  for (const path of ['current', 'previous'].map((name) => join(prefix, name))) {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found && !(found.isSymbolicLink() && isVersion(readlinkSync(path))))
      throw new LarderError('start', { what: `${path} is not of Larder`, remedy: 'choose a PREFIX that is a folder of its own' });
  }
}

/** The version that a link leads to. @returns undefined if there is no such link, or nothing behind it */
export function linked(prefix: string, link: 'current' | 'previous'): string | undefined {
  try {
    const version = readlinkSync(join(prefix, link));
    return existsSync(join(prefix, version)) ? version : undefined;
  } catch {
    return undefined;
  }
}

/** Makes a version the current one, and the current the previous. @returns whether it was another before */
export function makeCurrent(prefix: string, version: string): boolean {
  const before = linked(prefix, 'current');
  if (before === version) return false;
  if (before !== undefined) link(prefix, 'previous', before);
  link(prefix, 'current', version);
  return true;
}

/** Makes the links what they were. */
export function restoreLinks(
  prefix: string,
  before: { readonly current: string | undefined; readonly previous: string | undefined },
): void {
  for (const name of ['current', 'previous'] as const) {
    const version = before[name];
    if (version === undefined) rmSync(join(prefix, name), { force: true });
    else link(prefix, name, version);
  }
}

/** Removes old versions, and what interrupted copies left; of versions that are gone nothing runs: upgrading restarts services. */
export function prune(prefix: string): void {
  const kept = new Set([linked(prefix, 'current'), linked(prefix, 'previous')]);
  const names = readdirSync(prefix);
  for (const name of names.filter((one) => one.startsWith('.new-'))) rmSync(join(prefix, name), { recursive: true, force: true });
  const versions = names.filter((name) => isVersion(name) && lstatSync(join(prefix, name)).isDirectory());
  const newestFirst = versions.sort((a, b) => statSync(join(prefix, b)).mtimeMs - statSync(join(prefix, a)).mtimeMs);
  for (const version of newestFirst) if (kept.size < KEPT) kept.add(version);
  for (const version of versions) if (!kept.has(version)) rmSync(join(prefix, version), { recursive: true, force: true });
}

/** Removes every version and link, and the folder unless something else is in it. */
export function removeCopies(prefix: string): void {
  if (!existsSync(prefix)) return;
  for (const name of readdirSync(prefix))
    if (isVersion(name) || name.startsWith('.new-') || ['current', 'previous'].includes(name))
      rmSync(join(prefix, name), { recursive: true, force: true });
  removeIfEmpty(prefix);
}

function isVersion(name: string): boolean {
  return /^\d[^\s/]*-[0-9a-f]{12}$/.test(name);
}

function link(prefix: string, name: string, version: string): void {
  const next = join(prefix, `.new-${name}`);
  rmSync(next, { force: true });
  symlinkSync(version, next);
  renameSync(next, join(prefix, name));
}

/** The lock stands for the packages: it has a digest of each. */
function digestOf(clone: string, files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files)
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(clone, file)))
      .update('\0');
  return hash.digest('hex').slice(0, 12);
}
