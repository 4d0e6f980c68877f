/**
 * The building blocks of the URL table, as sources of regular expressions over raw, still escaped targets. All are positive lists: what is not
 * named here (control characters, backslashes, escaped slashes, dot segments) matches nothing. aliBuild escapes `+`, `@` and most other signs,
 * its older versions do not.
 */
import { canonicalPath } from '../parsers/escapes';

/** Any escape but those of controls, slash, backslash and DEL. */
const ESCAPE = '%(?!2[Ff]|5[Cc]|7[Ff])[2-9A-Fa-f][0-9A-Fa-f]';
const CHARACTER = `(?:[\\w.~!'()*+@:,=&$;-]|${ESCAPE})`;
const NO_DOTS = '(?!(?:\\.|%2[Ee]){1,2}(?:[/?]|$))';
/** One segment of a path. */
export const SEGMENT = `${NO_DOTS}${CHARACTER}+`;
/** A package's folder: not one of those that have another meaning in the same place. */
export const PACKAGE = `(?!(?:store|dist(?:-direct|-runtime)?)(?:[/?]|$))${SEGMENT}`;
/** The folder of an action's tarballs; groups `arch`, `start` (its first two digits) and `hash`. */
export const STORE = `/TARS/(?<arch>${SEGMENT})/store/(?<start>[0-9a-f]{2})/(?<hash>\\k<start>[0-9a-f]{6,126})`;

/** A RegExp over a whole target: `path`, then any query, which is not part of what the target means. A store whose URL ends with `/` is asked for `//TARS`. */
export const exactly = (path: string): RegExp => new RegExp(`^(?:/)*${path}(?:\\?[!-~]*)?$`);

/** A name that is its own canonical segment, as nearly all are: none that begins with a dot. */
const USUAL = /^[\w~!'()*+@:,=&$;-][\w.~!'()*+@:,=&$;-]*$/;

/** The canonical segment of a name as a listing has it; undefined if no client may ask for such a name. */
export function canonicalSegment(name: string): string | undefined {
  if (USUAL.test(name)) return name;
  // What is no text came out of other bytes than clients would ask for.
  if (/[\ufffd\p{Cs}]/u.test(name)) return undefined;
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (name === '' || name === '.' || name === '..' || /[\u0000-\u001f\u007f/\\]/.test(name)) return undefined;
  return canonicalPath(encodeURIComponent(name));
}

/** The text that a canonical path stands for; undefined if its escapes are no UTF-8. */
export function plainText(path: string): string | undefined {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
