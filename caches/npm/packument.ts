/**
 * The packument: all that a registry knows of a package. Rendered as `full` (only the files' URLs differ from what the
 * upstream said), `abbreviated`, `dist-tags`, and `version:<version or tag>`.
 */
import type { DocumentCodec, Rendered } from '../module';
import { ABBREVIATED, FULL } from './accept';
import { renderAbbreviated } from './abbreviated';
import { nameOfPackument } from './package-name';
import { packumentPins } from './packument-pins';
import { distOf, readPackument, type Packument } from './packument-reader';
import { copyEdited, Splice, type Edit } from '../parsers/splice';
import type { Span } from '../parsers/json';
import { tarballTargets } from './tarball-target';

const VERSION_VARIANT = 'version:';

export const packument: DocumentCodec = {
  compressible: true,

  render(body, { variant, base, path }): Rendered | undefined {
    const document = readPackument(body);
    const name = nameOfPackument(path);
    const target = tarballTargets(name, document.versions);
    const edits = (version: string, span: Span): Edit[] => tarballEdits(document, version, span, base, target);
    if (variant === 'full') return { contentType: FULL, body: renderFull(document, edits) };
    if (variant === 'abbreviated') return { contentType: ABBREVIATED, body: renderAbbreviated(document, name, edits) };
    if (variant === 'dist-tags') return part(document, document.fields.get('dist-tags'), []);
    if (!variant.startsWith(VERSION_VARIANT)) return undefined;
    const version = resolve(document, variant.slice(VERSION_VARIANT.length));
    const span = version === undefined ? undefined : document.versions.get(version);
    return version === undefined || span === undefined ? undefined : part(document, span, edits(version, span));
  },

  pins: (body, { path }) => packumentPins(body, path),
};

function renderFull(document: Packument, editsOf: (version: string, span: Span) => Edit[]): Buffer {
  const { body } = document.json;
  const out = new Splice(body);
  copyEdited(
    out,
    { start: 0, end: body.length },
    document.occurrences.flatMap((occurrence) => editsOf(occurrence.version, occurrence)),
  );
  return out.toBuffer();
}

function part({ json }: Packument, span: Span | undefined, edits: readonly Edit[]): Rendered | undefined {
  if (span === undefined) return undefined;
  const out = new Splice(json.body);
  copyEdited(out, span, edits);
  return { contentType: FULL, body: out.toBuffer() };
}

/** Exactly that version, or what the tag of that name points to. Ranges are not resolved: registries do not do it either. */
function resolve({ json, versions, fields }: Packument, wanted: string): string | undefined {
  if (versions.has(wanted)) return wanted;
  let tagged: string | undefined;
  for (const tag = json.members(fields.get('dist-tags')); tag.next();) if (tag.key === wanted) tagged = json.text(tag);
  return tagged;
}

function tarballEdits(
  document: Packument,
  version: string,
  span: Span,
  base: string,
  target: (version: string) => string | undefined,
): Edit[] {
  const path = target(version);
  if (path === undefined) return [];
  const text = JSON.stringify(base + path);
  return distOf(document, span).tarballs.map(({ start, end }) => ({ start, end, text }));
}
