/** Tar archives entry by entry, also those that nobody should make; and what git says of a folder of such files. */
import { spawnSync } from 'node:child_process';

const BLOCK = 512;

/** What an archive is to have. */
export interface TarEntry {
  /** As it stands in the header; latin1 text stands for bytes. */
  readonly name: string;
  /** POSIX.1-1988 type flag; '0' unless given. */
  readonly type?: string;
  readonly mode?: number;
  readonly body?: Buffer | string;
  readonly link?: string;
  /** Twelve bytes of the size field, whatever the body is. */
  readonly size?: string;
}

/** One entry, padded. Names and links that are too long for the header come in GNU's way. */
export function tarEntry(entry: TarEntry): Buffer {
  const { name, type = '0', mode = 0o644, link = '' } = entry;
  const body = Buffer.isBuffer(entry.body) ? entry.body : Buffer.from(entry.body ?? '', 'latin1');
  const long = [...longName(name, 'L'), ...longName(link, 'K')];
  const block = Buffer.alloc(BLOCK);
  block.write(name.slice(0, 100), 0, 'latin1');
  block.write(octal(mode, 8), 100);
  block.write(entry.size ?? octal(body.length, 12), 124, 'latin1');
  block.write(octal(0, 12), 136);
  block.write('        ', 148);
  block.write(type, 156);
  block.write(link.slice(0, 100), 157, 'latin1');
  block.write('ustar\u000000', 257);
  block.write(
    `${octal(
      block.reduce((sum, byte) => sum + byte, 0),
      7,
    )}\u0000 `,
    148,
  );
  return Buffer.concat([...long, block, padded(body)]);
}

/** A POSIX extended header for the next entry. */
export function paxHeader(records: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries(records).map(([key, value]) => {
    const rest = Buffer.byteLength(` ${key}=${value}\n`);
    let length = rest + 1;
    while (String(length).length + rest !== length) length = String(length).length + rest;
    return `${length} ${key}=${value}\n`;
  });
  return tarEntry({ name: 'PaxHeader', type: 'x', body: Buffer.from(lines.join('')) });
}

/** A whole archive. */
export function tarOf(...parts: readonly (TarEntry | Buffer)[]): Buffer {
  return Buffer.concat([...parts.map((part) => (Buffer.isBuffer(part) ? part : tarEntry(part))), Buffer.alloc(2 * BLOCK)]);
}

function longName(name: string, type: string): Buffer[] {
  return name.length <= 100 ? [] : [tarEntry({ name: '././@LongLink', type, body: `${name}\0` })];
}

function padded(body: Buffer): Buffer {
  return Buffer.concat([body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)]);
}

function octal(value: number, width: number): string {
  return value.toString(8).padStart(width - 1, '0');
}

/** A folder, to be hashed by git: what is in it by name (bytes as latin1). */
export type Folder = ReadonlyMap<string, Leaf | Folder>;
/** A file or link of a tree. */
export interface Leaf {
  readonly kind: 'file' | 'executable' | 'link';
  readonly body: Buffer;
}

/** Whether a node is a folder. */
export function isFolder(node: Leaf | Folder): node is Folder {
  return !('kind' in node);
}

/** What `git mktree` says of a folder. @param skipsEmpty without folders that have no file below them @throws Error */
export function gitTreeOf(folder: Folder, skipsEmpty: boolean): string {
  const lines = [...folder].flatMap(([name, node]) => {
    if (isFolder(node)) return skipsEmpty && !hasFiles(node) ? [] : [`040000 tree ${gitTreeOf(node, skipsEmpty)}\t${name}\0`];
    const mode = { file: '100644', executable: '100755', link: '120000' }[node.kind];
    return [`${mode} blob ${git(['hash-object', '--stdin'], node.body)}\t${name}\0`];
  });
  return git(['mktree', '-z', '--missing'], Buffer.from(lines.join(''), 'latin1'));
}

function hasFiles(folder: Folder): boolean {
  return [...folder.values()].some((node) => !isFolder(node) || hasFiles(node));
}

/** Runs git without anybody's configuration. @returns its first line @throws Error */
export function git(args: readonly string[], input: Buffer = Buffer.alloc(0), cwd?: string): string {
  const env = { PATH: process.env['PATH'], GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null', HOME: '/nonexistent' };
  const { status, stdout, stderr } = spawnSync('git', args, { input, env, cwd, timeout: 30_000 });
  if (status !== 0) throw new Error(`git ${args.join(' ')}: ${stderr.toString()}`);
  return stdout.toString().trim();
}
