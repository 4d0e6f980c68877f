/**
 * A package's manifest: its links in one text, `<link> TAB <target>`, a line each. It is sent as it is: clients pass over lines that are
 * something else, and follow the targets themselves, so that a circle of them is nothing to the cache.
 */
import { DocumentError, type DocumentCodec, type Rendered } from '../module';

const TYPE = 'text/plain; charset=utf-8';

/**
 * What the manifest of a package means that has none: older stores, and packages that nobody published yet. Clients then ask for the folder and
 * its links, so that an outdated one costs them nothing.
 */
export const NO_LINKS: Rendered & { readonly kept: true } = { contentType: TYPE, body: Buffer.alloc(0), kept: true };

export const manifest: DocumentCodec = {
  compressible: false,
  render: (body) => ({ contentType: TYPE, body: checked(body) }),
  pins: (body) => {
    checked(body);
    return [];
  },
};

/** A page for people, or of an error, has no place here: clients would take it for a package without links. @throws DocumentError */
function checked(body: Buffer): Buffer {
  if (body.includes(0)) throw new DocumentError('it is not text');
  if (/^\s*</.test(body.toString('latin1', 0, 256))) throw new DocumentError('it is a page of HTML or XML, and no list of links');
  return body;
}
