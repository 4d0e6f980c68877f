/** Compares the tree that docs/architecture.md draws with what is on disk. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Below these every folder and every direct file has a line of its own. */
const WHOLE = ['caches', 'shared'];
const FILE_IN_CLAUSE = /(?<![\w/.-])[\w-]+(?:\.[\w-]+)*\.(?:cjs|conf|json|lua|md|ts|toml)(?![\w-])/g;

interface TreeEntry {
  /** From the root; a folder's ends with `/`. */
  readonly path: string;
  readonly clause: string;
}

/**
 * What is wrong with the tree (the fenced block `tree`: two spaces a level, then two or more before the clause), one sentence each.
 * Every entry must exist, and so must the files that a folder's clause names. Nothing may be missing of the root, of the
 * folders below `caches` and `shared` at any depth, and of their direct files. What `.gitignore` names, and empty folders, do not count.
 */
export function treeProblems(document: string, root: string): string[] {
  const block = /^```tree\n([^]*?)^```$/m.exec(document)?.[1];
  if (block === undefined) return ['there is no ```tree'];
  const { entries, problems } = readTree(block);
  const drawn = new Set(entries.map(({ path }) => path));
  for (const { path, clause } of entries) problems.push(...entryProblems(root, path, clause));
  for (const path of wanted(root)) if (!drawn.has(path)) problems.push(`${path} is missing from the tree`);
  return problems;
}

function readTree(block: string): { entries: TreeEntry[]; problems: string[] } {
  const entries: TreeEntry[] = [];
  const problems: string[] = [];
  const folders: string[] = [];
  for (const line of block.split('\n').filter((text) => text.trim() !== '')) {
    const [, indent = '', name = '', clause = ''] = /^((?: {2})*)(\S+) {2,}(\S.*)$/.exec(line) ?? [];
    const depth = indent.length / 2;
    if (name === '' || depth > folders.length) {
      problems.push(`not a line of the tree: "${line}"`);
      continue;
    }
    folders.length = depth;
    const path = folders.join('') + name;
    entries.push({ path, clause });
    if (name.endsWith('/')) folders.push(name);
  }
  return { entries, problems };
}

function entryProblems(root: string, path: string, clause: string): string[] {
  const found = statSync(join(root, path.replace(/\/$/, '')), { throwIfNoEntry: false });
  if (!found) return [`${path} does not exist`];
  if (found.isDirectory() !== path.endsWith('/'))
    return [found.isDirectory() ? `${path} is a folder: write ${path}/` : `${path} is a file`];
  if (!found.isDirectory()) return [];
  const named = clause.match(FILE_IN_CLAUSE) ?? [];
  return named
    .filter((file) => !statSync(join(root, path, file), { throwIfNoEntry: false }))
    .map((file) => `${path}${file} does not exist`);
}

function wanted(root: string): string[] {
  const ignored = ignoredNames(root);
  const list = (folder: string, deep: boolean): string[] =>
    readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      if (ignored(entry.name)) return [];
      const path = `${folder}${entry.name}`;
      if (!entry.isDirectory()) return deep && folder.split('/').length > 2 ? [] : [path];
      if (isEmpty(join(root, path))) return [];
      return [`${path}/`, ...(deep || WHOLE.includes(path) ? list(`${path}/`, true) : [])];
    });
  return list('', false);
}

function ignoredNames(root: string): (name: string) => boolean {
  const patterns = readFileSync(join(root, '.gitignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const names = new Set(['.git', ...patterns.map((pattern) => pattern.replace(/^\/|\/$/g, ''))]);
  const endings = patterns.filter((pattern) => pattern.startsWith('*')).map((pattern) => pattern.slice(1));
  return (name) => names.has(name) || endings.some((ending) => name.endsWith(ending));
}

/** git does not keep folders without files. */
function isEmpty(folder: string): boolean {
  return readdirSync(folder, { withFileTypes: true }).every((entry) => entry.isDirectory() && isEmpty(join(folder, entry.name)));
}
