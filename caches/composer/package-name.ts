/** Names of packages in targets, and the documents and files that belong to a name. */
import type { Params } from '../module';
import { plain } from './target-patterns';

/** Where the repository says what it has, and where everything else of it is. */
export const ROOT_PATH = '/packages.json';

/** `vendor/name` that a target names, in lower case as repositories have them. */
export function packageName({ vendor = '', name = '' }: Params): string {
  return `${plain(vendor)}/${plain(name)}`.toLowerCase();
}

/** Canonical path of the document of a package: of its released versions, or of its branches. */
export function documentPath(name: string, isDev: boolean): string {
  return `/p2/${name}${isDev ? '~dev' : ''}.json`;
}

/** The package that a document's canonical path names, and whether it is about branches. */
export function readDocumentPath(path: string): { readonly name: string; readonly isDev: boolean } {
  const stem = path.slice('/p2/'.length, -'.json'.length);
  return stem.endsWith('~dev') ? { name: stem.slice(0, -'~dev'.length), isDev: true } : { name: stem, isDev: false };
}

/** purl of a version, or of the package as a whole (package-URL specification, type composer). */
export function purl(name: string, version?: string): string {
  return `pkg:composer/${name}${version === undefined ? '' : `@${encodeURIComponent(version)}`}`;
}
