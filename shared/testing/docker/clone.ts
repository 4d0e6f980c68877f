/** A clone of the repository, as whoever tries Larder has one: the files of this tree, installed and built, in a folder of its own. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { ROOT } from '../../config/sources';
import type { Outcome } from '../clients/run';
import { folderFor, onMachine, well, type Here } from './stage';

/** Settings as in .env. */
export type Settings = Readonly<Record<string, string>>;

/** A clone of this repository in a folder of its own. */
export interface Clone {
  readonly folder: string;
  /** Writes its .env. */
  settings(values: Settings): void;
  /** Runs make in it, as its owner, with arguments as typed (`start`, `c=npm`). */
  make(words: readonly string[], here?: Here): Promise<Outcome>;
  /** As make; what it printed. @throws Error if its status is not 0 */
  makeWell(words: readonly string[], here?: Here): Promise<string>;
}

/** What differs from a plain clone. */
export interface CloneOptions {
  /** Who has and uses it; root unless given. */
  readonly uid?: number;
  /** Nobody else may read it, as under umask 077. */
  readonly closed?: boolean;
}

/** @param name what its folder's name begins with */
export function makeClone(name: string, { uid = 0, closed = false }: CloneOptions = {}): Clone {
  const folder = mkdtempSync(folderFor(`${name}-`));
  const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'], { cwd: ROOT });
  // With times, so that what was built is not built again.
  execFileSync('xargs', ['-0', 'cp', '-a', '--parents', '-t', folder], { cwd: ROOT, input: files });
  for (const made of ['node_modules', 'dist']) copyTree(join(ROOT, made), join(folder, made));
  for (const path of ownPaths(folder)) {
    if (closed) chmodSync(path, statSync(path).mode & 0o700);
    if (uid !== 0) chownSync(path, uid, uid);
  }
  if (!closed) chmodSync(folder, 0o755);

  const as = uid === 0 ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups'];
  const command = (words: readonly string[]): string[] => [...as, 'make', ...words];
  return {
    folder,
    settings: (values) => {
      const lines = Object.entries(values).map(([key, value]) => `${key}=${value}\n`);
      writeFileSync(join(folder, '.env'), lines.join(''));
      if (uid !== 0) chownSync(join(folder, '.env'), uid, uid);
    },
    make: (words, here = {}) => onMachine(command(words), { cwd: folder, ...here }),
    makeWell: (words, here = {}) => well(command(words), { cwd: folder, ...here }),
  };
}

/** By hard links where the file system allows it: nobody writes into them. */
function copyTree(from: string, to: string): void {
  try {
    execFileSync('cp', ['-al', from, to], { stdio: 'ignore' });
  } catch {
    execFileSync('cp', ['-a', from, to]);
  }
}

/** Folders, and files that are nobody else's, as hard links would be. */
function ownPaths(folder: string): string[] {
  const inner = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory() || (entry.isFile() && statSync(join(entry.parentPath, entry.name)).nlink === 1))
    .map((entry) => join(entry.parentPath, entry.name));
  return [folder, ...inner];
}
