/**
 * The building blocks of the URL table, as sources of regular expressions over raw, still escaped targets. All are positive
 * lists: what is not named here (control characters, backslashes, escaped slashes, dot segments) matches nothing.
 */

/** Escapes of what needs none: `A-Z a-z 0-9 - . _ ~ ! ' ( ) *`. */
const NEEDLESS = '%(?:2[1789ADEade]|3\\d|4[1-9A-Fa-f]|5[0-9AFaf]|6[1-9A-Fa-f]|7[0-9AEae])';
/** What a name cannot begin with: a dot or an underscore, also escaped. */
const HIDDEN = '(?![._]|%2[Ee]|%5[Ff])';
/** Package names are those that need no escapes: capitals and `~!'()*` are in the names of old packages. */
const WORD = `${HIDDEN}(?:[\\w.~!'()*-]|${NEEDLESS})+`;
/** File names, versions and tags may have a few characters more, escaped or not. */
const LOOSE = `${HIDDEN}(?:[\\w.~!'()*+@:,=&$;-]|${NEEDLESS}|%2[046BCbc]|%3[ABDabd]|%40)+`;

const AT = '(?:@|%40)';
const SLASH = '(?:/|%2[Ff])';
/** Any query. */
const QUERY = '(?:\\?[!-~]*)?';
/** Any path without dot segments, backslashes and control characters. */
const PATH =
  '(?!(?:[^?]*(?:/|%2[Ff]))?(?:\\.|%2[Ee]){1,2}(?:/|%2[Ff]|\\?|$))' + "(?:[\\w.~!'()*+@:,=&$;/-]|%(?!5[Cc]|7[Ff])[2-9A-Fa-f][0-9A-Fa-f])*";

/** `name`, `@scope/name` with its slash and at sign escaped or not; groups `scope` (if any) and `name`. */
export const NAME = `(?:${AT}(?<scope>${WORD})${SLASH})?(?<name>${WORD})`;
/** A version or tag in the group `version`. */
export const VERSION = `(?!-(?:/|\\?|$))(?<version>${LOOSE})`;
/** A version in a place that `@` and `/` end. */
export const PLAIN_VERSION = '(?<version>(?:[\\w.+-]|%2[Bb])+)';
/** The file of a tarball, perhaps below a second scope as some registries have it; groups `inner` and `file`. */
export const FILE = `(?:${AT}(?<inner>${WORD})${SLASH})?(?<file>${LOOSE}\\.(?:tgz|tar\\.gz))`;

/** A RegExp over a whole target: `path`, then any query, which is not part of what the target means. */
export function exactly(path: string): RegExp {
  return new RegExp(`^${path}${QUERY}$`);
}

/** A RegExp over a whole target that keeps everything from `prefix` on, path and query, in the group `raw`. */
export function below(prefix: string): RegExp {
  return new RegExp(`^(?<raw>${prefix}${PATH}${QUERY})$`);
}

/** A RegExp over one path and any query, kept in the group `raw`. */
export function verbatim(path: string): RegExp {
  return new RegExp(`^(?<raw>${path}${QUERY})$`);
}
