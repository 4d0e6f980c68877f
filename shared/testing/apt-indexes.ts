/** The indexes of a Debian-like archive, made of its packages: Packages, Sources, Contents, Translation; and where its files are. */
import { createHash } from 'node:crypto';
import { changelog, controlOf, makeDeb, makeSource, stanza, type DebContent, type Stanza } from './deb';
import { bytes } from './packages';

/** Name of the package that is in every index; its version is the generation's number. */
export const MARK = 'generation';

/** What a package is to be. */
export interface DebSpec {
  readonly name: string;
  readonly version: string;
  /** `all` unless given. */
  readonly architecture?: string;
  /** `main` unless given. */
  readonly component?: string;
  /** All suites unless given. */
  readonly suites?: readonly string[];
  readonly depends?: string;
  /** So many bytes that do not compress are in it. */
  readonly ballast?: number;
  /** Another one gives other bytes under the same file name. */
  readonly seed?: string;
  /** Its source package is there too. */
  readonly source?: boolean;
}

/** Hex digest. */
export function hex(algorithm: string, body: Buffer): string {
  return createHash(algorithm).update(body).digest('hex');
}

/** Where the file of a package is, below the root. The epoch is not in it. */
export function poolPath({ name, version, architecture = 'all', component = 'main' }: DebSpec): string {
  return `${sourceFolder({ name, component })}/${name}_${version.replace(/^\d+:/, '')}_${architecture}.deb`;
}

function sourceFolder({ name, component = 'main' }: Pick<DebSpec, 'name' | 'component'>): string {
  return `pool/${component}/${name.startsWith('lib') ? name.slice(0, 4) : name.slice(0, 1)}/${name}`;
}

const made = new WeakMap<DebSpec, Buffer>();

/** The bytes of a package's file. */
export function debOf(spec: DebSpec): Buffer {
  const held = made.get(spec);
  if (held) return held;
  const ballast = spec.ballast === undefined ? {} : { ballast: bytes(spec.ballast, `${spec.name} ${spec.version} ${spec.seed ?? ''}`) };
  const body = makeDeb({ ...contentOf(spec), ...ballast });
  made.set(spec, body);
  return body;
}

function contentOf({ name, version, architecture = 'all', depends }: DebSpec): DebContent {
  return { name, version, architecture, ...(depends === undefined ? {} : { depends }) };
}

/** Files of a package's source, by path below the root: source package and changelog (whose place the Changelogs field names). */
export function sourceFiles(spec: DebSpec): Record<string, Buffer> {
  const folder = sourceFolder(spec);
  const placed = Object.entries(makeSource(spec).files).map(([name, body]) => [`${folder}/${name}`, body] as const);
  const log = `${folder.replace('pool/', 'changelogs/')}/${spec.name}_${spec.version.replace(/^\d+:/, '')}_changelog`;
  return { ...Object.fromEntries(placed), [log]: Buffer.from(changelog(spec)) };
}

/** A package with its file. */
export interface Held {
  readonly spec: DebSpec;
  readonly body: Buffer;
}

/** What indexes are to be made. */
export interface Shelves {
  readonly components: readonly string[];
  readonly architectures: readonly string[];
  /** Packages that are only in the index of the first component: so many. */
  readonly crowd: number;
}

/** The one index of a flat repository. @param folder of its files */
export function flatIndex(held: readonly Held[], folder: string): string {
  return stanzas(held, (spec) => `${folder}/${poolPath(spec).replace(/^.*\//, '')}`);
}

/** Uncompressed indexes of a suite by name. */
export function indexesOf({ components, architectures, crowd }: Shelves, held: readonly Held[]): Map<string, string> {
  const indexes = new Map<string, string>();
  for (const component of components) {
    // The package of the generation is in all of them.
    const mine = held.filter(({ spec }) => spec.name === MARK || (spec.component ?? 'main') === component);
    for (const architecture of architectures) {
      const fit = mine.filter(({ spec }) => (spec.architecture ?? 'all') === 'all' || spec.architecture === architecture);
      indexes.set(
        `${component}/binary-${architecture}/Packages`,
        stanzas(fit, poolPath) + (component === components[0] ? crowdOf(crowd) : ''),
      );
      indexes.set(
        `${component}/Contents-${architecture}`,
        fit.map(({ spec }) => `usr/share/doc/${spec.name}/${spec.version}  misc/${spec.name}\n`).join(''),
      );
    }
    const translated = mine.map(({ spec }) => ({
      Package: spec.name,
      'Description-md5': hex('md5', Buffer.from(`test package ${spec.name}\n`)),
      'Description-en': `test package ${spec.name}`,
    }));
    indexes.set(`${component}/i18n/Translation-en`, translated.map((one) => `${stanza(one)}\n`).join(''));
    indexes.set(
      `${component}/source/Sources`,
      mine
        .filter(({ spec }) => spec.source)
        .map(({ spec }) => `${stanza(sourceStanza(spec))}\n`)
        .join(''),
    );
  }
  return indexes;
}

function stanzas(held: readonly Held[], place: (spec: DebSpec) => string): string {
  return held.map(({ spec, body }) => `${stanza({ ...controlOf(contentOf(spec)), ...promise(place(spec), body) })}\n`).join('');
}

function promise(filename: string, body: Buffer): Stanza {
  return { Filename: filename, Size: String(body.length), MD5sum: hex('md5', body), SHA256: hex('sha256', body) };
}

/** As dpkg-scansources makes it: the .dsc's fields, and the .dsc among the files. */
function sourceStanza(spec: DebSpec): Stanza {
  const { dsc, files } = makeSource(spec);
  const { Source: name = '', ...fields } = dsc as Record<string, string>;
  const lines = (algorithm: string): string =>
    Object.entries(files)
      .map(([file, body]) => `\n ${hex(algorithm, body)} ${body.length} ${file}`)
      .join('');
  return { Package: name, ...fields, Directory: sourceFolder(spec), 'Checksums-Sha256': lines('sha256'), Files: lines('md5') };
}

function crowdOf(count: number): string {
  const lines: string[] = [];
  for (let index = 0; index < count; index++) {
    const spec = { name: `crowd${index}`, version: `1.${index}` };
    const body = Buffer.from(spec.name);
    lines.push(stanza({ ...controlOf(spec), ...promise(poolPath(spec), body) }), '\n');
  }
  return lines.join('');
}
