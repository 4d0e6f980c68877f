/** What a storage server of Julia has, for tests: archives named by their git tree (git computes it), and lists of registries. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { bytes } from './packages';
import { makeTar, packed } from './tarball';
import type { FakeUpstream, Reply } from './upstream';

/** The public registry's UUID, for which Pkg asks by itself. */
export const GENERAL = '23338594-aafe-5451-b93e-139f81909106';
/** Some other one. */
export const PRIVATE = 'c0ffee00-0000-4000-8000-000000000001';
/** A package's. */
export const EXAMPLE = '7876af07-990d-54b4-ab0e-23690620f79a';

/** An archive and the git tree that is in it. */
export interface TreeArchive {
  /** Git tree hash of its content. */
  readonly tree: string;
  /** The archive, compressed. */
  readonly body: Buffer;
}

type Files = Readonly<Record<string, string | Buffer>>;

const known = new Map<string, string>();

/** Git tree hash of a folder with these files (mode 0644); empty folders do not count. @throws Error without git */
export function gitTree(files: Files): string {
  const folder = mkdtempSync(join(tmpdir(), 'tree-'));
  try {
    const work = join(folder, 'work');
    mkdirSync(work);
    for (const [path, content] of Object.entries(files)) {
      if (path.endsWith('/')) continue;
      mkdirSync(join(work, dirname(path)), { recursive: true });
      writeFileSync(join(work, path), content, { mode: 0o644 });
    }
    const env = { PATH: process.env['PATH'], HOME: folder, GIT_DIR: join(folder, 'git'), GIT_CONFIG_NOSYSTEM: '1', GIT_WORK_TREE: work };
    const git = (...args: string[]): string => {
      const done = spawnSync('git', args, { cwd: work, env, encoding: 'utf8' });
      if (done.status !== 0) throw new Error(`git ${args.join(' ')}: ${done.stderr}`);
      return done.stdout.trim();
    };
    git('init', '-q');
    git('-c', 'core.autocrlf=false', 'add', '-A', '-f', '.');
    return git('write-tree');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A .tar.gz of files, and its name. */
export function treeArchive(files: Files): TreeArchive {
  return remembered({ tree: gitTree(files), body: packed(makeTar(files)) });
}

/** A .tar.gz with incompressible content that has exactly so many bytes, 4,000 at least. Every byte of it counts. */
export function sizedArchive(size: number, seed = 'larder'): Buffer {
  for (let tar = size - (size % 512); tar >= 2048; tar -= 512) {
    const rest = size - 18 - tar - 5 * Math.ceil(tar / STORED_BYTES);
    if (rest < 0 || rest % 5 !== 0) continue;
    const files = { data: bytes(tar - 1536, seed) };
    return remembered({ tree: gitTree(files), body: stored(makeTar(files), rest / 5) }).body;
  }
  throw new Error(`an archive of ${size} bytes cannot be made`);
}

/** The tree of an archive that was made here; for other bytes a name under which nothing can be had. */
export function treeNamed(body: Buffer): string {
  return known.get(digest(body, 'sha256')) ?? digest(body, 'sha1');
}

/** A registry in some state. @param more further files */
export function registryArchive(revision: string, uuid = GENERAL, more: Files = {}): TreeArchive {
  const toml = `name = "Test"\nuuid = "${uuid}"\nrepo = "https://registry.example/${revision}.git"\n\n[packages]\n`;
  return treeArchive({ 'Registry.toml': toml, 'A/Alpha/Package.toml': `name = "Alpha"\n`, ...more });
}

/** Where a registry's archive is. */
export function registryTarget({ tree }: TreeArchive, uuid = GENERAL): string {
  return `/registry/${uuid}/${tree}`;
}

/** Lets a server have a registry and list it alone. @returns its target */
export function offerRegistry(
  upstream: FakeUpstream,
  registry: TreeArchive,
  { uuid = GENERAL, lists = ['/registries.eager', '/registries.conservative'], reply = {} as Reply } = {},
): string {
  const target = registryTarget(registry, uuid);
  upstream.on(target, { body: registry.body, ...reply });
  for (const list of lists) upstream.on(list, { body: `${target}\n`, headers: { 'content-type': 'text/plain' } });
  return target;
}

function remembered(archive: TreeArchive): TreeArchive {
  known.set(digest(archive.body, 'sha256'), archive.tree);
  return archive;
}

function digest(body: Buffer, algorithm: string): string {
  return createHash(algorithm).update(body).digest('hex');
}

/** Largest stored block (RFC 1951 §3.2.4). */
const STORED_BYTES = 65_535;

/** Gzip without compression (RFC 1952), with so many empty blocks in front. */
function stored(body: Buffer, empties: number): Buffer {
  const block = (piece: Buffer, isLast: boolean): Buffer => {
    const head = Buffer.from([isLast ? 1 : 0, 0, 0, 0, 0]);
    head.writeUInt16LE(piece.length, 1);
    head.writeUInt16LE(piece.length ^ 0xffff, 3);
    return Buffer.concat([head, piece]);
  };
  const pieces: Buffer[] = [Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])];
  for (let count = 0; count < empties; count++) pieces.push(block(Buffer.alloc(0), false));
  for (let at = 0; at < body.length; at += STORED_BYTES)
    pieces.push(block(body.subarray(at, at + STORED_BYTES), at + STORED_BYTES >= body.length));
  const end = Buffer.alloc(8);
  end.writeUInt32LE(crc32(body), 0);
  end.writeUInt32LE(body.length, 4);
  return Buffer.concat([...pieces, end]);
}
