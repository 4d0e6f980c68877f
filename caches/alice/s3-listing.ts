/**
 * S3's ListObjectsV2: `<ListBucketResult>` with `<Contents><Key/><Size/><ETag/></Contents>`, `<CommonPrefixes>`, `<IsTruncated>` and
 * `<NextContinuationToken>` (AWS API reference); of stores that know only its first version, `<NextMarker>`. Written here because the answer is a flat list of a few elements without attributes, of which
 * pages of 1,000 have to be read by the hundred, while the known packages build a tree.
 */
import { DocumentError, type DocumentPage } from '../module';
import { RowWriter } from './rows';

const REFERENCE = /&(?:(amp|lt|gt|quot|apos)|#(\d{1,7})|#x([0-9A-Fa-f]{1,6}));/g;
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const OPEN = '<Contents>';
const CLOSE = '</Contents>';

/** @param prefix beginning of the keys in the folder @param isMarked as RowWriter's @returns undefined if it is no such result @throws DocumentError */
export function readS3(body: Buffer, prefix: string, isMarked: boolean): DocumentPage | undefined {
  const text = body.toString('utf8');
  const root = /^\ufeff?\s*(?:<\?xml\s[^<>]*>\s*)?<ListBucketResult[\s>]/.exec(text.slice(0, 2_000));
  if (!root) return undefined;
  if (!/<\/ListBucketResult>\s*$/.test(text.slice(-200))) throw new DocumentError('it is cut off');
  const rows = new RowWriter(isMarked);
  let about = '';
  let at = root[0].length;
  for (;;) {
    const start = text.indexOf(OPEN, at);
    about += text.slice(at, start < 0 ? text.length : start);
    if (start < 0) break;
    const end = text.indexOf(CLOSE, start);
    if (end < 0) throw new DocumentError('it has an object without an end');
    addObject(rows, text.slice(start + OPEN.length, end), prefix);
    at = end + CLOSE.length;
  }
  if (textOf(about, 'IsTruncated') !== 'true') return { rows: rows.bytes };
  const [token, marker] = [textOf(about, 'NextContinuationToken'), textOf(about, 'NextMarker')];
  if (!token && !marker) throw new DocumentError('it is truncated and names no next page');
  return {
    rows: rows.bytes,
    next: token ? `continuation-token=${encodeURIComponent(token)}` : `marker=${encodeURIComponent(marker ?? '')}`,
  };
}

function addObject(rows: RowWriter, object: string, prefix: string): void {
  const key = textOf(object, 'Key');
  if (key?.startsWith(prefix) !== true) throw new DocumentError('it lists a key of another folder');
  const name = key.slice(prefix.length);
  if (name.includes('/')) return;
  const size = textOf(object, 'Size');
  const etag = textOf(object, 'ETag');
  rows.add(name, size === undefined ? undefined : Number(size), etag?.replaceAll('"', ''), textOf(object, 'LastModified'));
}

/** Text of the first element of a name; undefined if there is none. */
function textOf(source: string, name: string): string | undefined {
  const start = source.indexOf(`<${name}>`);
  const from = start + name.length + 2;
  const end = start < 0 ? -1 : source.indexOf('<', from);
  if (end < 0) return undefined;
  const raw = source.slice(from, end);
  if (!raw.includes('&')) return raw;
  return raw.replace(REFERENCE, (whole, named?: string, decimal?: string, hex?: string) => {
    if (named !== undefined) return NAMED[named] ?? whole;
    const code = decimal !== undefined ? Number(decimal) : parseInt(hex ?? '', 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
