/**
 * Reads the versions of packages out of a repository's document, minified or not. Minified (`"minified": "composer/2.0"`), each version has
 * only those members that differ from the version before it, and `__unset` for what it has not: they are carried over here.
 */
import { DocumentError } from '../module';
import { Names, type JsonText, type Span } from '../parsers/json';
import { normalizeVersion } from './version';

/** What a version says of its file. */
export interface Dist {
  /** Value of `url`, with its quotes; where it stands, also for later versions that say the same. */
  readonly urlSpan: Span;
  readonly url: string;
  readonly type: string;
  readonly reference: string;
  /** SHA-1 of the file in hexadecimal digits; '' where there is none. */
  readonly shasum: string;
}

export interface Release {
  /** Package, lower case. */
  readonly name: string;
  /** As it was said. */
  readonly version: string;
  readonly normalized: string;
  readonly dist: Dist | undefined;
}

const FIELDS = new Names('version', 'version_normalized', 'dist');
const DIST_FIELDS = new Names('url', 'type', 'reference', 'shasum');
const UNSET = '__unset';
/** No package has a tenth of it; more would only fill the memory. */
const MOST_VERSIONS = 300_000;

/**
 * @param packages the value of the document's `packages`: an object of packages, or an empty array
 * @param wanted only this package's, in lower case; all of them unless given
 * @throws DocumentError
 */
export function readReleases(json: JsonText, packages: Span, isMinified: boolean, wanted?: string): Release[] {
  if (!json.isObject(packages) && !json.isArray(packages)) throw new DocumentError('its packages are neither an object nor an array');
  const releases: Release[] = [];
  for (const member = json.members(packages); member.next();) {
    const name = member.key.toLowerCase();
    if (wanted !== undefined && name !== wanted) continue;
    const { span } = member;
    if (!json.isObject(span) && !json.isArray(span)) throw new DocumentError(`the versions of ${name.slice(0, 100)} are no list`);
    readVersions(json, span, isMinified, name, releases);
  }
  return releases;
}

interface State {
  version?: string | undefined;
  normalized?: string | undefined;
  dist?: Dist | undefined;
}

function readVersions(json: JsonText, list: Span, isMinified: boolean, name: string, releases: Release[]): void {
  const isArray = json.isArray(list);
  const elements = isArray ? json.elements(list) : json.members(list);
  let state: State = {};
  while (elements.next()) {
    if (releases.length === MOST_VERSIONS) throw new DocumentError(`it has more than ${MOST_VERSIONS} versions`);
    const { span } = elements;
    if (!json.isObject(span)) throw new DocumentError(`a version of ${name.slice(0, 100)} is not an object`);
    if (!isMinified) state = {};
    readVersion(json, span, state);
    const { version } = state;
    const normalized = state.normalized ?? (version === undefined ? undefined : normalizeVersion(version));
    if (version !== undefined && normalized !== undefined) releases.push({ name, version, normalized, dist: state.dist });
  }
}

function readVersion(json: JsonText, object: Span, state: State): void {
  let hasVersion = false;
  let hasNormalized = false;
  for (const member = json.members(object); member.next();) {
    const key = member.among(FIELDS);
    if (key === 'dist') state.dist = readDist(json, member);
    else if (key === 'version') {
      state.version = said(json, member);
      hasVersion = true;
    } else if (key === 'version_normalized') {
      state.normalized = said(json, member);
      hasNormalized = true;
    }
  }
  // A normal form that was carried over belongs to the version that it was carried over with.
  if (hasVersion && !hasNormalized) state.normalized = undefined;
}

function said(json: JsonText, value: Span): string | undefined {
  const text = json.text(value);
  return text === UNSET ? undefined : text;
}

/** @returns undefined if there is none, or not all of what is needed of one */
function readDist(json: JsonText, object: Span): Dist | undefined {
  const found: Record<string, string> = {};
  let urlSpan: Span | undefined;
  for (const field = json.members(object); field.next();) {
    const key = field.among(DIST_FIELDS);
    const text = key && json.text(field);
    if (key === undefined || text === undefined) continue;
    found[key] = text;
    if (key === 'url') urlSpan = field.span;
  }
  const { url, type, reference = '', shasum = '' } = found;
  return urlSpan === undefined || url === undefined || type === undefined ? undefined : { urlSpan, url, type, reference, shasum };
}
