/**
 * The building blocks of the URL table, as sources of regular expressions over raw, still escaped targets. All are positive lists: what is
 * not named here (control characters, backslashes, dot segments, names in other alphabets) matches nothing.
 */

/** Escapes of letters, digits and `-._~`. */
const NEEDLESS = '%(?:2[DEde]|3\\d|4[1-9A-Fa-f]|5[0-9AFaf]|6[1-9A-Fa-f]|7[0-9AEae])';
const NO_DOTS = '(?!(?:\\.|%2[Ee]){1,2}(?:[/?]|$))';
const WORD = `${NO_DOTS}(?:[\\w.-]|${NEEDLESS})+`;

/** `vendor/name` in any spelling; groups `vendor` and `name`. */
export const PACKAGE = `(?<vendor>${WORD})/(?<name>${WORD})`;
/** What a repository's documents are of: released versions, or with `~dev` those of branches; group `dev`. */
export const STAGE = '(?<dev>(?:~|%7[Ee])dev)?';
/** A normalized version, or the MD5 that clients make of one with a slash; group `version`. */
const VERSION = `${NO_DOTS}(?<version>(?:[\\w.+@~!,=-]|%2[BCDEbcde]|%3[Dd]|%40|%7[Ee])+)`;
/** What Composer can unpack and fetches by URL. */
const TYPES = ['zip', 'tar', 'gzip', 'xz', 'rar', 'phar', 'file'] as const;
/** The file of a version as mirrors are asked for it; the reference is missing where the repository gives none. */
export const FILE = `${PACKAGE}/${VERSION}/(?<reference>[0-9a-f]*)\\.(?<type>${TYPES.join('|')})`;

/** `host` or `host:port`; what stands for brackets of IPv6 is escaped. */
const HOST = `${NO_DOTS}(?:[\\w.:-]|%5[BDbd])+`;
/** Any escape but those of controls, backslash and DEL, and no slash that could begin a dot segment. */
const ESCAPE = '%(?!2[Ff](?:\\.|%2[Ee])|5[Cc]|7[Ff])[2-9A-Fa-f][0-9A-Fa-f]';
const SEGMENT = `/${NO_DOTS}(?:[\\w.~!'()*+@:,=&$;-]|${ESCAPE})*`;

/** Any query. */
const QUERY = '(?:\\?[!-~]*)?';

/** A RegExp over a whole target: `path`, then any query, which is not part of what the target means. */
export const exactly = (path: string): RegExp => new RegExp(`^${path}${QUERY}$`);
/** As exactly, with the query (and its question mark) in the group `query`, the rest in `raw`. */
export const withQuery = (path: string): RegExp => new RegExp(`^(?<raw>${path})(?<query>${QUERY})$`);
/** A file at its own host and path, with what it is (`for=`) behind everything else of the query. */
export const FILE_AT_HOST = new RegExp(`^/dist/${HOST}(?:${SEGMENT})+\\?(?:[!-~]*&)?for=${FILE}$`);

/** A path segment of a name or version with as few escapes as possible. */
export function plain(raw: string): string {
  return raw.includes('%') ? decodeURIComponent(raw) : raw;
}
