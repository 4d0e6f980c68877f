/** What a page promises of its project's files. */
import type { Pin } from '../module';
import { address } from './file-place';
import { isWheel, readHashes, type Hashes, type Page, type PageFile } from './page-model';
import { releaseOf } from './project-name';

/** Larger pages give no aliases (see `devpiPath`): they would double what is to be kept. */
const MOST_ALIASED = 10_000;

/** One pin a target: files, their metadata, their signatures. */
export function pagePins({ files }: Page, project: string, home: string): Pin[] {
  const pins = new Map<string, Pin>();
  const origin = home.slice(0, home.indexOf('/', home.indexOf('://') + 3) + 1 || undefined);
  const add = (target: string, url: string, integrity: string | undefined, more: Pick<Pin, 'version' | 'published'>): void => {
    if (pins.has(target)) return;
    // Files of other hosts, which most are, need no second look.
    const source = url.startsWith(origin) && address(home, target) === url ? undefined : url;
    pins.set(target, {
      target,
      ...(integrity === undefined ? {} : { integrity }),
      ...(source === undefined ? {} : { source }),
      ...more,
    });
  };
  for (const file of files) {
    const { target, url } = file;
    if (target === undefined) continue;
    const integrity = integrityOf(file.hashes);
    const more = facts(file, project);
    add(target, url, integrity, more);
    const { metadata } = file;
    if (metadata !== undefined || isWheel(file.name)) {
      add(`${target}.metadata`, besides(url, '.metadata'), metadata === undefined ? undefined : integrityOf(metadata), more);
    }
    if (file.isSigned === true) add(`${target}.asc`, besides(url, '.asc'), undefined, more);
  }
  // Last, so that a file which really is there comes first.
  if (files.length <= MOST_ALIASED) {
    for (const file of files) {
      const alias = file.target === undefined ? undefined : devpiPath(file);
      if (alias !== undefined) add(alias, file.url, integrityOf(file.hashes), facts(file, project));
    }
  }
  return [...pins.values()];
}

function facts({ name, uploadTime }: PageFile, project: string): Pick<Pin, 'version' | 'published'> {
  const { version } = releaseOf(name, project);
  const published = uploadTime !== undefined && /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)$/.test(uploadTime) ? uploadTime : undefined;
  return { ...(version === undefined ? {} : { version }), ...(published === undefined ? {} : { published }) };
}

/** URL of what lies beside a file under its name and a suffix. */
function besides(url: string, suffix: string): string {
  const query = url.indexOf('?');
  return query < 0 ? url + suffix : url.slice(0, query) + suffix + url.slice(query);
}

/** What devpi calls a file, from its digest: lockfiles that were made with it carry such URLs, and only their page tells what they were. */
function devpiPath({ name, target, hashes }: PageFile): string | undefined {
  const sha256 =
    readHashes(hashes)
      .find(([algorithm]) => algorithm === 'sha256')?.[1]
      .toLowerCase() ?? '';
  if (!/^[0-9a-f]{64}$/.test(sha256) || target?.endsWith(`/${name}`) !== true || target.startsWith('/+files/')) {
    return undefined;
  }
  return `/+f/${sha256.slice(0, 3)}/${sha256.slice(3, 16)}/${name}`;
}

/** Digest lengths in bytes of what can be checked (W3C SRI, and MD5), in the order in which one is chosen. */
const CHECKED = [
  ['sha256', 32],
  ['sha512', 64],
  ['sha384', 48],
  ['sha1', 20],
  ['md5', 16],
] as const;

/** SHA-256 if it is given, since that is computed in any case; else the strongest. */
function integrityOf(hashes: Hashes): string | undefined {
  // What nearly all are.
  if (/^sha256=[0-9a-f]{64}$/.test(hashes)) return `sha256-${Buffer.from(hashes.slice('sha256='.length), 'hex').toString('base64')}`;
  const given = readHashes(hashes);
  for (const [algorithm, bytes] of CHECKED) {
    for (const [name, hex] of given) {
      if (name !== algorithm || hex.length !== 2 * bytes || !/^[0-9a-f]+$/i.test(hex)) continue;
      return `${algorithm}-${Buffer.from(hex, 'hex').toString('base64')}`;
    }
  }
  return undefined;
}
