/** What the fake Python index holds, and the pages made of it (PEP 503, 592, 629, 658, 691, 700, 708, 740, 792). */
import { createHash } from 'node:crypto';
import { bytes } from './packages';
import { makeSdist, makeWheel } from './wheel';

/**
 * How a file's metadata is offered: `hashed`: advertised with its digest; `advertised`: `true`; `unadvertised`: there, but not said;
 * `absent`: neither; `promised`: advertised with a digest, but 404; `wrong`: advertised with a digest that other bytes have.
 */
export type Offered = 'hashed' | 'advertised' | 'unadvertised' | 'absent' | 'promised' | 'wrong';

/** One version to be released. */
export interface ReleaseSpec {
  /** Requires-Dist lines. */
  readonly requires?: readonly string[];
  readonly requiresPython?: string;
  /** A wheel unless false; its tag (`py3-none-any`) if a string. */
  readonly wheel?: boolean | string;
  /** No sdist unless true. */
  readonly sdist?: boolean;
  /** So many bytes that do not compress are in the wheel. */
  readonly ballast?: number;
  /** The wheel's members are deflated. */
  readonly deflated?: boolean;
  /** `hashed` unless given. */
  readonly metadata?: Offered;
  /** The reason, or true. */
  readonly yanked?: string | true;
  /** RFC 3339; 2020-01-01 and a day more for each further file, unless given; null: none. */
  readonly uploaded?: string | null;
  /** The page gives no digest. */
  readonly unhashed?: boolean;
}

/** What a project is to be. */
export interface ProjectSpec {
  /** Display name; any spelling. */
  readonly name: string;
  readonly releases: Readonly<Record<string, ReleaseSpec>>;
  /** PEP 792, e.g. `archived`. */
  readonly status?: string;
  readonly statusReason?: string;
  /** PEP 708. */
  readonly tracks?: readonly string[];
  readonly alternateLocations?: readonly string[];
}

/** A file as a page lists it. */
export interface HeldFile {
  readonly filename: string;
  readonly version: string;
  /** Where it is: the hex SHA-256 that its bytes had when it was released. */
  readonly place: string;
  /** What the page says. */
  readonly sha256: string;
  readonly unhashed: boolean;
  readonly size: number;
  readonly uploaded: string | undefined;
  readonly requiresPython: string | undefined;
  readonly yanked: string | true | undefined;
  readonly offered: Offered;
  /** As the page gives it; undefined unless there is metadata. */
  readonly metadataSha256: string | undefined;
  readonly body: Buffer;
  /** What `.metadata` is answered; undefined: 404. */
  readonly metadata: Buffer | undefined;
  /** URL that the page gives instead of the file's own. */
  readonly href?: string;
}

/** A project as an index has it. */
export interface HeldProject {
  /** Normalized (PEP 503). */
  readonly name: string;
  readonly spec: Omit<ProjectSpec, 'releases'>;
  readonly files: HeldFile[];
  readonly requires: Record<string, readonly string[]>;
}

/** A name as indexes compare it (PEP 503). */
export function normalized(name: string): string {
  return name.replace(/[-_.]+/g, '-').toLowerCase();
}

/** In hex. */
export function sha256(body: Buffer | string): string {
  return createHash('sha256').update(body).digest('hex');
}

/** Adds releases to a project (or makes it). */
export function release(held: HeldProject | undefined, spec: ProjectSpec): HeldProject {
  const found: HeldProject = { name: normalized(spec.name), spec, files: held?.files ?? [], requires: held?.requires ?? {} };
  for (const [version, one] of Object.entries(spec.releases)) {
    const distribution = {
      name: spec.name,
      version,
      requires: one.requires ?? [],
      ...(one.requiresPython === undefined ? {} : { requiresPython: one.requiresPython }),
    };
    found.requires[version] = distribution.requires;
    if (one.wheel !== false) {
      const wheel = makeWheel({
        ...distribution,
        ...(typeof one.wheel === 'string' ? { tag: one.wheel } : {}),
        ...(one.ballast === undefined ? {} : { ballast: bytes(one.ballast, `${spec.name} ${version}`) }),
        deflated: one.deflated ?? false,
      });
      found.files.push(file(wheel, one, version, found.files.length));
    }
    if (one.sdist)
      found.files.push({ ...file(makeSdist(distribution), one, version, found.files.length), offered: 'absent', metadata: undefined });
  }
  return found;
}

function file(made: { filename: string; body: Buffer; metadata: Buffer }, one: ReleaseSpec, version: string, index: number): HeldFile {
  const offered = one.metadata ?? 'hashed';
  const uploaded = one.uploaded === undefined ? new Date(Date.UTC(2020, 0, 1 + index)).toISOString() : (one.uploaded ?? undefined);
  return {
    filename: made.filename,
    version,
    place: sha256(made.body),
    sha256: sha256(made.body),
    unhashed: one.unhashed ?? false,
    size: made.body.length,
    uploaded,
    requiresPython: one.requiresPython,
    yanked: one.yanked,
    offered,
    metadataSha256: offered === 'wrong' ? sha256('something else') : sha256(made.metadata),
    body: made.body,
    metadata: offered === 'absent' || offered === 'promised' ? undefined : made.metadata,
  };
}

/** So many files, none of which has the bytes that the page promises. */
export function crowd(name: string, count: number): HeldFile[] {
  const one = makeWheel({ name, version: '0' });
  return Array.from({ length: count }, (_, index) => ({
    ...file({ ...one, filename: one.filename.replace('-0-', `-0.${index}-`) }, {}, `0.${index}`, index),
    place: sha256(`${name} ${index}`),
    sha256: sha256(`${name} ${index}`),
    metadataSha256: sha256(`${name} ${index} metadata`),
  }));
}

/** How a page speaks of its files. */
export interface PageStyle {
  readonly link: (file: HeldFile) => string;
  /** HTML carries a data-upload-time (no standard; some mirrors have it). */
  readonly uploadTimes: boolean;
}

const escape = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');

/** The project's page as PEP 503 has it. */
export function htmlPage({ name, files, spec }: HeldProject, style: PageStyle): string {
  const meta = [['repository-version', '1.4']];
  if (spec.status !== undefined) meta.push(['project-status', spec.status]);
  if (spec.statusReason !== undefined) meta.push(['project-status-reason', spec.statusReason]);
  for (const one of spec.tracks ?? []) meta.push(['tracks', one]);
  for (const one of spec.alternateLocations ?? []) meta.push(['alternate-locations', one]);
  const metas = meta.map(([key, value]) => `    <meta name="pypi:${key}" content="${escape(value ?? '')}">\n`);
  const links = files.map((one) => {
    const attributes = [`href="${escape(style.link(one))}${one.unhashed ? '' : `#sha256=${one.sha256}`}"`];
    if (one.requiresPython !== undefined) attributes.push(`data-requires-python="${escape(one.requiresPython)}"`);
    if (one.yanked !== undefined) attributes.push(`data-yanked="${one.yanked === true ? '' : escape(one.yanked)}"`);
    const offered = coreMetadata(one);
    if (offered !== undefined) {
      const value = offered === true ? 'true' : `sha256=${offered.sha256}`;
      attributes.push(`data-dist-info-metadata="${value}"`, `data-core-metadata="${value}"`);
    }
    if (style.uploadTimes && one.uploaded !== undefined) attributes.push(`data-upload-time="${one.uploaded}"`);
    return `    <a ${attributes.join(' ')} >${escape(one.filename)}</a><br />\n`;
  });
  return `<!DOCTYPE html>\n<html>\n  <head>\n${metas.join('')}    <title>Links for ${name}</title>\n  </head>\n  <body>\n    <h1>Links for ${name}</h1>\n${links.join('')}  </body>\n</html>\n`;
}

/** The project's page as PEP 691 has it. */
export function jsonPage({ name, files, spec }: HeldProject, style: PageStyle): string {
  return JSON.stringify({
    meta: { '_last-serial': 1, 'api-version': '1.4', ...(spec.tracks ? { tracks: spec.tracks } : {}) },
    name,
    ...(spec.alternateLocations ? { 'alternate-locations': spec.alternateLocations } : {}),
    ...(spec.status === undefined
      ? {}
      : { 'project-status': { status: spec.status, ...(spec.statusReason === undefined ? {} : { reason: spec.statusReason }) } }),
    versions: [...new Set(files.map(({ version }) => version))],
    files: files.map((one) => ({
      filename: one.filename,
      url: style.link(one),
      hashes: one.unhashed ? {} : { sha256: one.sha256 },
      size: one.size,
      ...(one.uploaded === undefined ? {} : { 'upload-time': one.uploaded }),
      ...(one.requiresPython === undefined ? {} : { 'requires-python': one.requiresPython }),
      yanked: one.yanked ?? false,
      'core-metadata': coreMetadata(one) ?? false,
      'data-dist-info-metadata': coreMetadata(one) ?? false,
      provenance: null,
    })),
  });
}

function coreMetadata({ offered, metadataSha256 }: HeldFile): true | { sha256: string } | undefined {
  if (offered === 'advertised') return true;
  return offered === 'unadvertised' || offered === 'absent' ? undefined : { sha256: metadataSha256 ?? '' };
}

/** The JSON API's document of a project, or of one version. @returns undefined if there is no such version */
export function apiDocument(
  { name, files, requires, spec }: HeldProject,
  version: string | undefined,
  link: (file: HeldFile) => string,
): object | undefined {
  const versions = [...new Set(files.map((one) => one.version))];
  const shown = version ?? versions.at(-1);
  if (shown === undefined || !versions.includes(shown)) return undefined;
  const one = (held: HeldFile): object => ({
    filename: held.filename,
    url: link(held),
    digests: { sha256: held.sha256 },
    size: held.size,
    packagetype: held.filename.endsWith('.whl') ? 'bdist_wheel' : 'sdist',
    requires_python: held.requiresPython ?? null,
    upload_time_iso_8601: held.uploaded,
    yanked: held.yanked !== undefined,
  });
  const of = (wanted: string): object[] => files.filter((held) => held.version === wanted).map(one);
  return {
    info: { name: spec.name, version: shown, summary: `test package ${name}`, requires_dist: requires[shown] ?? null },
    ...(version === undefined ? { releases: Object.fromEntries(versions.map((each) => [each, of(each)])) } : {}),
    urls: of(shown),
  };
}
