/** What the indexes of an archive promise: Packages its binary packages, Sources its source packages, the Index of a `.diff` folder its patches. */
import type { ListedIndex } from '../module';
import { canonicalName, folderOf } from './canonical';
import { readStanzas } from './stanzas';
import { rootOf } from './suites';

type Add = Parameters<ListedIndex['read']>[2];
type Read = ListedIndex['read'];

const COMPRESSIONS: Readonly<Record<string, ListedIndex['compression']>> = {
  '': 'none',
  gz: 'gzip',
  xz: 'xz',
  bz2: 'bzip2',
  zst: 'zstd',
  lz4: 'lz4',
};
const INDEX = /^(?<stem>(?:[^/]+\/)*(?<kind>Packages|Sources))(?:\.(?<extension>gz|xz|bz2|zst|lz4))?$/;
const PATCHES = /^(?:[^/]+\/)*[^/]+\.diff\/Index$/;
const SHA256 = /^[0-9A-Fa-f]{64}$/;
/** Segments of the folder in a flat repository's sources line, at most. */
const MOST_FOLDERS = 6;
const SIZE = /^\d{1,15}$/;

/** What reads a file of a roster, by the name that the roster gives it; undefined if it promises nothing. */
export function indexOf(name: string): ListedIndex | undefined {
  if (PATCHES.test(name))
    return { stem: name, compression: 'none', read: readPatches, root: (rosterPath) => `${folderOf(rosterPath)}/${folderOf(name)}` };
  const { stem, kind, extension = '' } = INDEX.exec(name)?.groups ?? {};
  const compression = COMPRESSIONS[extension];
  if (stem === undefined || compression === undefined) return undefined;
  return { stem, compression, read: kind === 'Packages' ? readPackages : readSources, root: rootOf };
}

/** `Filename`, `SHA256` and `Size`, one file a stanza. */
const readPackages: Read = async (chunks, root, add) => {
  const promise = promiser(root, add);
  let name = '';
  let sha256 = '';
  let size = '';
  await readStanzas(chunks, {
    fields: ['filename', 'sha256', 'size'],
    line(field, text) {
      if (field === 0) name = joined(name, text);
      else if (field === 1) sha256 = joined(sha256, text);
      else size = joined(size, text);
    },
    end() {
      promise(name, sha256, size);
      name = sha256 = size = '';
    },
  });
};

/** `Directory`, and a list of `<digest> <size> <name>` in `Checksums-Sha256`. */
const readSources: Read = async (chunks, root, add) => {
  const promise = promiser(root, add);
  let directory = '';
  let files: string[] = [];
  await readStanzas(chunks, {
    fields: ['directory', 'checksums-sha256'],
    line(field, text) {
      if (field === 0) directory = joined(directory, text);
      else if (text !== '') files.push(text);
    },
    end() {
      for (const file of files) promiseLine(file, (name) => (name.includes('/') ? '' : `${directory}/${name}`), promise);
      directory = '';
      files = [];
    },
  });
};

/** `SHA256-Download`: the patches as they are fetched. The names in -Patches and -History are of what comes out of them. */
const readPatches: Read = async (chunks, root, add) => {
  const promise = promiser(root, add);
  await readStanzas(chunks, {
    fields: ['sha256-download'],
    line(_field, text) {
      promiseLine(text, (name) => (name.includes('/') ? '' : name), promise);
    },
    end() {
      // Nothing is kept from line to line.
    },
  });
};

/** A value that has one line. A second one, or a second field of the same name, leaves a line break in it, which nothing may contain. */
function joined(before: string, text: string): string {
  return before === '' ? text : `${before}\n${text}`;
}

type Promiser = (name: string, sha256: string, size: string) => void;

function promiseLine(line: string, nameOf: (written: string) => string, promise: Promiser): void {
  const [sha256 = '', size = '', name = '', more] = line.split(/[ \t]+/, 4);
  if (name !== '' && more === undefined) promise(nameOf(name), sha256, size);
}

/** Passes on what is complete and stays below the root; entries without a SHA-256 promise nothing. */
function promiser(root: string, add: Add): Promiser {
  const others = foldersAbove(root);
  return (name, sha256, size) => {
    if (name === '' || !SHA256.test(sha256) || !SIZE.test(size)) return;
    const path = canonicalName(name);
    if (path === undefined) return;
    const digest = Buffer.from(sha256, 'hex');
    add(`${root}/${path}`, digest, Number(size));
    for (const { tail, above } of others) if (path.startsWith(tail)) add(`${above}/${path}`, digest, Number(size));
  };
}

/**
 * Where the names in a flat repository's index may begin too: its roster is in a folder that they have in front, if sources lines call it so
 * (`deb <base> sub/folder/` has `sub/folder/x.deb`), and nothing says whether they do.
 */
function foldersAbove(root: string): Array<{ readonly tail: string; readonly above: string }> {
  const found: Array<{ tail: string; above: string }> = [];
  for (let at = root.lastIndexOf('/'); at >= 0 && found.length < MOST_FOLDERS; at = root.lastIndexOf('/', at - 1)) {
    found.push({ tail: `${root.slice(at + 1)}/`, above: root.slice(0, at) });
    if (at === 0) break;
  }
  return found.filter(({ tail }) => tail !== '/');
}
