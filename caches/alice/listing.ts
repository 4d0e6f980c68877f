/** A folder's listing as aliBuild wants it: a JSON array of objects with `name`, as nginx's autoindex_format json gives it (protocol page §6.1). */
import type { DocumentCodec, Pin, Rendered } from '../module';
import { TextPieces, visitRows } from './rows';
import { canonicalSegment } from './target-patterns';

const TYPE = 'application/json';
/**
 * Shorter tarballs are stubs: their bytes are at another place, so the digest that a listing gives is not that of what clients get. The stub
 * of a blob has 78 bytes, the smallest gzipped tar about 100; what is between is not judged.
 */
const LEAST_BYTES = 256;

/** What a folder is that does not exist, or is empty. */
export const NO_FILES: Rendered = { contentType: TYPE, body: Buffer.from('[]\n') };

/** A name that JSON has as it is. */
const PLAIN = /^[ !#-[\]-~]*$/;

function render(body: Buffer): Rendered {
  const list = new TextPieces();
  visitRows(body, (name, bytes) => {
    const quoted = PLAIN.test(name) ? `"${name}"` : JSON.stringify(name);
    list.add(`${list.isEmpty ? '[' : ','}\n{"name":${quoted},"type":"file"${bytes === '' ? '' : `,"size":${Number(bytes)}`}}`);
  });
  if (list.isEmpty) return NO_FILES;
  list.add('\n]\n');
  return { contentType: TYPE, body: list.bytes };
}

function targetOf(folder: string, name: string): string | undefined {
  const segment = canonicalSegment(name);
  return segment === undefined ? undefined : folder + segment;
}

/** Links are tiny and named once for all: nothing is promised of them. */
export const links: DocumentCodec = {
  // Never a content coding: clients compare lengths with what they decoded.
  compressible: false,
  early: () => TYPE,
  render,
  pins: () => [],
};

/** The folder of an action's tarballs promises their MD5, where the upstream told it; else that they stay what they are. */
export const tarballs: DocumentCodec = {
  ...links,
  pins(body, { path }): Pin[] {
    const pins: Pin[] = [];
    visitRows(body, (name, bytes, md5, mark) => {
      const target = targetOf(path, name);
      if (target === undefined) return;
      const isJudged = md5 !== '' && bytes !== '' && Number(bytes) >= LEAST_BYTES;
      if (isJudged) pins.push({ target, integrity: `md5-${Buffer.from(md5, 'hex').toString('base64')}` });
      else pins.push({ target, ...(mark === '' ? {} : { mark: `${bytes} bytes, ${mark}` }) });
    });
    return pins;
  },
};
