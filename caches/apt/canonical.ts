/**
 * Names of files in one form. What apt escapes in a request (`+` and `~`, some versions `:`) and what an index writes plainly have to
 * become one string, byte for byte, or a file is never found among what an index promises. Pure; nothing here throws.
 */

/** A name that is canonical already, as nearly all are: no segment is empty or begins with a dot. */
const USUAL = /^[\w~!$&'()*+,;=:@-][\w.~!$&'()*+,;=:@-]*(?:\/[\w~!$&'()*+,;=:@-][\w.~!$&'()*+,;=:@-]*)*$/;

/**
 * The canonical relative path of a name as an index writes it: unescaped, perhaps with `./` or needless slashes.
 * @param name its bytes as latin1, so that whatever encoding it has is escaped as apt does it, byte by byte
 * @returns undefined if it names nothing, climbs, or has characters that belong in no name
 */
export function canonicalName(name: string): string | undefined {
  if (USUAL.test(name)) return name;
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f\\]/.test(name)) return undefined;
  const segments = name.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.length === 0 || segments.includes('..')) return undefined;
  return segments.map((segment) => segment.replace(/[^\w.~!$&'()*+,;=:@-]/g, escapeOf)).join('/');
}

/** The name that a canonical relative path stands for; the path itself if its escapes are no UTF-8. */
export function plainName(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** The folder of a path, without trailing slash; `''` at the root. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

function escapeOf(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}
