/** Where a repository has the documents of its packages, if that is not where this cache has them. */
import { DocumentError } from '../module';
import { ANY_PACKAGE, absoluteUrl } from './services';

/** Below a repository, as its `metadata-url` has it. */
export const VERSIONS = '/p2/%package%.json';
/** Target under which the root document's promise tells where the documents are. */
export const VERSIONS_TARGET = VERSIONS.replace('%package%', ANY_PACKAGE);

/**
 * @param said a root document's `metadata-url` @param home base of the repository
 * @returns where else than below the repository they are; undefined: there
 * @throws DocumentError if it is no address of documents
 */
export function otherVersions(said: string, home: string): string | undefined {
  const where = absoluteUrl(said, home);
  if (where === home + VERSIONS) return undefined;
  if (where?.includes('%package%') !== true || /%(?![0-9A-Fa-f]{2})/.test(where.replaceAll('%package%', '')))
    throw new DocumentError(`its metadata-url ${said.slice(0, 200)} is no address with %package% in it`);
  // A mirror often has the document of what it mirrors, with its host.
  const { origin, pathname } = new URL(home);
  const path = where.replace(/^[a-z]+:\/\/[^/]+/i, '');
  const isOfMirrored = path === VERSIONS || path === pathname.replace(/\/$/, '') + VERSIONS;
  return isOfMirrored && !where.startsWith(`${origin}/`) ? undefined : where;
}

/** The address of a package's document. @param said a repository's `metadata-url`, absolute */
export function documentUrl(said: string, name: string, isDev: boolean): string {
  return said.replaceAll('%package%', `${name}${isDev ? '~dev' : ''}`);
}
