/**
 * The hash that git gives to a folder (a tree object), made of its files in whatever order they come. Memory grows with the number of names,
 * not with what is in the files: one map for all folders, however they are nested.
 */
import { createHash } from 'node:crypto';

/** What stands in a tree; the numbers are git's own, https://git-scm.com/docs/git-fast-import (`M`). */
const MODES = ['40000', '100644', '100755', '120000'] as const;
export const FOLDER = 0;
export const PLAIN = 1;
export const EXECUTABLE = 2;
export const LINK = 3;
export type Kind = typeof FOLDER | typeof PLAIN | typeof EXECUTABLE | typeof LINK;

/** Names that a tree may have, folders included, which files imply: 1,000,000 files in 100,000 folders fit. It then takes about 300 MB. */
export const MOST_NAMES = 1_200_000;
/** Bytes that all of them together may have. */
const MOST_NAME_BYTES = 96 * 1024 * 1024;
/** Folders that are gone through for them, where the next entry is in another one than the last: some seconds. */
const MOST_STEPS = 10_000_000;

const HASH_BYTES = 20;
const ROOT = 0;
/** Marks a name that another one has replaced. */
const NOWHERE = -1;

/** Why a path cannot be in a tree; a short English clause. */
export class TreeError extends Error {}

/** SHA-1 of a blob, for which its length must be known beforehand. */
export function blobHash(size: number): ReturnType<typeof createHash> {
  return createHash('sha1').update(`blob ${size}\0`);
}

export class GitTree {
  /** `<number of the folder>/<name>` to number. Names are bytes, as latin1 text. */
  private readonly numbers = new Map<string, number>();
  private readonly names: string[] = [''];
  private readonly folders: number[] = [NOWHERE];
  private readonly kinds: Kind[] = [FOLDER];
  private hashes = Buffer.alloc(1024 * HASH_BYTES);
  private nameBytes = 0;
  private steps = 0;
  /** The folder of the entry before, which most often is that of the next. */
  private recent = { path: '', number: ROOT };

  /** Adds a file or link; a later one of the same path replaces it. @param hash of its blob @throws TreeError */
  add(path: readonly string[], kind: Exclude<Kind, typeof FOLDER>, hash: Buffer): void {
    const name = path.at(-1);
    if (name === undefined) throw new TreeError('an entry that is no folder has no name');
    const number = this.place(this.folder(path.slice(0, -1)), name, kind);
    if ((number + 1) * HASH_BYTES > this.hashes.length) this.hashes = Buffer.concat([this.hashes, this.hashes]);
    hash.copy(this.hashes, number * HASH_BYTES);
  }

  /** Adds a folder; one that is there stays as it is. @throws TreeError */
  addFolder(path: readonly string[]): void {
    this.folder(path);
  }

  /**
   * Adds what an earlier entry is (a hard link). @param isExecutable as the link's own entry says: some programs follow that, and some the
   * earlier entry @throws TreeError if there is none, it is a folder, or the two disagree
   */
  addAgain(path: readonly string[], earlier: readonly string[], isExecutable: boolean): void {
    let number: number | undefined = ROOT;
    this.walked(earlier.length);
    for (const name of earlier) number = number === undefined ? undefined : this.numbers.get(`${number}/${name}`);
    const kind = number === undefined ? FOLDER : (this.kinds[number] as Kind);
    if (number === undefined || kind === FOLDER) throw new TreeError('a hard link leads to no earlier file');
    if (kind !== LINK && (kind === EXECUTABLE) !== isExecutable) throw new TreeError('a hard link has other permissions than its file');
    this.add(path, kind, Buffer.from(this.hashes.subarray(number * HASH_BYTES, (number + 1) * HASH_BYTES)));
  }

  /**
   * The hash with empty folders and, if it is another one, that without (and without those which have nothing but such): trees were published
   * either way. @returns hexadecimal; to be called once, when all is added
   */
  finish(): readonly string[] {
    const children = this.byFolder();
    this.numbers.clear();
    const hasEmpty = children.some((found, number) => found === undefined && this.kinds[number] === FOLDER && number !== ROOT);
    const all = this.rootHash(children, false);
    const pruned = hasEmpty ? this.rootHash(children, true) : all;
    return pruned === all ? [all] : [all, pruned];
  }

  private folder(path: readonly string[]): number {
    const joined = path.join('/');
    if (joined === this.recent.path) return this.recent.number;
    let number = ROOT;
    this.walked(path.length);
    for (const name of path) {
      const known = this.numbers.get(`${number}/${name}`);
      if (known !== undefined && this.kinds[known] === LINK) throw new TreeError('an entry lies behind a symbolic link');
      number = this.place(number, name, FOLDER);
    }
    this.recent = { path: joined, number };
    return number;
  }

  /** Long names take no room in an archive, but time here. @throws TreeError */
  private walked(folders: number): void {
    this.steps += folders;
    if (this.steps > MOST_STEPS) throw new TreeError(`its names have more than ${MOST_STEPS} folders`);
  }

  /** The number of a name in a folder. A folder that becomes a file, or the other way round, gets a new one: what was in it is gone. */
  private place(folder: number, name: string, kind: Kind): number {
    const key = `${folder}/${name}`;
    const known = this.numbers.get(key);
    if (known !== undefined) {
      const was = this.kinds[known];
      if (was === kind) return known;
      if (was !== FOLDER && kind !== FOLDER) {
        this.kinds[known] = kind;
        return known;
      }
      this.folders[known] = NOWHERE;
      this.recent = { path: '', number: ROOT };
    }
    const number = this.names.length;
    this.nameBytes += name.length;
    if (number > MOST_NAMES) throw new TreeError(`it has more than ${MOST_NAMES} names`);
    if (this.nameBytes > MOST_NAME_BYTES) throw new TreeError(`its names have more than ${MOST_NAME_BYTES} bytes`);
    this.numbers.set(key, number);
    this.names.push(name);
    this.folders.push(folder);
    this.kinds.push(kind);
    return number;
  }

  private byFolder(): (number[] | undefined)[] {
    const children = new Array<number[] | undefined>(this.names.length).fill(undefined);
    for (let number = 1; number < this.names.length; number++) {
      const folder = this.folders[number] as number;
      if (folder !== NOWHERE) (children[folder] ??= []).push(number);
    }
    return children;
  }

  /** What is in a folder has a higher number than the folder, so one pass from the end has every hash before it is needed. */
  private rootHash(children: readonly (readonly number[] | undefined)[], skipsEmpty: boolean): string {
    const hashes = Buffer.concat([this.hashes], Math.max(this.hashes.length, this.names.length * HASH_BYTES));
    const isEmpty = new Uint8Array(this.names.length);
    for (let number = this.names.length - 1; number >= ROOT; number--) {
      if (this.kinds[number] !== FOLDER) continue;
      const found = (children[number] ?? []).filter((child) => isEmpty[child] === 0);
      if (skipsEmpty && found.length === 0) isEmpty[number] = 1;
      this.treeHash(found, hashes).copy(hashes, number * HASH_BYTES);
    }
    return hashes.toString('hex', ROOT, HASH_BYTES);
  }

  private treeHash(found: number[], hashes: Buffer): Buffer {
    // Git compares folders as if their names ended in a slash. Latin1 text compares as its bytes do.
    const sorted = found
      .map((number) => [this.kinds[number] === FOLDER ? `${this.names[number]}/` : (this.names[number] as string), number] as const)
      .sort(([one], [other]) => (one < other ? -1 : 1));
    const pieces = sorted.flatMap(([, number]) => [
      Buffer.from(`${MODES[this.kinds[number] as Kind]} ${this.names[number]}\0`, 'latin1'),
      hashes.subarray(number * HASH_BYTES, (number + 1) * HASH_BYTES),
    ]);
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const hash = createHash('sha1').update(`tree ${bytes}\0`);
    for (const piece of pieces) hash.update(piece);
    return hash.digest();
  }
}
