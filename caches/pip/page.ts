/**
 * The page of a project (`/simple/<name>/`): one document, whatever form the upstream has, rendered as `json`, `html1` or `html`. Variants
 * with `@` behind them name files absolutely: for requests whose path is not as deep as the route's, so that relative URLs would miss.
 */
import { DocumentError, type DocumentCodec, type DocumentPlace } from '../module';
import { MEDIA_TYPES, type Form } from './accept';
import { address, projectOfPage } from './file-place';
import { readHtmlPage } from './html-reader';
import { writeHtmlPage } from './html-writer';
import { readJsonPage, type JsonPage } from './json-reader';
import { editJsonPage, writeJsonPage } from './json-writer';
import type { Naming, Page } from './page-model';
import { pagePins } from './page-pins';

export const page: DocumentCodec = {
  compressible: true,

  early: (variant) => MEDIA_TYPES[formOf(variant)],

  render(body, { variant, base, absent, ...place }) {
    const read = readPage(body, place);
    const project = projectOfPage(place.path);
    const form = formOf(variant);
    const naming: Naming = {
      prefix: variant.endsWith('@') ? base : '../..',
      base,
      upstreamRoot: address(place.home, '/'),
      absent: new Set(absent),
    };
    const contentType = MEDIA_TYPES[form];
    if (form !== 'json') return { contentType, body: writeHtmlPage(read, project, naming) };
    return { contentType, body: 'json' in read ? editJsonPage(read, naming) : writeJsonPage(read, project, naming) };
  },

  pins: (body, place) => pagePins(readPage(body, place), projectOfPage(place.path), place.home),
};

/** The form that a variant's name says. */
export function formOf(variant: string): Form {
  const name = variant.replace('@', '');
  return name === 'json' || name === 'html1' ? name : 'html';
}

/** One reading per body: a render and its pins ask for the same one. */
const known = new WeakMap<Buffer, { readonly place: DocumentPlace; readonly page: Page | JsonPage }>();

function readPage(body: Buffer, place: DocumentPlace): Page | JsonPage {
  const held = known.get(body);
  if (held?.place.path === place.path && held.place.url === place.url && held.place.home === place.home) return held.page;
  const read = isJson(body) ? readJsonPage(body, place) : readHtmlPage(body, place);
  known.set(body, { place, page: read });
  return read;
}

/** What a body is, by its first byte that means something. @throws DocumentError if it is neither JSON nor HTML */
export function isJson(body: Buffer): boolean {
  let at = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0;
  for (; at < body.length; at++) {
    const byte = body[at];
    if (byte === 0x7b) return true;
    if (byte === 0x3c) return false;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
  }
  throw new DocumentError('it is neither HTML nor JSON');
}
