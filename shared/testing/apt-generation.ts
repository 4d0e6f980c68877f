/**
 * The files of a Debian-like archive at one moment: everything below dists/ that belongs together, and the pool.
 * Formats: the Debian repository format as apt reads it (deb822 Release, Packages, Sources, pdiff Index).
 */
import { spawnSync } from 'node:child_process';
import { debOf, flatIndex, hex, indexesOf, MARK, poolPath, sourceFiles, type DebSpec, type Held } from './apt-indexes';
import { pdiff } from './apt-pdiff';
import { stanza } from './deb';
import type { SigningKey } from './signing-key';
import { packed } from './tarball';

/** How an archive is laid out. */
export interface Layout {
  /** `stable` unless given. One that ends in `/` is a flat repository: no dists/, no components. */
  readonly suites: readonly string[];
  readonly components: readonly string[];
  readonly architectures: readonly string[];
  /** Extensions of the compressed forms: `gz`, `xz`, `bz2`, `zst`. */
  readonly compressions: readonly string[];
  /** Whether uncompressed indexes can be fetched; they are listed in any case, as Debian does. */
  readonly plain: boolean;
  readonly byHash: boolean;
  /** Names of digests in Release: `MD5Sum`, `SHA1`, `SHA256`, `SHA512`. */
  readonly digests: readonly string[];
  readonly pdiffs: boolean;
  /** Which of InRelease and Release + Release.gpg are there. */
  readonly signatures: 'inline' | 'detached' | 'both';
  /** For the Changelogs field: URL of the archive. */
  readonly url: string;
}

/** A file of a generation. */
export interface ArchiveFile {
  readonly body: Buffer;
  /** ms since the epoch. */
  readonly modified: number;
}

/** What an archive is at one moment. */
export interface Generation {
  /** From 1. The version of the package `generation`, which is in every index. */
  readonly number: number;
  /** The Date of its Release, ms since the epoch. */
  readonly date: number;
  /** By path below the archive's root, without leading slash. */
  readonly files: ReadonlyMap<string, ArchiveFile>;
  /** What its Release files list: their folder, then name → bytes; also what cannot be fetched. */
  readonly listed: ReadonlyMap<string, ReadonlyMap<string, Buffer>>;
}

/** What a generation is made of. */
export interface Made {
  readonly layout: Layout;
  readonly packages: readonly DebSpec[];
  /** Still in the pool, in no index any more. */
  readonly unlisted: readonly DebSpec[];
  /** Packages that are only in the index: so many. */
  readonly crowd: number;
  readonly date: number;
  readonly validUntil: number | undefined;
  readonly key: SigningKey | undefined;
  /** The one before; its by-hash files stay. */
  readonly before: Generation | undefined;
  readonly keepByHash: boolean;
}

const HASHES: Readonly<Record<string, string>> = { MD5Sum: 'md5', SHA1: 'sha1', SHA256: 'sha256', SHA512: 'sha512' };

type Put = (path: string, body: Buffer) => void;

/** Makes the next generation. */
export function generate(made: Made): Generation {
  const number = (made.before?.number ?? 0) + 1;
  const files = new Map<string, ArchiveFile>();
  const put: Put = (written, body) => {
    // A flat repository may be the root itself: `./`.
    const path = written.replace(/^\.\//, '');
    const old = made.before?.files.get(path);
    files.set(path, { body, modified: old?.body.equals(body) ? old.modified : made.date });
  };
  for (const [path, file] of made.before?.files ?? [])
    if ((made.keepByHash && path.includes('/by-hash/')) || path.includes('.diff/')) files.set(path, file);
  const mark: DebSpec = { name: MARK, version: String(number), source: made.packages.some(({ source }) => source) };
  const held = [...made.packages, mark].map((spec) => ({ spec, body: debOf(spec) }));
  const listed = new Map<string, ReadonlyMap<string, Buffer>>();
  for (const suite of made.layout.suites) {
    const flat = suite.endsWith('/');
    const folder = flat ? suite.slice(0, -1) : `dists/${suite}`;
    const mine = held.filter(({ spec }) => spec.suites?.includes(suite) ?? true);
    fillPool(mine, flat ? folder : undefined, put);
    const indexes = flat ? new Map([['Packages', flatIndex(mine, folder)]]) : indexesOf({ ...made.layout, crowd: made.crowd }, mine);
    const names = formsOf(indexes, folder, number, made, put);
    listed.set(folder, names);
    for (const [name, body] of names) {
      if (!made.layout.plain && indexes.has(name)) continue;
      put(`${folder}/${name}`, body);
      if (made.layout.byHash) for (const digest of made.layout.digests) put(byHashPath(folder, name, digest, body), body);
    }
    for (const [name, body] of rosters(made, suite, names, number)) put(`${folder}/${name}`, body);
  }
  for (const spec of made.unlisted) put(poolPath(spec), debOf(spec));
  return { number, date: made.date, files, listed };
}

function fillPool(held: readonly Held[], flat: string | undefined, put: Put): void {
  for (const { spec, body } of held) {
    put(flat === undefined ? poolPath(spec) : `${flat}/${poolPath(spec).replace(/^.*\//, '')}`, body);
    if (spec.source) for (const [path, content] of Object.entries(sourceFiles(spec))) put(path, content);
  }
}

/** Everything that a Release lists: indexes, their compressed forms, Indexes of pdiffs. */
function formsOf(indexes: ReadonlyMap<string, string>, folder: string, number: number, made: Made, put: Put): Map<string, Buffer> {
  const names = new Map<string, Buffer>();
  const before = made.before?.listed.get(folder);
  for (const [name, text] of indexes) {
    const now = Buffer.from(text);
    names.set(name, now);
    for (const extension of made.layout.compressions) names.set(`${name}.${extension}`, compress(now, extension));
    const old = before?.get(name);
    if (!made.layout.pdiffs || !old || !name.endsWith('Packages')) continue;
    const patch = `${new Date(made.date).toISOString().slice(0, 10)}-${String(number).padStart(4, '0')}`;
    const step = pdiff({ name, old, now, index: before?.get(`${name}.diff/Index`), patch });
    names.set(...step.index);
    put(`${folder}/${step.patch[0]}`, step.patch[1]);
  }
  return names;
}

function byHashPath(folder: string, name: string, digest: string, body: Buffer): string {
  const at = name.lastIndexOf('/');
  return `${folder}/${at < 0 ? '' : `${name.slice(0, at)}/`}by-hash/${digest}/${hex(HASHES[digest] ?? '', body)}`;
}

/** InRelease, Release and Release.gpg. */
function* rosters(made: Made, suite: string, names: ReadonlyMap<string, Buffer>, number: number): Iterable<[string, Buffer]> {
  const { layout, key } = made;
  const list = (digest: string): string =>
    [...names].map(([name, body]) => `\n ${hex(HASHES[digest] ?? '', body)} ${String(body.length).padStart(8)} ${name}`).join('');
  const when = (time: number): string => new Date(time).toUTCString().replace('GMT', 'UTC');
  const text = stanza({
    Origin: 'Example',
    Label: 'Example',
    Suite: suite.replace(/\/$/, ''),
    Codename: suite.replace(/\/$/, ''),
    Date: when(made.date),
    ...(made.validUntil === undefined ? {} : { 'Valid-Until': when(made.validUntil) }),
    ...(layout.byHash ? { 'Acquire-By-Hash': 'yes' } : {}),
    Changelogs: `${layout.url}/changelogs/@CHANGEPATH@_changelog`,
    Architectures: layout.architectures.join(' '),
    Components: layout.components.join(' '),
    Description: `generation ${number}`,
    ...Object.fromEntries(layout.digests.map((digest) => [digest, list(digest)])),
  });
  // Unsigned archives have no InRelease; apt takes them with trusted=yes.
  if (layout.signatures !== 'detached' && key) yield ['InRelease', key.clearSign(text)];
  if (layout.signatures !== 'inline' || !key) yield ['Release', Buffer.from(text)];
  if (layout.signatures !== 'inline' && key) yield ['Release.gpg', key.detachSign(text)];
}

const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  xz: ['xz', '-c', '-0'],
  bz2: ['bzip2', '-c', '-1'],
  zst: ['zstd', '-c', '-q', '-1'],
  lz4: ['lz4', '-c', '-q'],
};

/** Which compressions this machine can make. */
export function possible(extensions: readonly string[]): string[] {
  return extensions.filter((extension) => extension === 'gz' || spawnSync(PROGRAMS[extension]?.[0] ?? 'false', ['--version']).status === 0);
}

function compress(body: Buffer, extension: string): Buffer {
  if (extension === 'gz') return packed(body);
  const [command = '', ...args] = PROGRAMS[extension] ?? [];
  const { status, stdout, stderr } = spawnSync(command, args, { input: body, maxBuffer: 1 << 30 });
  if (status !== 0) throw new Error(`${command}: ${String(stderr)}`);
  return stdout;
}
