/**
 * The building blocks of the URL table, as sources of regular expressions over raw, still escaped targets. All are positive lists: what is
 * not named here (control characters, backslashes, escaped slashes, dot segments, names in other alphabets) matches nothing.
 */
import { EXTENSIONS } from './project-name';

/** devpi's prefix in front of what the public index has, as old configurations and lockfiles carry it. */
const DEVPI = '(?:/root/pypi)*';
/** `/simple`, and `/+simple` as devpi has it. */
const SIMPLE = `${DEVPI}/(?:\\+|%2[Bb])?simple`;

const LETTER_OR_DIGIT = '(?:[A-Za-z0-9]|%(?:3\\d|4[1-9A-Fa-f]|5[0-9Aa]|6[1-9A-Fa-f]|7[0-9Aa]))';
const NAME_SIGN = '(?:[._-]|%2[DEde]|%5[Ff])';
/** A project's name (PEP 508) in any spelling; group `name`. Repeated so that there is one way to match it. */
export const NAME = `(?<name>${LETTER_OR_DIGIT}+(?:${NAME_SIGN}+${LETTER_OR_DIGIT}+)*)`;
/** Group `version`. */
export const VERSION = '(?<version>(?:[\\w.!-]|\\+|%2[Bb]|%21)+)';

/** Any escape but those of controls, slash, backslash and DEL. */
const ESCAPE = '%(?!2[Ff]|5[Cc]|7[Ff])[2-9A-Fa-f][0-9A-Fa-f]';
const CHARACTER = `(?:[\\w.~!'()*+@:,=&$;-]|${ESCAPE})`;
const NO_DOTS = '(?!(?:\\.|%2[Ee]){1,2}(?:[/?]|$))';
const SEGMENT = `${NO_DOTS}${CHARACTER}+`;
/** Any query. */
const QUERY = '(?:\\?[!-~]*)?';

const anyCase = (word: string): string => word.replace(/[a-z]/g, (letter) => `[${letter.toUpperCase()}${letter}]`).replace(/\./g, '\\.');
/** Where a file is: folders and its name in the groups `folders` and `file`, and before that, perhaps, whose it is and at which host. */
const FILE =
  `${DEVPI}(?:/(?:\\+|%2[Bb])files/${NAME}/(?<host>${SEGMENT}))?` +
  `(?<folders>(?:/${SEGMENT})*)/(?<file>${LETTER_OR_DIGIT}${CHARACTER}*\\.(?:${EXTENSIONS.map(anyCase).join('|')}))`;

/** The list of projects; group `slash` if there is one at the end. */
export const ROOT_TARGET = new RegExp(`^${SIMPLE}(?<slash>/)?${QUERY}$`);
/** The page of a project; groups `name` and `slash`. */
export const PAGE_TARGET = new RegExp(`^${SIMPLE}/${NAME}(?<slash>/)?${QUERY}$`);
/** A RegExp over the target of a file and what stands behind its name. */
export const fileTarget = (suffix: string): RegExp => new RegExp(`^${FILE}${suffix}${QUERY}$`);
/** A RegExp over a whole target: `path`, then any query, which is not part of what the target means. */
export const exactly = (path: string): RegExp => new RegExp(`^${DEVPI}${path}${QUERY}$`);
/** As exactly, path and query in the group `raw`. */
export const verbatim = (path: string): RegExp => new RegExp(`^${DEVPI}(?<raw>${path}${QUERY})$`);

/** A file's provenance (PEP 740); groups `name`, `version`, `file`. */
export const PROVENANCE_TARGET = exactly(`/integrity/${NAME}/${VERSION}/(?<file>${SEGMENT})/provenance`);
