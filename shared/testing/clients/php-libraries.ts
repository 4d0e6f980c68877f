/** Real PHP libraries, out of the source packages of this machine's Debian archives: each with its own composer.json, as a zip archive. */
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { makeAptRoot } from '../apt-root';
import { makeZip } from '../wheel';
import { KEYRING, suites, unreachable } from './apt-machine';
import { runWell } from './run';

/** A library as Debian ships it. */
export interface PhpLibrary {
  /** `vendor/name`. */
  readonly name: string;
  readonly version: string;
  /** Its composer.json. */
  readonly manifest: Readonly<Record<string, unknown>>;
  /** What stands for the commit. */
  readonly reference: string;
  readonly archive: Buffer;
}

/** One of them has some sixty libraries in it. */
const SOURCES = ['symfony', 'php-twig', 'php-monolog', 'php-psr-log', 'php-psr-container', 'php-psr-event-dispatcher'];
/** What PHP 8.2 and its usual extensions have themselves: projects replace these. */
export const REPLACED = [
  'ctype',
  'iconv',
  'intl-grapheme',
  'intl-icu',
  'intl-idn',
  'intl-normalizer',
  'mbstring',
  'php72',
  'php73',
  'php80',
  'php81',
  'uuid',
].map((name) => `symfony/polyfill-${name}`);
/** Connections to services of other people, of which there are dozens: more of the same. */
const LEFT_OUT = /-(?:notifier|provider|messenger|mailer)$/;

/** Why the libraries cannot be had, or Composer not be run; '' if they can. */
export function noComposer(): string {
  if (unreachable !== '') return unreachable;
  for (const [program, option] of [
    ['composer', '--version'],
    ['unzip', '-v'],
    ['nginx', '-v'],
  ] as const) {
    const env = { ...process.env, COMPOSER_ALLOW_SUPERUSER: '1' };
    if (spawnSync(program, [option], { env }).status !== 0) return `there is no ${program}`;
  }
  return '';
}

/** Fetches and unpacks the sources, and makes archives of every library whose needs are among the others. Takes a while. */
export async function phpLibraries(folder: string): Promise<PhpLibrary[]> {
  const root = makeAptRoot({
    sources: suites.map(({ base, suite, components }) => `deb-src [signed-by=${KEYRING}] ${base} ${suite} ${components.join(' ')}`),
  });
  const found = new Map<string, Omit<PhpLibrary, 'archive'> & { readonly place: string }>();
  try {
    await root.apt('update');
    for (const source of SOURCES) await root.apt('source', '--download-only', source);
    for (const file of readdirSync(root.folder).filter((name) => /\.orig\.tar\.[a-z0-9]+$/.test(name))) {
      const place = join(folder, file);
      await mkdir(place, { recursive: true });
      await runWell(['tar', '-xf', join(root.folder, file), '-C', place], { cwd: folder, env: root.env });
      const version = /_(\d+\.\d+\.\d+)/.exec(file)?.[1] ?? '1.0.0';
      for (const one of librariesIn(place, version)) found.set(one.name, one);
    }
  } finally {
    root.close();
  }
  return closed(found).map(({ place, ...library }) => ({ ...library, archive: archiveOf(place, library) }));
}

interface Manifest {
  readonly name?: string;
  readonly type?: string;
  readonly require?: Readonly<Record<string, string>>;
  readonly provide?: Readonly<Record<string, string>>;
  readonly extra?: { readonly 'branch-alias'?: Readonly<Record<string, string>> };
}

function librariesIn(place: string, version: string): (Omit<PhpLibrary, 'archive'> & { readonly place: string })[] {
  return manifestsBelow(place).flatMap((folder) => {
    const manifest = JSON.parse(readFileSync(join(folder, 'composer.json'), 'utf8')) as Manifest;
    const { name, type } = manifest;
    if (name === undefined || LEFT_OUT.test(name) || type === 'composer-plugin' || type === 'project') return [];
    // Parts that are released on their own say so by the branch that they are of.
    const branch = /^(\d+\.\d+)(?:\.x)?-dev$/.exec(Object.values(manifest.extra?.['branch-alias'] ?? {})[0] ?? '')?.[1];
    const own = branch !== undefined && !version.startsWith(`${branch}.`) ? `${branch}.99` : version;
    const reference = createHash('sha1').update(`${name} ${own}`).digest('hex');
    return [{ name, version: own, manifest: manifest as Record<string, unknown>, reference, place: folder }];
  });
}

/** Folders with a composer.json; not those in tests. */
function manifestsBelow(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true });
  const here = entries.some(({ name }) => name === 'composer.json') ? [folder] : [];
  const below = entries.filter((entry) => entry.isDirectory() && !/^(?:[Tt]ests?|[Ff]ixtures)$/.test(entry.name));
  return [...here, ...below.flatMap(({ name }) => manifestsBelow(join(folder, name)))];
}

/** Without those that need something which is not there. */
function closed<T extends Omit<PhpLibrary, 'archive'>>(found: Map<string, T>): T[] {
  // The whole of Symfony says that it is all of its parts.
  found.delete('symfony/symfony');
  found.delete('symfony/contracts');
  for (;;) {
    const has = (name: string): boolean => found.has(name) || REPLACED.includes(name);
    const lacking = [...found.values()].filter(({ manifest }) =>
      Object.keys((manifest as Manifest).require ?? {}).some((name) => name.includes('/') && !has(name)),
    );
    if (lacking.length === 0) return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const { name } of lacking) found.delete(name);
  }
}

/** In one folder, as GitHub makes them. */
function archiveOf(place: string, { name, reference }: Pick<PhpLibrary, 'name' | 'reference'>): Buffer {
  const top = `${name.replace('/', '-')}-${reference.slice(0, 7)}`;
  const members: Record<string, Buffer> = {};
  for (const entry of readdirSync(place, { recursive: true, withFileTypes: true })) {
    const path = relative(place, join(entry.parentPath, entry.name));
    if (entry.isFile() && !/(?:^|\/)(?:[Tt]ests?|Fixtures)\//.test(path)) members[`${top}/${path}`] = readFileSync(join(place, path));
  }
  return makeZip(members, true);
}
