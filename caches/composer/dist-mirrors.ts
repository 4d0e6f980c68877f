/** Mirrors of its archives that a repository names in its root document (`mirrors`): where every file is besides its own host. */
import type { Elsewhere, Params, Pin } from '../module';
import type { JsonText, Span } from '../parsers/json';
import { packageName, ROOT_PATH } from './package-name';
import { NO_REFERENCE } from './dist-url';
import { absoluteUrl, ANY_PACKAGE } from './services';
import { plain } from './target-patterns';

const PLACEHOLDERS = /%(?:package|version|reference|type)%/g;
const MANNERS = [true, false] as const;

const mirrorTarget = (isPreferred: boolean): string =>
  `/dists/${ANY_PACKAGE}/${isPreferred ? 'preferred-mirror' : 'mirror'}/${NO_REFERENCE}.zip`;

/**
 * The first mirror that is preferred, and the first other one.
 * @param mirrors value of `mirrors` @param home base of the repository
 */
export function mirrorPins(json: JsonText, mirrors: Span | undefined, home: string): Pin[] {
  const pins = new Map<string, Pin>();
  if (!mirrors || !json.isArray(mirrors)) return [];
  for (const element = json.elements(mirrors); element.next();) {
    let url: string | undefined;
    let isPreferred = false;
    for (const member = json.members(element.span); member.next();) {
      if (member.key === 'dist-url') url = json.text(member);
      else if (member.key === 'preferred') isPreferred = json.isTrue(member);
    }
    const source = url === undefined ? undefined : absoluteUrl(url, home);
    const target = mirrorTarget(isPreferred);
    if (source !== undefined && isFilled(source) && !pins.has(target)) pins.set(target, { target, source });
  }
  return [...pins.values()];
}

/** Whether all of its placeholders can be filled, and it tells versions apart. */
function isFilled(source: string): boolean {
  const left = source.replace(PLACEHOLDERS, '');
  return /%(?:reference|version)%/.test(source) && !/%(?![0-9A-Fa-f]{2})/.test(left);
}

/** Where the mirrors have a file, filled in as clients do it (`ComposerMirror::processUrl`). */
export function mirrorsOfFile(params: Params): (Elsewhere & { readonly isPreferred: boolean })[] {
  const { version = '', reference = '', type = '' } = params;
  const values: Readonly<Record<string, string>> = {
    '%package%': packageName(params),
    '%version%': plain(version),
    '%reference%': reference,
    '%type%': type,
  };
  const source = (said: string): string => said.replace(PLACEHOLDERS, (name) => values[name] ?? '');
  return MANNERS.map((isPreferred) => ({ document: ROOT_PATH, target: mirrorTarget(isPreferred), source, isPreferred }));
}
