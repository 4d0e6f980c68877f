/**
 * S3's ListObjectsV2: `<ListBucketResult>` with `<Contents><Key/><Size/><ETag/></Contents>`, `<CommonPrefixes>`, `<IsTruncated>` and
 * `<NextContinuationToken>` (AWS API reference). Written here because the answer is a flat list of a few elements, of which pages of 1,000 have
 * to be read by the hundred, while the known packages build a tree.
 */
import { DocumentError, type DocumentPage } from '../module';
import { RowWriter } from './rows';

const REFERENCE = /&(?:(amp|lt|gt|quot|apos)|#(\d{1,7})|#x([0-9A-Fa-f]{1,6}));/g;
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** @param prefix beginning of the keys in the folder @returns undefined if it is no such result @throws DocumentError */
export function readS3(body: Buffer, prefix: string): DocumentPage | undefined {
  const text = body.toString('utf8');
  if (!/^\ufeff?\s*<\?xml\s|^\ufeff?\s*<ListBucketResult[\s>]/.test(text.slice(0, 200))) return undefined;
  const rows = new RowWriter();
  const tags = new Tags(text);
  let root = '';
  let parent = '';
  let object: { key?: string; size?: string; etag?: string } = {};
  let isTruncated = false;
  let next: string | undefined;
  while (tags.next()) {
    const { name } = tags;
    if (root === '') {
      if (name !== 'ListBucketResult') return undefined;
      root = name;
    } else if (name === 'Contents' || name === 'CommonPrefixes') {
      parent = name;
      object = {};
    } else if (name === '/Contents') {
      parent = '';
      const { key = '', size, etag } = object;
      if (!key.startsWith(prefix)) throw new DocumentError('it lists a key of another folder');
      const rest = key.slice(prefix.length);
      if (!rest.includes('/')) rows.add(rest, size === undefined ? undefined : Number(size), etag?.replace(/^"|"$/g, ''));
    } else if (name === '/CommonPrefixes') parent = '';
    else if (parent === 'Contents' && name === '/Key') object.key = tags.text();
    else if (parent === 'Contents' && name === '/Size') object.size = tags.text();
    else if (parent === 'Contents' && name === '/ETag') object.etag = tags.text();
    else if (parent === '' && name === '/IsTruncated') isTruncated = tags.text() === 'true';
    else if (parent === '' && name === '/NextContinuationToken') next = tags.text();
    else if (name === '/ListBucketResult') {
      if (isTruncated && next === undefined) throw new DocumentError('it is truncated and names no next page');
      return { rows: rows.bytes, ...(isTruncated && next !== undefined ? { next } : {}) };
    }
  }
  throw new DocumentError('it is cut off');
}

/** A cursor over the tags of an XML text without comments, CDATA or a document type, which no store writes. */
class Tags {
  /** Of an end tag with a slash before it. */
  name = '';
  private at = 0;
  private textStart = 0;
  private textEnd = 0;

  constructor(private readonly source: string) {}

  /** Goes to the next tag; instructions are passed over. @returns false if there is none @throws DocumentError */
  next(): boolean {
    for (;;) {
      this.textStart = this.at;
      const start = this.source.indexOf('<', this.at);
      const end = start < 0 ? -1 : this.source.indexOf('>', start);
      if (end < 0) return false;
      this.textEnd = start;
      this.at = end + 1;
      const first = this.source[start + 1];
      if (first === '!') throw new DocumentError('it has a kind of XML that no listing has');
      if (first === '?') continue;
      let stop = start + 1;
      while (stop < end && !isSpace(this.source.charCodeAt(stop))) stop++;
      this.name = this.source.slice(start + 1, stop);
      return true;
    }
  }

  /** The text before the current (end) tag. */
  text(): string {
    const raw = this.source.slice(this.textStart, this.textEnd);
    if (!raw.includes('&')) return raw;
    return raw.replace(REFERENCE, (whole, named?: string, decimal?: string, hex?: string) => {
      if (named !== undefined) return NAMED[named] ?? whole;
      const code = decimal !== undefined ? Number(decimal) : parseInt(hex ?? '', 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    });
  }
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
}
