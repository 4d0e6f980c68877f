/** Files of packages: which index may promise one, by where it is, and what it is. */
import type { IndexGuess, Params } from '../module';
import { canonicalPath } from '../parsers/escapes';
import { folderOf, plainName } from './canonical';
import { suiteFolders } from './suites';

/** Architectures whose indexes have a package for all of them; they all list it, the most used ones come first. */
const COMMON_ARCHITECTURES = ['amd64', 'arm64', 'all'];
/** What parts a pool instead of a component: `b`, `libx`. */
const LETTER = /^(?:[a-z0-9]|lib[a-z0-9])$/;
/** Folders between a flat repository and its files that are looked through for its roster. */
const MOST_ABOVE = 3;
const BINARY = /\.[du]?deb$/;
/** Archives of distributions that other distributions' packages are not in; a purl's namespace. */
const VENDOR = /^(?<vendor>debian|ubuntu)(?:-.*)?$/;
/** What follows the version in the names of a source package's files, from the end. */
const SOURCE_TAILS = [/\.(?:asc|sign?)$/, /\.(?:dsc|diff\.gz|tar(?:\.(?:gz|xz|bz2|lzma|zst))?)$/, /\.(?:debian|orig(?:-[A-Za-z\d-]+)?)$/];

/** Canonical path of a file from the groups `folder` and `file`. */
export function filePath({ folder = '', file = '' }: Params): string {
  return canonicalPath(`${folder}/${file}`);
}

/** Where the indexes of a pool's file are: below the `dists/` beside the pool. */
export function poolIndexes(params: Params): IndexGuess {
  const path = filePath(params);
  const { root, component } = placeOf(path);
  const components = [...new Set([component, 'main'])];
  return { rosters: `${root}/dists/`, names: components.flatMap((each) => indexNames(path, each)) };
}

/** Where the index of a flat repository's file is: in its folder, or in one above (`amd64/x.deb`). */
export function flatIndexes(params: Params): IndexGuess {
  const path = filePath(params);
  const folder = folderOf(path);
  const above: string[] = [];
  for (let rest = folder; rest !== '' && above.length < MOST_ABOVE;) {
    rest = folderOf(rest);
    above.push(`${rest}/`);
  }
  return { rosters: `${folder}/`, names: [BINARY.test(path) ? 'Packages' : 'Sources'], above };
}

/** Where the Index of a patch is: beside it. */
export function patchIndexes(params: Params): IndexGuess {
  const folder = folderOf(filePath(params));
  const suite = suiteFolders(`${folder}/Index`)[0] ?? '';
  return { rosters: `${suite}/`, names: [`${plainName(folder.slice(suite.length + 1))}/Index`] };
}

/**
 * purl of a file (package-URL specification, type deb). The version is the one of the file's name, which lacks the epoch; the namespace is
 * left out for archives of which the path does not say whose they are.
 */
export function purlOf(params: Params): string {
  const path = filePath(params);
  const file = plainName(path.slice(path.lastIndexOf('/') + 1));
  const binary = BINARY.test(file);
  const [name = '', last = '', architecture = ''] = file.replace(BINARY, '').split('_');
  const version = binary ? last : SOURCE_TAILS.reduce((rest, tail) => rest.replace(tail, ''), last);
  const vendor = path
    .split('/')
    .map((segment) => VENDOR.exec(segment)?.groups?.['vendor'])
    .find((found) => found !== undefined);
  return [
    `pkg:deb/${vendor === undefined ? '' : `${vendor}/`}${encodeURIComponent(name.toLowerCase())}`,
    version === '' ? '' : `@${encodeURIComponent(version).replaceAll('%3A', ':')}`,
    binary && architecture === '' ? '' : `?arch=${binary ? encodeURIComponent(architecture) : 'source'}`,
  ].join('');
}

function indexNames(path: string, component: string): string[] {
  const file = path.slice(path.lastIndexOf('/') + 1);
  if (!BINARY.test(file)) return [`${component}/source/Sources`];
  const architecture = /_([a-z0-9-]+)\.[du]?deb$/.exec(file)?.[1] ?? 'all';
  const architectures = architecture === 'all' ? COMMON_ARCHITECTURES : [architecture];
  const folder = file.endsWith('.udeb') ? `${component}/debian-installer` : component;
  return architectures.map((each) => `${folder}/binary-${each}/Packages`);
}

/** The archive's root and the component of a file below `pool/` or `dists/`; some third parties have their pool in the suite. */
function placeOf(path: string): { root: string; component: string } {
  const dists = path.indexOf('/dists/');
  const pool = path.indexOf('/pool/');
  const root = dists >= 0 && (pool < 0 || dists < pool) ? path.slice(0, dists) : path.slice(0, pool);
  // `pool/updates/main/…` is how the security archive does it.
  const segments =
    pool < 0
      ? []
      : path
          .slice(pool + '/pool/'.length)
          .split('/')
          .slice(0, -1);
  const [first = 'main', second] = segments[0] === 'updates' ? segments.slice(1) : segments;
  return { root, component: LETTER.test(first) && second !== undefined ? 'main' : plainName(first) };
}
