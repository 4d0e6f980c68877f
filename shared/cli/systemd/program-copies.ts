/** Copies of the program for the system scope: PREFIX/<version>, root's, never changed; `current` and `previous` lead to two of them. */
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { programVersion } from '../../config/version';
import { errorCode, LarderError } from '../../errors';
import { openPack } from '../../pack/packed';
import { removeIfEmpty } from './file-changes';

/** Versions that stay: the current, the previous, and one more to look at. */
const KEPT = 3;
/** What of a clone runs, beside dist/ and node_modules/. */
const FILES = ['package.json', 'package-lock.json', 'shared/cli/prepare.cjs', 'compose.yaml', '.env.example'];
const FOLDERS = ['socket-activation'];
/** Parts of dist/ for those who work on Larder. */
const NOT_RUN = /^dist\/(?:shared\/(?:testing|bench|docs-check)(?:\/|$)|\..*)|\.test\.js$|\.js\.map$/;
/** The pack, and V8's code of it, which is not the same each time it is made. */
const PACK = /^dist\/server\.js/;
const CODE = /^dist\/server\.js\./;

/** Puts a copy of the clone beside those that there are. @returns its version, once it is whole on disk @throws LarderError start */
export function addCopy(clone: string, prefix: string): string {
  requireOwnLinks(prefix);
  const files = programFiles(clone);
  const same = files.filter((file) => !CODE.test(file));
  const version = `${programVersion()}-${digestOf(clone, same)}`;
  if (existsSync(join(prefix, version))) return version;
  const next = join(prefix, `.new-${randomBytes(4).toString('hex')}`);
  try {
    for (const file of files) copyFile(join(clone, file), join(next, file));
    for (const place of productionPackages(clone)) copyTree(join(clone, place), join(next, place));
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
  const versions = names.filter((name) => lstatSync(join(prefix, name)).isDirectory() && isVersion(name));
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

function programFiles(clone: string): string[] {
  // In the copy nothing would tell that the pack is older than what it was made of.
  const isPacked = openPack(join(clone, 'dist')) !== undefined;
  const built = filesBelow(clone, 'dist').filter((file) => !NOT_RUN.test(file) && (isPacked || !PACK.test(file)));
  // Configuration files for clients, that the caches hand out.
  const forClients = filesBelow(clone, 'caches').filter((file) => /^caches\/[^/]+\/client\//.test(file));
  return [...FILES, ...FOLDERS.flatMap((folder) => filesBelow(clone, folder)), ...built, ...forClients].sort();
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

/** Folders of node_modules that the program needs when it runs: neither what tests nor what builds it. */
function productionPackages(clone: string): string[] {
  const lock = JSON.parse(readFileSync(join(clone, 'node_modules/.package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>>;
  };
  const needed = Object.entries(lock.packages).flatMap(([place, { dev, devOptional }]) => (dev || devOptional ? [] : [place]));
  return needed.filter(
    (place) => /^node_modules\/(?!typescript$|@types\/)(?:@[^/]+\/)?[^/]+$/.test(place) && existsSync(join(clone, place)),
  );
}

function filesBelow(clone: string, folder: string): string[] {
  return readdirSync(join(clone, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = `${folder}/${entry.name}`;
    return entry.isDirectory() ? filesBelow(clone, name) : [name];
  });
}

function copyTree(from: string, to: string): void {
  makeFolder(to);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.name === '.bin') continue;
    const source = join(from, entry.name);
    if (entry.isDirectory()) copyTree(source, join(to, entry.name));
    else copyFile(source, join(to, entry.name));
  }
}

/** A file of whoever runs this, with content and the right to be run, nothing else of the former. */
function copyFile(from: string, to: string): void {
  makeFolder(dirname(to));
  copyFileSync(from, to);
  chmodSync(to, (statSync(from).mode & 0o111) === 0 ? 0o644 : 0o755);
}

function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  mkdirSync(folder);
  chmodSync(folder, 0o755);
}
