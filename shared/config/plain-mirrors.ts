/**
 * Mirrors of plain hosts in the names that Velocita's proxy has for them: MIRROR_<N>_URL and what belongs to it. Each is an origin, served at
 * /mirror/<n>/ (in small letters, `_` becomes `-`).
 */
import type { CacheConfig, Origin } from './config';
import { mirrorNames, partOf } from './mirror-settings';
import type { SettingReader } from './setting-reader';
import type { Size } from './value-kinds';

/** What Velocita gives each mirror unless told otherwise. */
const USUAL_BYTES = 1e9;
/** First segment of their paths: no upstream may have this name. */
export const PLAIN_MIRRORS = 'mirror';

/** The mirrors that the sources name, sorted. @throws LarderError config */
export function plainMirrors(reader: SettingReader): Origin[] {
  const names = mirrorNames(reader.sources);
  refuseOrphans(reader, names);
  return names.map((name, index) => {
    const twin = names.slice(0, index).find((other) => other.toLowerCase() === name.toLowerCase());
    if (twin !== undefined) reader.refuse(`MIRROR_${name}_URL`, '…', `MIRROR_${twin}_URL is served at the same path; take another name`);
    const base = reader.read('MIRROR_<N>_URL', '', name) ?? '';
    // Repositories and other hosts have the same routes here; a wrong word is a wrong word all the same.
    reader.read('MIRROR_<N>_TYPE', '', name);
    reader.read('MIRROR_<N>_CACHE_EXPIRY', '', name);
    const rootTtlSeconds = reader.read('MIRROR_<N>_PACKAGES_JSON_EXPIRY', '', name);
    const authorization = authorizationOf(reader, name);
    return {
      name: `${PLAIN_MIRRORS}/${name.toLowerCase().replaceAll('_', '-')}`,
      bases: [base],
      operatorNamed: true,
      isPlainMirror: true as const,
      ...(rootTtlSeconds === undefined ? {} : { rootTtlSeconds }),
      ...(authorization === undefined ? {} : { authorization }),
    };
  });
}

/** What all mirrors together may hold, if the size of one is given; undefined if of none. @throws LarderError config */
export function mirrorsSize(reader: SettingReader, { origins }: CacheConfig): Size | undefined {
  if (!origins.some(({ isPlainMirror }) => isPlainMirror)) return undefined;
  const sizes = mirrorNames(reader.sources).map((name) => reader.read('MIRROR_<N>_CACHE_SIZE', '', name));
  if (sizes.every((size) => size === undefined)) return undefined;
  return { bytes: sizes.reduce((sum: number, size) => sum + (size ?? USUAL_BYTES), 0) };
}

/** The setting that names a mirror's URL. */
export function mirrorVariable({ name }: Origin): string {
  return `MIRROR_${name
    .slice(PLAIN_MIRRORS.length + 1)
    .toUpperCase()
    .replaceAll('-', '_')}_URL`;
}

/** The environment belongs to others too; in our own file, what says something of a mirror means one. @throws LarderError config */
function refuseOrphans(reader: SettingReader, names: readonly string[]): void {
  for (const { label, values } of reader.sources) {
    if (label === 'environment') continue;
    for (const variable of Object.keys(values)) {
      const name = partOf(variable);
      if (values[variable]?.trim() && name !== undefined && !names.includes(name))
        reader.refuse(variable, undefined, `it goes with MIRROR_${name}_URL, which is not set`);
    }
  }
}

/** @throws LarderError config: one without the other */
function authorizationOf(reader: SettingReader, name: string): string | undefined {
  const variable = `MIRROR_${name}_AUTH_`;
  const type = reader.read('MIRROR_<N>_AUTH_TYPE', '', name) ?? 'basic';
  const user = reader.read('MIRROR_<N>_AUTH_USERNAME', '', name);
  const password = reader.read('MIRROR_<N>_AUTH_PASSWORD', '', name);
  const token = reader.read('MIRROR_<N>_AUTH_TOKEN', '', name) ?? (type === 'basic' ? undefined : password);
  if (token !== undefined) return `Bearer ${token}`;
  if (type !== 'basic') return reader.refuse(`${variable}TYPE`, type, `it goes with ${variable}TOKEN, which is not set`);
  if (password === undefined) {
    if (user !== undefined) reader.refuse(`${variable}USERNAME`, user, `it goes with ${variable}PASSWORD, which is not set`);
    return undefined;
  }
  if (user === undefined)
    reader.refuse(`${variable}PASSWORD`, undefined, `it goes with ${variable}USERNAME, or with ${variable}TYPE=bearer`);
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
