/** Canonical targets of files: as Composer asks mirrors for them (`ComposerMirror::processUrl`), whatever host they are at. */
import { md5Hex } from '../parsers/md5';
import type { Params } from '../module';
import { documentPath, packageName, ROOT_PATH } from './package-name';
import { NO_REFERENCE } from './dist-url';
import type { Elsewhere } from '../module';
import { exactly, FILE, FILE_AT_HOST, plain } from './target-patterns';
import { isBranch } from './version';

export const FILE_TARGET = exactly(`/dists/${FILE}`);

/** What a document says of one file, as far as it names it. */
export interface FileName {
  /** Normalized version. */
  readonly version: string;
  readonly reference: string;
  readonly type: string;
}

const USUAL_VERSION = /^\d[\w.-]*$/;
const USUAL_REFERENCE = /^[0-9a-f]{40}$/;
const USUAL_NAME = /^[a-z0-9][\w.-]*\/[a-z0-9][\w.-]*$/;

/** Canonical target of a version's file; undefined if no URL of a mirror can name it. */
export function fileTarget(name: string, { version, reference, type }: FileName): string | undefined {
  // What nearly all are.
  if (type === 'zip' && USUAL_VERSION.test(version) && USUAL_REFERENCE.test(reference) && USUAL_NAME.test(name))
    return `/dists/${name}/${version}/${reference}.zip`;
  const asked = version.includes('/') ? md5Hex(version) : version;
  const known = /^[0-9a-f]*$/.test(reference) ? reference : md5Hex(reference);
  const target = `/dists/${name}/${asked}/${known}.${type}`;
  return FILE_TARGET.test(target) && !asked.includes('%') ? target : undefined;
}

/** The same from the groups of a target. */
export function filePath(params: Params): string {
  const { version = '', reference = '', type = '' } = params;
  return `/dists/${packageName(params)}/${plain(version)}/${reference}.${type}`;
}

/** The document that usually promises a file: branches have one of their own. */
export function documentOfFile(params: Params): string {
  return documentPath(packageName(params), isBranch(plain(params['version'] ?? '')));
}

/** Target of the promise that stands for all files of a repository: where a commit is that no document names (any more). */
export function familyTarget(name: string, isDev: boolean, type: string): string {
  return `/dists/${name}/${isDev ? 'dev-any' : 'any'}/${NO_REFERENCE}.${type}`;
}

/** Where else the promise of a file may stand: some repositories have branches among the releases, or everything in their root document. */
export function placesOfFile(params: Params): readonly Elsewhere[] {
  const { reference = '', type = '' } = params;
  const name = packageName(params);
  const isDev = isBranch(plain(params['version'] ?? ''));
  const others: Elsewhere[] = [{ document: documentPath(name, !isDev) }, { document: ROOT_PATH }];
  if (!/^[0-9a-f]{40}$/.test(reference)) return others;
  const source = (said: string): string => said.replace(NO_REFERENCE, reference);
  const family = [isDev, !isDev].map((dev) => ({ document: documentPath(name, dev), target: familyTarget(name, dev, type), source }));
  return [...others, ...family];
}

/** The URL of a file below `base` that still shows where it comes from: host and path, and behind them what it is. */
export function urlAtHost(base: string, url: string, target: string): string {
  const { host, pathname, search } = new URL(url);
  const query = search.length > 1 ? `${search}&` : '?';
  const shown = `/dist/${host.replace(/[[\]]/g, encodeURIComponent)}${pathname}${query}for=${target.slice('/dists/'.length)}`;
  return base + (FILE_AT_HOST.test(shown) ? shown : target);
}
