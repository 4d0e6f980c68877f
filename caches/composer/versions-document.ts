/**
 * The versions of one package (`/p2/<vendor>/<name>.json`, `~dev`). As `mirrors` it is sent as it came: clients learn from the root document
 * that files can be had here, and lockfiles keep the addresses of the files' own hosts. As `rewrite` every address leads here.
 */
import { DocumentError, type DocumentCodec } from '../module';
import { jsonObject, Names, type JsonText, type Span } from '../parsers/json';
import { copyEdited, Splice, type Edit } from '../parsers/splice';
import { distPins } from './dist-pins';
import { sourceOf } from './dist-url';
import { fileTarget, urlAtHost } from './dist-target';
import { readDocumentPath } from './package-name';
import { readReleases, type Release } from './releases';

const JSON_TYPE = 'application/json';
const TOP = new Names('packages', 'minified');
const MINIFIED = 'composer/2.0';

interface Versions {
  readonly json: JsonText;
  readonly releases: readonly Release[];
}

export const versionsDocument: DocumentCodec = {
  compressible: true,
  early: () => JSON_TYPE,

  render(body, { variant, base, path }) {
    const { json, releases } = readVersionsDocument(body, path);
    return { contentType: JSON_TYPE, body: variant === 'rewrite' ? rewritten(json, releases, base) : Buffer.from(body) };
  },

  pins: (body, { path }) => distPins(readVersionsDocument(body, path).releases, readDocumentPath(path).isDev),
};

/** One reading per body: a render and its pins ask for the same one. */
const known = new WeakMap<Buffer, Versions & { readonly path: string }>();

function readVersionsDocument(body: Buffer, path: string): Versions {
  const held = known.get(body);
  if (held?.path === path) return held;
  const json = jsonObject(body, true);
  let packages: Span | undefined;
  let isMinified = false;
  for (const top = json.members(json.root); top.next();) {
    const key = top.among(TOP);
    if (key === 'packages') packages = top.span;
    else if (key === 'minified') isMinified = json.text(top) === MINIFIED;
  }
  if (!packages) throw new DocumentError('it has no packages');
  // A document speaks for the package that it was asked for, whatever others it lists.
  const { name } = readDocumentPath(path);
  const read = { json, releases: readReleases(json, packages, isMinified, name), path };
  known.set(body, read);
  return read;
}

/**
 * The body with every file's address leading here. Each `dist` is edited where it stands, so what is minified stays minified: a version that
 * says nothing of its own keeps the (rewritten) `dist` of the one before it, as it did before.
 */
export function rewritten(
  json: JsonText,
  releases: readonly Release[],
  base: string,
  span: Span = { start: 0, end: json.body.length },
): Buffer {
  const out = new Splice(json.body);
  copyEdited(out, span, urlEdits(releases, base));
  return out.toBuffer();
}

function urlEdits(releases: readonly Release[], base: string): Edit[] {
  const edits: Edit[] = [];
  let last: Span | undefined;
  for (const { name, normalized, dist } of releases) {
    if (!dist || dist.urlSpan === last) continue;
    last = dist.urlSpan;
    const target = fileTarget(name, { ...dist, version: normalized });
    if (target === undefined || sourceOf(dist.url) === undefined) continue;
    edits.push({ ...dist.urlSpan, text: JSON.stringify(urlAtHost(base, dist.url, target)) });
  }
  return edits;
}
