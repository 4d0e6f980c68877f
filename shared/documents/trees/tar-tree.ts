/** The git tree of a tar archive that comes piece by piece; what no client should unpack is refused. */
import { blobHash, EXECUTABLE, GitTree, LINK, PLAIN, TreeError } from './git-tree';
import { TarReader, type TarContent, type TarEntry } from './tar-reader';

/** Longest path; Linux takes 4096 bytes, Windows 32,767 characters. */
const MOST_PATH_BYTES = 32_767;
/** Git, and the package managers that hash like it, look at the owner's permission only. */
const OWNER_EXECUTES = 0o100;

export class TarTree {
  private readonly tree = new GitTree();
  private readonly reader = new TarReader((entry) => this.entry(entry));

  /** @throws TreeError what is wrong with it */
  write(bytes: Buffer): void {
    this.reader.write(bytes);
  }

  /** @returns as GitTree.finish @throws TreeError what is wrong with it */
  finish(): readonly string[] {
    this.reader.finish();
    return this.tree.finish();
  }

  /** @throws TreeError */
  private entry({ kind, name, mode, size, link }: TarEntry): TarContent | undefined {
    const path = partsOf(name);
    if (kind === 'folder') return void this.tree.addFolder(path);
    if (path.length === 0 || /(?:^|\/)\.?$/.test(name)) throw new TreeError(`an entry has the name of a folder: ${JSON.stringify(name)}`);
    const isExecutable = (mode & OWNER_EXECUTES) !== 0;
    if (kind === 'file') {
      const hash = blobHash(size);
      return {
        data: (bytes) => void hash.update(bytes),
        end: () => this.tree.add(path, isExecutable ? EXECUTABLE : PLAIN, hash.digest()),
      };
    }
    if (kind === 'other') throw new TreeError(`an entry is neither file, folder nor link: ${JSON.stringify(name)}`);
    if (link === '' || link.includes('\0')) throw new TreeError(`a link leads nowhere: ${JSON.stringify(name)}`);
    if (kind === 'link') return void this.tree.addAgain(path, partsOf(link), isExecutable);
    return void this.tree.add(path, LINK, blobHash(link.length).update(link, 'latin1').digest());
  }
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
