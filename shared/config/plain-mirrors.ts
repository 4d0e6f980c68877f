/**
 * Mirrors of plain hosts in the names that Velocita's proxy has for them: MIRROR_<N>_URL and what belongs to it. Each is an origin, served at
 * /mirror/<n>/ (in small letters, `_` becomes `-`).
 */
import type { CacheConfig, Origin } from './config';
import type { SettingReader } from './setting-reader';
import { lookUp } from './sources';
import * as kinds from './value-kinds';
import type { Kind, Size } from './value-kinds';

const URL_NAME = /^MIRROR_([A-Za-z0-9_]+)_URL(?:_FILE)?$/;
/** What Velocita gives each mirror unless told otherwise. */
const USUAL_BYTES = 1e9;
/** First segment of their paths: no upstream may have this name. */
export const PLAIN_MIRRORS = 'mirror';
const AUTH_TYPES = kinds.choice('basic', 'bearer');
const MIRROR_TYPES = kinds.choice('simple', 'composer');

/** The mirrors that the sources name, sorted. @throws LarderError config */
export function plainMirrors(reader: SettingReader): Origin[] {
  return mirrorNames(reader).map((name) => {
    const variable = `MIRROR_${name}_`;
    const base = read(reader, `${variable}URL`, kinds.baseUrl) ?? '';
    // Repositories and other hosts have the same routes here; a wrong word is a wrong word all the same.
    read(reader, `${variable}TYPE`, MIRROR_TYPES);
    read(reader, `${variable}CACHE_EXPIRY`, nginxTime);
    const rootTtlSeconds = read(reader, `${variable}PACKAGES_JSON_EXPIRY`, nginxTime);
    const authorization = authorizationOf(reader, variable);
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
  const sizes = mirrorNames(reader).map((name) => read(reader, `MIRROR_${name}_CACHE_SIZE`, kinds.bytes));
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

function mirrorNames({ sources }: SettingReader): string[] {
  const names = sources.flatMap(({ values }) =>
    Object.keys(values).flatMap((variable) => (values[variable]?.trim() ? (URL_NAME.exec(variable)?.[1] ?? []) : [])),
  );
  return [...new Set(names)].sort();
}

/** @throws LarderError config: one without the other */
function authorizationOf(reader: SettingReader, variable: string): string | undefined {
  const type = read(reader, `${variable}AUTH_TYPE`, AUTH_TYPES) ?? 'basic';
  const user = read(reader, `${variable}AUTH_USERNAME`, kinds.text);
  const password = read(reader, `${variable}AUTH_PASSWORD`, kinds.text, true);
  if (password === undefined) {
    if (user !== undefined) reader.refuse(`${variable}AUTH_USERNAME`, user, `it goes with ${variable}AUTH_PASSWORD, which is not set`);
    return undefined;
  }
  if (type === 'bearer') return `Bearer ${password}`;
  if (user === undefined)
    reader.refuse(`${variable}AUTH_PASSWORD`, undefined, `it goes with ${variable}AUTH_USERNAME, or with ${variable}AUTH_TYPE=bearer`);
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** @throws LarderError config, naming the variable */
function read<T>(reader: SettingReader, variable: string, kind: Kind<T>, isSecret = false): T | undefined {
  const found = lookUp(reader.sources, variable);
  if (!found) return undefined;
  const value = kind.parse(found.raw);
  return value ?? reader.refuse(variable, isSecret ? undefined : found.raw, kind.allowed);
}

/** Seconds, in nginx's units: months and years too. */
const nginxTime: Kind<number> = {
  allowed: 'a time is a number with ms, s, m, h, d, w, M or y, e.g. 3650d',
  parse: (raw) => {
    const [, count, unit] = /^(\d+)([My])$/.exec(raw) ?? [];
    if (count !== undefined) return Number(count) * (unit === 'M' ? 30 : 365) * 86_400;
    return kinds.duration.parse(raw);
  },
};
