/** Names of packages in targets: one canonical form for every spelling, and the paths that belong to a name. */
import type { Params } from '../module';

/** What stands unescaped in a path besides what encodeURIComponent leaves alone. */
const UNESCAPED: Readonly<Record<string, string>> = {
  '%2B': '+',
  '%40': '@',
  '%3A': ':',
  '%2C': ',',
  '%3D': '=',
  '%26': '&',
  '%24': '$',
  '%3B': ';',
};

/** One path segment with as few escapes as possible: every spelling of a segment gives one string. */
export function canonicalSegment(raw: string): string {
  return encodeURIComponent(decodeURIComponent(raw)).replace(/%(?:2B|40|3A|2C|3D|26|24|3B)/g, (escape) => UNESCAPED[escape] ?? escape);
}

/** The package that a target names: `name` or `@scope/name`. */
export function packageName(params: Params): string {
  const name = decodeURIComponent(params['name'] ?? '');
  return params['scope'] === undefined ? name : `@${decodeURIComponent(params['scope'])}/${name}`;
}

/** Canonical path of a package's packument; registries want the scope's slash escaped. */
export function packumentPath(name: string): string {
  return `/${name.replace('/', '%2f')}`;
}

/** Canonical path of the packument of the package that a target names. */
export function packumentOf(params: Params): string {
  return packumentPath(packageName(params));
}

/** The package that a packument's canonical path names. */
export function nameOfPackument(path: string): string {
  return decodeURIComponent(path.slice(1));
}

/** The last part of a name, with which the files of a package begin. */
export function baseName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

/** Canonical path of a tarball, scope unescaped: the one form that pnpm and Yarn leave out of their lockfiles. */
export function tarballPath(name: string, version: string): string {
  return `/${name}/-/${canonicalSegment(`${baseName(name)}-${version}.tgz`)}`;
}

/** purl of a version, or of the package as a whole (package-URL specification, type npm). */
export function purl(name: string, version?: string): string {
  const full = name.replace(/^@/, '%40');
  return version === undefined ? `pkg:npm/${full}` : `pkg:npm/${full}@${encodeURIComponent(version)}`;
}
