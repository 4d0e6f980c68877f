/** Where tarballs, links and blobs are in an ALICE store, and what their names say (protocol page §6.2, §6.3). Pure; nothing here throws. */
import type { Params } from '../module';
import { canonicalPath } from '../parsers/escapes';
import { plainText } from './target-patterns';

const ARCHIVE = /\.(?:tar\.gz|tgz|tar\.zst|tar\.xz|tar)$/;
/** A blob of the content store, by a path below the base or an absolute URL; groups `start` and `hex`. */
const BLOB =
  /^(?:https?:\/\/[^/?#\\\s]+(?:\/[\w.~!'()*+@:,=&$;%-]+)*)?\/cas\/sha256\/(?<start>[0-9a-f]{2})\/(?<hex>\k<start>[0-9a-f]{62})$/;

/** Canonical path of a folder of tarballs. */
export function storePath({ arch = '', start = '', hash = '' }: Params): string {
  return `/TARS/${canonicalPath(arch)}/store/${start}/${hash}/`;
}

/** SHA-256 that the place of a blob names, as SRI; undefined if it is none. @param place path or absolute URL */
export function blobIntegrity(place: string): string | undefined {
  // A dot segment would be another place than it reads.
  if (place.length > 2000 || /\/\.{1,2}\/|%2e/i.test(place)) return undefined;
  const hex = BLOB.exec(place)?.groups?.['hex'];
  return hex === undefined ? undefined : sha256Sri(hex);
}

/** @param hex 64 hexadecimal digits */
export function sha256Sri(hex: string): string {
  return `sha256-${Buffer.from(hex, 'hex').toString('base64')}`;
}

/** `pkg:generic/alibuild/<package>@<version>-<revision>?arch=…&build_hash=…`, from `<package>-<version>-<revision>.<arch>.tar.gz`. */
export function tarballPurl(params: Params): string {
  const arch = text(params['arch']);
  const query = `arch=${encodeURIComponent(arch)}&build_hash=${params['hash'] ?? ''}`;
  const whole = text(params['file']).replace(ARCHIVE, '');
  const stem = whole.endsWith(`.${arch}`) ? whole.slice(0, -arch.length - 1) : whole;
  // Names of packages have dashes too; a version begins with a digit, or with v and a digit.
  const at = stem.search(/-v?\d/);
  const [name, version] = at <= 0 ? [stem, ''] : [stem.slice(0, at), `@${encodeURIComponent(stem.slice(at + 1))}`];
  return `pkg:generic/alibuild/${encodeURIComponent(name)}${version}?${query}`;
}

function text(raw = ''): string {
  const path = canonicalPath(raw);
  return plainText(path) ?? path;
}
