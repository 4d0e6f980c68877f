/** A folder's listing as aliBuild wants it: a JSON array of objects with `name`, as nginx's autoindex_format json gives it (protocol page §6.1). */
import type { DocumentCodec, DocumentPlace, Pin, Rendered } from '../module';
import { readRows, type FolderRow } from './rows';
import { canonicalSegment } from './target-patterns';

const TYPE = 'application/json';
/**
 * Shorter tarballs are stubs: their bytes are at another place, so the digest that a listing gives is not that of what clients get. The stub
 * of a blob has 78 bytes, the smallest gzipped tar about 100; what is between is not judged.
 */
const LEAST_BYTES = 256;

/** What a folder is that does not exist, or is empty. */
export const NO_FILES: Rendered = { contentType: TYPE, body: Buffer.from('[]\n') };

function render(rows: readonly FolderRow[], { path }: DocumentPlace, absent: readonly string[] = []): Rendered {
  const without = new Set(absent);
  const elements: string[] = [];
  for (const { name, bytes } of rows) {
    if (without.size > 0 && without.has(targetOf(path, name) ?? '')) continue;
    const size = bytes === undefined ? '' : `,"size":${bytes}`;
    elements.push(`{"name":${JSON.stringify(name)},"type":"file"${size}}`);
  }
  return elements.length === 0 ? NO_FILES : { contentType: TYPE, body: Buffer.from(`[\n${elements.join(',\n')}\n]\n`) };
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
  render: (body, request) => render(readRows(body), request, request.absent),
  pins: (body) => {
    readRows(body);
    return [];
  },
};

/** The folder of an action's tarballs promises their MD5, where the upstream told it. */
export const tarballs: DocumentCodec = {
  ...links,
  pins(body, { path }): Pin[] {
    return readRows(body).flatMap(({ name, bytes, md5 }) => {
      const target = targetOf(path, name);
      if (target === undefined) return [];
      const isJudged = md5 !== undefined && bytes !== undefined && bytes >= LEAST_BYTES;
      return [{ target, ...(isJudged ? { integrity: `md5-${Buffer.from(md5, 'hex').toString('base64')}` } : {}) }];
    });
  },
};
