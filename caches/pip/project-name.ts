/** Names of projects, their versions and what stands in the names of their files (PEP 503, 427, 440, 625). */

/** PEP 503: every spelling of a name gives one string. */
export function normalName(name: string): string {
  return name.replace(/[-_.]+/g, '-').toLowerCase();
}

/** Whether a text is a project's name (PEP 508). */
export function isName(text: string): boolean {
  return /^[A-Z\d](?:[\w.-]*[A-Z\d])?$/i.test(text);
}

const VERSION = new RegExp(
  [
    '^v?(?:(?<epoch>\\d+)!)?(?<release>\\d+(?:\\.\\d+)*)',
    '(?:[-_.]?(?<pre>alpha|beta|preview|pre|rc|a|b|c)[-_.]?(?<preNumber>\\d*))?',
    '(?:-(?<implicit>\\d+)|[-_.]?(?<post>post|rev|r)[-_.]?(?<postNumber>\\d*))?',
    '(?:[-_.]?(?<dev>dev)[-_.]?(?<devNumber>\\d*))?',
    '(?:\\+(?<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?$',
  ].join(''),
  'i',
);
const PRE: Readonly<Record<string, string>> = { alpha: 'a', beta: 'b', preview: 'rc', pre: 'rc', c: 'rc' };

/** The normal form of a version (PEP 440, "Normalization"); undefined if it is none. */
export function normalVersion(text: string): string | undefined {
  // No version is a tenth as long, and what comes from a page may be any length.
  if (text.length > 500) return undefined;
  // What most are.
  if (/^(?:0|[1-9]\d{0,3})(?:\.(?:0|[1-9]\d{0,3}))*$/.test(text)) return text;
  const parts = VERSION.exec(text)?.groups;
  if (!parts) return undefined;
  const { epoch, release = '', pre, preNumber, implicit, post, postNumber, dev, devNumber, local } = parts;
  const before = pre?.toLowerCase();
  const start = epoch === undefined || /^0+$/.test(epoch) ? '' : `${plain(epoch)}!`;
  const numbers = release.split('.').map(plain).join('.');
  const early = before === undefined ? '' : (PRE[before] ?? before) + plain(preNumber);
  const late = implicit === undefined && post === undefined ? '' : `.post${plain(implicit ?? postNumber)}`;
  const open = dev === undefined ? '' : `.dev${plain(devNumber)}`;
  const own = local === undefined ? '' : `+${local.toLowerCase().replace(/[-_]/g, '.')}`;
  return start + numbers + early + late + open + own;
}

/** A number without zeros before it; none is 0. */
function plain(digits: string | undefined): string {
  return digits === undefined || digits === '' ? '0' : digits.replace(/^0+(?=\d)/, '');
}

/** What distributions are called behind their version. `tar.gz` before `gz` is not needed: no name ends in two of them. */
export const EXTENSIONS = [
  ...['whl', 'tar.gz', 'zip', 'tar.bz2', 'tgz', 'tbz', 'tar.xz', 'txz', 'tar.lzma', 'tlz', 'tar.lz', 'tar.z', 'tar'],
  ...['egg', 'exe', 'msi', 'rpm', 'deb', 'dmg'],
];
const EXTENSION = new RegExp(`\\.(${EXTENSIONS.join('|').replace(/\./g, '\\.')})$`, 'i');

/** Whether a file is called as distributions are. */
export function isDistribution(file: string): boolean {
  return EXTENSION.test(file);
}

const LONGEST_NAME = 1000;

/** What the name of a file says. */
export interface Release {
  /** Normalized; never empty. */
  readonly project: string;
  /** In normal form where it is a version by PEP 440. */
  readonly version?: string;
}

/**
 * The release that a file belongs to, as its name tells. Wheels and eggs say it exactly. In other names the project ends before the first
 * `-` behind which everything is a version: `python-dateutil-2.8.2`, `foo-bar-1.0-2` (`1.0-2` is `1.0.post2`), `backports.abc-0.5`.
 * @param project normalized name of the project whose page lists the file, if known: then only the version is to be found
 */
export function releaseOf(file: string, project?: string): Release {
  // No file system has such names; what a page says may be any length.
  if (file.length > LONGEST_NAME) return { project: project ?? safeName(file.slice(0, LONGEST_NAME)) };
  const extension = file.endsWith('.whl') ? 'whl' : (EXTENSION.exec(file)?.[1] ?? '').toLowerCase();
  const stem = extension === '' ? file : file.slice(0, -extension.length - 1);
  if (extension === 'whl' || extension === 'egg') {
    const nameEnd = stem.indexOf('-');
    const versionEnd = stem.indexOf('-', nameEnd + 1);
    const said = wheelName(nameEnd < 0 ? stem : stem.slice(0, nameEnd));
    if (nameEnd >= 0 && (project === undefined || said === project)) {
      return { project: said, version: wheelVersion(stem.slice(nameEnd + 1, versionEnd < 0 ? undefined : versionEnd)) };
    }
  }
  let fallback: number | undefined;
  for (let at = stem.indexOf('-'); at > 0; at = stem.indexOf('-', at + 1)) {
    if (project !== undefined) {
      if (normalName(stem.slice(0, at)) === project) return named(project, bareVersion(stem.slice(at + 1)));
      continue;
    }
    const rest = stem.slice(at + 1);
    if (!/^v?\d/i.test(rest)) continue;
    fallback ??= at;
    if (normalVersion(bareVersion(rest)) !== undefined) {
      fallback = at;
      break;
    }
  }
  if (project !== undefined) return { project };
  const end = fallback ?? stem.lastIndexOf('-');
  return end > 0 ? named(safeName(stem.slice(0, end)), bareVersion(stem.slice(end + 1))) : { project: safeName(stem) };
}

/** Neighbours on a page have the same name and mostly the same version. */
const wheelName = rememberingOne(safeName);
const wheelVersion = rememberingOne((escaped) => {
  const version = escaped.replace(/_/g, '-');
  return normalVersion(version) ?? version;
});

/** A pure function that remembers its last answer. */
function rememberingOne(of: (text: string) => string): (text: string) => string {
  let asked: string | undefined;
  let answer = '';
  return (text) => {
    if (text !== asked) [asked, answer] = [text, of(text)];
    return answer;
  };
}

function named(project: string, version: string): Release {
  return { project, version: normalVersion(version) ?? version };
}

/** Without what built files carry behind their version: `-py2.7`, `.linux-x86_64`, `.win32`, `-1.noarch`. */
function bareVersion(text: string): string {
  if (!/[a-z]/i.test(text)) return text;
  return text
    .replace(/-\d+\.(?:src|noarch|i\d86|x86_64|aarch64)$/i, '')
    .replace(/-py\d(?:\.\d+)?$/i, '')
    .replace(/[.-](?:linux-|win32|win-|macosx-|cygwin)[\w.-]*$/i, '');
}

/** Normalized, and a name whatever a file was called. */
function safeName(text: string): string {
  return normalName(text.replace(/[^\w.-]+/g, '-')).replace(/^-|-$/g, '') || 'unknown';
}
