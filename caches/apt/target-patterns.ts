/**
 * The building blocks of the URL table, as sources of regular expressions over raw, still escaped targets: positive lists. What is
 * kept has no query; a target with one is only passed on, since nobody says what it means.
 */

/** Escapes of what is no letter, digit, `-`, `.`, `/`, `\`, `_` or control character: no word below can be spelled with an escape. */
const ESCAPE = '%(?:2[\\dABCabc]|3[A-Fa-f]|40|5[BDEbde]|60|7[B-Eb-e]|[89A-Fa-f][\\dA-Fa-f])';
const CHARACTER = `(?:[\\w.~!$&'()*+,;=:@-]|${ESCAPE})`;
/** One segment of a path; not `.` or `..`. */
export const SEGMENT = `(?!\\.{1,2}(?:/|$))${CHARACTER}+`;
/** A folder in the group `folder`: empty, or beginning and not ending with a slash. */
export const FOLDER = `(?<folder>(?:/${SEGMENT})*)`;

/** Lookaheads for the beginning of a target. */
export const IN_POOL = '(?=.*/pool/)';
export const IN_DISTS = '(?=.*/dists/[^/]+/[^/])';
export const NOT_IN_DISTS = '(?!.*/dists/[^/]+/[^/])';

/** Any path without dot segments, backslashes and control characters, and any query, kept in the group `raw`. */
export const ANYTHING = new RegExp(
  '^(?<raw>/(?!(?:[^?]*(?:/|%2[Ff]))?(?:\\.|%2[Ee]){1,2}(?:/|%2[Ff]|\\?|$))' +
    "(?:[\\w.~!'()*+@:,=&$;/-]|%(?!5[Cc]|7[Ff])[2-9A-Fa-f][0-9A-Fa-f])*(?:\\?[!-~]*)?)$",
);

/** A RegExp over a whole target. */
export function exactly(source: string): RegExp {
  return new RegExp(`^${source}$`);
}
