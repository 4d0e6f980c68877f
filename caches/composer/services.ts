/**
 * What a repository offers besides documents and files: search, lists, audits, notes of installations. Its root document names the addresses,
 * often at another host; here each has one place, and the root document says where that leads.
 */
import type { Pin } from '../module';

export interface Service {
  /** Where the root document names it: a key, or a key in the object of a key. */
  readonly key: string;
  readonly within?: string;
  /** Path here. `%package%` in it stands in the upstream's address too. */
  readonly path: string;
}

export const SERVICES: readonly Service[] = [
  { key: 'notify-batch', path: '/downloads/' },
  { key: 'search', path: '/search.json' },
  { key: 'list', path: '/packages/list.json' },
  { key: 'providers-api', path: '/providers/%package%.json' },
  { key: 'metadata-changes-url', path: '/metadata/changes.json' },
  { key: 'api-url', within: 'security-advisories', path: '/api/security-advisories/' },
  { key: 'api-url', within: 'filter', path: '/api/filter/' },
  { key: 'summary-url', within: 'filter', path: '/api/filter/summary.json' },
];

/** Stands for any package in the target of a promise. */
export const ANY_PACKAGE = 'any/any';

/** Target under which the root document's promise tells where a service is. */
export function serviceTarget(path: string): string {
  return path.replace('%package%', ANY_PACKAGE);
}

/** An address of a service, taken apart. */
export interface ServiceUrl {
  /** Without its query. */
  readonly url: string;
  /** With its question mark; '' if there is none. Clients fill in its placeholders. */
  readonly query: string;
}

/**
 * @param home base of the repository; addresses from the root are at its host, whatever its path (`ComposerRepository::canonicalizeUrl`)
 * @returns undefined if it is no address, or has other placeholders in its path than the service's place here
 */
export function serviceUrl({ path }: Service, said: string, home: string): ServiceUrl | undefined {
  const absolute = absoluteUrl(said, home);
  if (absolute === undefined) return undefined;
  const at = absolute.indexOf('?');
  const url = at < 0 ? absolute : absolute.slice(0, at);
  const placeholders = url.split('%package%').length - 1;
  if (placeholders !== (path.includes('%package%') ? 1 : 0) || /%(?![0-9A-Fa-f]{2})/.test(url.replace('%package%', ''))) return undefined;
  const query = at < 0 ? '' : absolute.slice(at);
  return /^\?[!-~]*$|^$/.test(query) ? { url, query } : undefined;
}

/** An address as a root document gives it, absolute; undefined if it is none of HTTP. */
export function absoluteUrl(said: string, home: string): string | undefined {
  const absolute = said.startsWith('/') && !said.startsWith('//') ? new URL(home).origin + said : said;
  // Placeholders are not for a URL parser: only that it begins as one is looked at.
  return /^https?:\/\/[^/?#\s]+\/[!-~]*$/i.test(absolute) && URL.canParse(absolute.split('/', 3).join('/')) && !absolute.includes('#')
    ? absolute
    : undefined;
}

/** What a root document promises of a service: that it is at this address. */
export function servicePin(service: Service, { url }: ServiceUrl): Pin {
  return { target: serviceTarget(service.path), source: url };
}
