/** The git tree of a tar archive that comes piece by piece; what no client should unpack is refused. The only importer of tar-stream. */
import { extract, type Header } from 'tar-stream';
import { errorText } from '../../errors';
import { blobHash, EXECUTABLE, GitTree, LINK, PLAIN, TreeError } from './git-tree';

/** Longest path; Linux takes 4096 bytes, Windows 32,767 characters. */
const MOST_PATH_BYTES = 32_767;
/** Git, and the package managers that hash like it, look at the owner's permission only. */
const OWNER_EXECUTES = 0o100;

type Entry = Omit<Header, 'type' | 'linkname' | 'pax'> & {
  readonly type: Header['type'] | null;
  readonly linkname: string | null;
  readonly pax: Readonly<Record<string, string>> | null;
};

export class TarTree {
  private readonly tree = new GitTree();
  private readonly archive = extract({ filenameEncoding: 'latin1', allowUnknownFormat: true } as object);
  private readonly over: Promise<void>;
  private isOver = false;
  private entries = 0;

  constructor() {
    this.archive.on('entry', (header, contents, next) => {
      this.entries++;
      // What ends the archive ends the entry under way: told once is enough.
      contents.on('error', () => undefined);
      try {
        const entry = header as Entry;
        const add = this.entry(entry);
        if (add === undefined) return void next(null);
        const hash = blobHash(entry.size);
        if (entry.size === 0) {
          add(hash.digest());
          return void next(null);
        }
        contents.on('data', (bytes) => void hash.update(bytes as Buffer));
        contents.on('end', () => {
          try {
            add(hash.digest());
            next(null);
          } catch (error) {
            next(error as Error);
          }
        });
      } catch (error) {
        next(error as Error);
      }
    });
    this.over = new Promise((resolve, reject) => {
      this.archive.on('finish', resolve);
      this.archive.on('error', reject);
      this.archive.on('close', () => reject(new TreeError('it broke off')));
    });
    this.over.catch(() => undefined).finally(() => (this.isOver = true));
  }

  /** Resolves when there is room for more. @throws Error what is wrong with it */
  async write(bytes: Buffer): Promise<void> {
    if (this.isOver) return this.over;
    if (this.archive.write(bytes)) return;
    const drained = new Promise<void>((resolve) => this.archive.once('drain', resolve));
    await Promise.race([drained, this.over]);
  }

  /** @returns as GitTree.finish @throws Error what is wrong with it */
  async finish(): Promise<readonly string[]> {
    this.archive.end(undefined);
    await this.over;
    if (this.entries === 0) throw new TreeError('it is no tar archive, or an empty one');
    return this.tree.finish();
  }

  close(): void {
    this.archive.destroy();
  }

  /** @returns what to do with the hash of its contents; undefined: it has none, and is dealt with @throws TreeError */
  private entry({ name, type, mode, size, linkname, pax }: Entry): ((hash: Buffer) => void) | undefined {
    const text = inBytes(name, pax?.['path'] === name);
    const path = partsOf(text);
    const isFolder = type === 'directory' || (type === 'file' && size === 0 && text.endsWith('/'));
    if (isFolder) return void this.tree.addFolder(path);
    if (path.length === 0 || /(?:^|\/)\.?$/.test(text)) throw new TreeError(`an entry has the name of a folder: ${JSON.stringify(name)}`);
    switch (type) {
      case 'file':
      case 'contiguous-file': {
        return (hash) => this.tree.add(path, (mode & OWNER_EXECUTES) === 0 ? PLAIN : EXECUTABLE, hash);
      }
      case 'symlink':
      case 'link': {
        const target = inBytes(linkname ?? '', linkname !== null && pax?.['linkpath'] === linkname);
        if (target === '' || target.includes('\0') || size !== 0) throw new TreeError(`a link leads nowhere: ${JSON.stringify(name)}`);
        if (type === 'link') return void this.tree.addAgain(path, partsOf(target));
        return void this.tree.add(path, LINK, blobHash(target.length).update(target, 'latin1').digest());
      }
      default:
        throw new TreeError(`an entry is neither file, folder nor link: ${JSON.stringify(name)}`);
    }
  }
}

/** Names are bytes; extended headers have them in UTF-8. @returns the bytes as latin1 text */
function inBytes(name: string, isDecoded: boolean): string {
  return isDecoded ? Buffer.from(name, 'utf8').toString('latin1') : name;
}

/** @throws TreeError for what leads out of the folder that it is unpacked in */
function partsOf(path: string): string[] {
  if (path.length > MOST_PATH_BYTES) throw new TreeError(`a name is longer than ${MOST_PATH_BYTES} bytes`);
  if (path.includes('\0')) throw new TreeError('a name contains NUL');
  if (path.startsWith('/')) throw new TreeError(`a name is absolute: ${JSON.stringify(path)}`);
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new TreeError(`a name leads out of the archive: ${JSON.stringify(path)}`);
  return parts;
}

/** What is wrong with an archive, for people. */
export function treeTrouble(error: unknown): string {
  return errorText(error).replace(/^Invalid tar header\b.*/, 'it has a broken tar header');
}
