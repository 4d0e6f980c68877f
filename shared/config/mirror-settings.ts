/**
 * The part of the table of settings that is about mirrors of plain hosts, in the names that Velocita's proxy has for them. In names, <N> stands
 * for a mirror: letters, digits and `_`.
 */
import * as kinds from './value-kinds';
import type { Kind } from './value-kinds';

interface MirrorSetting<T> {
  readonly kind: Kind<T>;
  readonly fallback: string;
  readonly group: 'Upstreams';
  readonly description: string;
  readonly needs: 'plainMirrors';
  readonly secret?: true;
}

function setting<T>(kind: Kind<T>, fallback: string, description: string, secret?: true): MirrorSetting<T> {
  return { kind, fallback, group: 'Upstreams', description, needs: 'plainMirrors', ...(secret && { secret }) };
}

export const MIRROR_SETTINGS = {
  'MIRROR_<N>_URL': setting(
    kinds.baseUrl,
    '',
    "For Velocita's plugin: a host, or a part of one, that is served as it is at /mirror/<n>/ (in small letters, - for _) of the composer cache; /mirrors.json lists all of them. This and what follows are the settings of Velocita's proxy.",
  ),
  'MIRROR_<N>_TYPE': setting(
    kinds.choice('simple', 'composer'),
    'simple',
    'What that host has; both are served alike: index documents for minutes, what has a commit in its name until it is evicted, all else for a day.',
  ),
  'MIRROR_<N>_PACKAGES_JSON_EXPIRY': setting(kinds.nginxTime, '2m', 'How long its packages.json is served without asking.'),
  'MIRROR_<N>_CACHE_EXPIRY': setting(
    kinds.nginxTime,
    'until the room is needed',
    'Understood, and of no effect: what was not used longest goes when the room is needed.',
  ),
  'MIRROR_<N>_CACHE_SIZE': setting(
    kinds.bytes,
    '1GB, if that of another mirror is set',
    'Room for it. What all mirrors have together is CACHE_SIZE_composer, unless that is set.',
  ),
  'MIRROR_<N>_AUTH_TYPE': setting(
    kinds.choice('basic', 'bearer', 'github'),
    'basic',
    'How its credentials are sent, to that host alone: as name and password, or as a token (bearer, github).',
  ),
  'MIRROR_<N>_AUTH_USERNAME': setting(kinds.text, '', 'Name for basic.'),
  'MIRROR_<N>_AUTH_PASSWORD': setting(
    kinds.text,
    '',
    'Password for basic, or the token for bearer. Better as MIRROR_<N>_AUTH_PASSWORD_FILE, a file that holds it.',
    true,
  ),
  'MIRROR_<N>_AUTH_TOKEN': setting(kinds.text, '', 'A token; MIRROR_<N>_AUTH_TOKEN_FILE too.', true),
} as const;

const URL_NAME = /^MIRROR_([A-Za-z0-9_]+)_URL(?:_FILE)?$/;

/** The mirrors that are named, as their settings have it, sorted. @param sources values by name, strongest first */
export function mirrorNames(sources: readonly { readonly values: Readonly<Record<string, string | undefined>> }[]): string[] {
  const names = sources.flatMap(({ values }) =>
    Object.keys(values).flatMap((variable) => (values[variable]?.trim() ? (URL_NAME.exec(variable)?.[1] ?? []) : [])),
  );
  return [...new Set(names)].sort();
}

const PARTS = Object.keys(MIRROR_SETTINGS).map((name) => name.slice('MIRROR_<N>'.length));

/** The mirror that a variable says something of, if it is one of these settings. */
export function partOf(variable: string): string | undefined {
  const plain = variable.replace(/_FILE$/, '');
  const part = PARTS.find((one) => plain.endsWith(one));
  const name = part === undefined ? '' : plain.slice('MIRROR_'.length, -part.length);
  return plain.startsWith('MIRROR_') && /^[A-Za-z0-9_]+$/.test(name) ? name : undefined;
}
