/** Finds in a packument's bytes what the codec needs. Everything is a span of the body or a short string. */
import { DocumentError } from '../module';
import { jsonObject, Names, type JsonText, type Span } from '../parsers/json';

export interface Packument {
  readonly json: JsonText;
  /** Top-level members by key, of those that are interpreted; the last one where a key stands twice. */
  readonly fields: ReadonlyMap<string, Span>;
  /** Version objects by version; as JSON.parse would have them. */
  readonly versions: ReadonlyMap<string, Span>;
  /** Every version object that stands anywhere in the body, in order, also those that a second key of the name hides. */
  readonly occurrences: readonly VersionSpan[];
  /** The time member of each version, and of `created` and `modified`. */
  readonly times: ReadonlyMap<string, Span>;
  /** What was read of `dist`s so far, by the offset of the version object. */
  readonly dists: Map<number, Dist>;
}

export interface VersionSpan extends Span {
  readonly version: string;
}

/** What a version says of its file. */
export interface Dist {
  /** Where http(s) URLs of the file stand, with their quotes; more than one if a key stands twice. Other schemes are left alone. */
  readonly tarballs: readonly Span[];
  readonly tarball?: string;
  readonly integrity?: string;
  readonly shasum?: string;
}

const FIELDS = new Names('name', 'versions', 'dist-tags', 'time', 'modified');
const DIST = new Names('dist');
const DIST_FIELDS = new Names('tarball', 'integrity', 'shasum');

/** No package has a tenth of it; more would only fill the memory (a body of 128 MiB can name 18 million). */
const MOST_VERSIONS = 300_000;

/** One reading per body: a render and its pins ask for the same one. */
const known = new WeakMap<Buffer, Packument>();

/** @throws DocumentError if the body is no packument: not JSON, no object, no versions (unless it says it was unpublished) */
export function readPackument(body: Buffer): Packument {
  const held = known.get(body);
  if (held) return held;
  const json = jsonObject(body);
  const fields = new Map<string, Span>();
  const occurrences: VersionSpan[] = [];
  let versions = new Map<string, Span>();
  for (const top = json.members(json.root); top.next();) {
    const key = top.among(FIELDS);
    if (key === undefined) continue;
    const { span } = top;
    fields.set(key, span);
    if (key === 'versions') versions = readVersions(json, span, occurrences);
  }
  const times = new Map<string, Span>();
  for (const time = json.members(fields.get('time')); time.next();) times.set(time.key, time.span);
  if (versions.size === 0 && !times.has('unpublished')) throw new DocumentError('it has no versions');
  const packument = { json, fields, versions, occurrences, times, dists: new Map<number, Dist>() };
  known.set(body, packument);
  return packument;
}

function readVersions(json: JsonText, object: Span, occurrences: VersionSpan[]): Map<string, Span> {
  const versions = new Map<string, Span>();
  for (const member = json.members(object); member.next();) {
    const { key, span } = member;
    if (occurrences.length === MOST_VERSIONS) throw new DocumentError(`it has more than ${MOST_VERSIONS} versions`);
    if (!json.isObject(span)) throw new DocumentError(`its version ${key.slice(0, 100)} is not an object`);
    versions.set(key, span);
    occurrences.push({ version: key, ...span });
  }
  return versions;
}

/** The `dist` of a version object. */
export function distOf({ json, dists }: Packument, version: Span): Dist {
  let dist = dists.get(version.start);
  if (!dist) dists.set(version.start, (dist = readDist(json, version)));
  return dist;
}

function readDist(json: JsonText, version: Span): Dist {
  const tarballs: Span[] = [];
  let said: Record<string, string> = {};
  for (const member = json.members(version); member.next();) {
    if (!member.among(DIST)) continue;
    said = {};
    for (const field = json.members(member); field.next();) {
      const key = field.among(DIST_FIELDS);
      const text = key && json.text(field);
      if (key === undefined || text === undefined) continue;
      said[key] = text;
      if (key === 'tarball' && /^https?:\/\//i.test(text)) tarballs.push(field.span);
    }
  }
  return { tarballs, ...said };
}
