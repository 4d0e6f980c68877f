/** Files that are written and removed together: what went wrong in the middle is taken back. */
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

interface Former {
  readonly path: string;
  /** undefined: there was no such file. */
  readonly text: string | undefined;
  readonly mode: number;
  readonly gid: number;
}

/** Whose a file is to be. */
export interface FileOptions {
  /** 0644 unless given. */
  readonly mode?: number;
  readonly gid?: number;
}

/** A set of changes that can be taken back. */
export class FileChanges {
  private readonly former: Former[] = [];
  private readonly madeFolders: string[] = [];

  /** Writes a file whole, or not at all. @returns whether it was another before */
  write(path: string, text: string, { mode = 0o644, gid }: FileOptions = {}): boolean {
    const before = this.look(path);
    if (before.text === text && before.mode === mode && (gid === undefined || gid === before.gid)) return false;
    // Whatever the umask: who may read the file may pass.
    this.makeFolder(dirname(path), (mode & 0o044) === 0 ? 0o700 : 0o755);
    put(path, text, mode, gid);
    this.former.push(before);
    return before.text !== text;
  }

  /** @returns whether there was such a file */
  remove(path: string): boolean {
    const before = this.look(path);
    if (before.text === undefined) return false;
    rmSync(path);
    this.former.push(before);
    return true;
  }

  /** Everything as it was before, the latest change first. */
  undo(): void {
    for (const { path, text, mode, gid } of this.former.splice(0).reverse()) {
      if (text === undefined) rmSync(path, { force: true });
      else put(path, text, mode, gid);
    }
    for (const folder of this.madeFolders.splice(0).reverse()) removeIfEmpty(folder);
  }

  private look(path: string): Former {
    if (!existsSync(path)) return { path, text: undefined, mode: 0, gid: 0 };
    const { mode, gid } = statSync(path);
    return { path, text: readFileSync(path, 'utf8'), mode: mode & 0o777, gid };
  }

  private makeFolder(folder: string, mode: number): void {
    if (existsSync(folder)) return;
    this.makeFolder(dirname(folder), mode);
    mkdirSync(folder);
    chmodSync(folder, mode);
    this.madeFolders.push(folder);
  }
}

function put(path: string, text: string, mode: number, gid: number | undefined): void {
  const next = `${path}.larder-new`;
  try {
    writeFileSync(next, text, { mode: 0o600, flush: true });
    if (gid !== undefined) chownSync(next, process.getuid?.() ?? 0, gid);
    chmodSync(next, mode);
    renameSync(next, path);
  } catch (error) {
    rmSync(next, { force: true });
    throw error;
  }
}

/** Removes a folder unless something is in it. @returns whether it is gone */
export function removeIfEmpty(folder: string): boolean {
  try {
    rmdirSync(folder);
  } catch {
    // In use by somebody else, or not there.
  }
  return !existsSync(folder);
}
