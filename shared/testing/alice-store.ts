/** Scripted upstreams for ALICE's cache: what Swift, S3 and nginx answer to whoever lists a folder. */
import { createHash } from 'node:crypto';
import { bytes } from './packages';
import type { Handler, Reply } from './upstream';

/** A file of a folder. */
export interface StoreFile {
  readonly name: string;
  readonly body: Buffer | string;
}

/** An architecture, as alibuild names it. */
export const ARCH = 'slc9_x86-64';
/** An action's hash, and the folder of its tarballs. */
export const HASH = '94f47f0487bbee38a21ec05e3a1f0b3ece1dc614';
/** Folder of the file in the store. */
export const STORE = `/TARS/${ARCH}/store/94/${HASH}/`;
/** Path of a container that looks like Swift's. */
export const CONTAINER = '/swift/v1/store';

/** Bytes that look like a tarball as far as anybody looks who does not unpack it. */
export function tarball(length: number, seed?: string): Buffer {
  const body = bytes(length, seed);
  body.set([0x1f, 0x8b, 8]);
  return body;
}

/** Path and query by which Swift is asked for (the first page of) a folder. */
export function swiftPath(folder: string, marker?: string): string {
  const more = marker === undefined ? '' : `&marker=${encodeURIComponent(marker)}`;
  return `${CONTAINER}/?format=json&prefix=${encodeURIComponent(folder.slice(1))}&delimiter=%2F${more}`;
}

/** A page of Swift's listing. */
export function swiftPage(folder: string, files: readonly StoreFile[]): Reply {
  const objects = files.map(({ name, body }) => ({
    hash: createHash('md5').update(body).digest('hex'),
    last_modified: '2026-01-01T00:00:00.000000',
    bytes: Buffer.byteLength(body),
    name: folder.slice(1) + name,
    content_type: 'application/octet-stream',
  }));
  return { body: JSON.stringify(objects), headers: { 'content-type': 'application/json; charset=utf-8' } };
}

/** nginx's listing with `autoindex_format json`. */
export function autoindexPage(files: readonly StoreFile[]): Reply {
  const rows = files.map(
    ({ name, body }) => `{ "name":"${name}", "type":"file", "mtime":"Sat, 21 Nov 2026 08:00:00 GMT", "size":${Buffer.byteLength(body)} }`,
  );
  return { body: `[\n${rows.join(',\n')}\n]`, headers: { 'content-type': 'application/json' } };
}

/** Keys of a store in the order of their bytes, and how many a page has. */
export interface KeyTable {
  readonly keys: readonly string[];
  readonly pageSize: number;
}

/** Answers as Swift does: `prefix`, `delimiter=/`, `marker`; as text unless `format` says otherwise; 204 if there is nothing. */
export function swiftContainer({ keys, pageSize }: KeyTable): Handler {
  return (request, response) => {
    const query = new URL(request.url ?? '/', 'http://x').searchParams;
    const page = entriesOf(keys, query.get('prefix') ?? '', query.get('marker') ?? '', pageSize);
    const objects = page.entries.map((entry) =>
      entry.endsWith('/') ? { subdir: entry } : { name: entry, hash: md5(entry), bytes: 5_000 },
    );
    const body = query.get('format') === 'json' ? JSON.stringify(objects) : page.entries.map((entry) => `${entry}\n`).join('');
    if (page.entries.length === 0) response.writeHead(204).end();
    else response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }).end(body);
  };
}

/** Answers as S3's ListObjectsV2 does, or the first version; anything else than a listing is 404. */
export function s3Bucket({ keys, pageSize }: KeyTable, version: 1 | 2 = 2): Handler {
  return (request, response) => {
    const query = new URL(request.url ?? '/', 'http://x').searchParams;
    if (query.get('list-type') !== '2') return void response.writeHead(404, { 'content-type': 'application/xml' }).end('<Error/>');
    const token = version === 1 ? query.get('marker') : query.get('continuation-token');
    const after = token === null || version === 1 ? (token ?? '') : Buffer.from(token, 'base64').toString();
    const { entries, isLast } = entriesOf(keys, query.get('prefix') ?? '', after, pageSize);
    const rows = entries.map((entry) =>
      entry.endsWith('/')
        ? `<CommonPrefixes><Prefix>${xml(entry)}</Prefix></CommonPrefixes>`
        : `<Contents><Key>${xml(entry)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;${md5(entry)}&quot;</ETag><Size>5000</Size><StorageClass>STANDARD</StorageClass></Contents>`,
    );
    const last = entries.at(-1) ?? '';
    const marker = version === 1 ? `<NextMarker>${xml(last)}</NextMarker>` : '';
    const next = marker || `<NextContinuationToken>${Buffer.from(last).toString('base64')}</NextContinuationToken>`;
    const head = '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">';
    const body = `${head}<Name>store</Name><KeyCount>${entries.length}</KeyCount><IsTruncated>${!isLast}</IsTruncated>${rows.join('')}${isLast ? '' : next}</ListBucketResult>`;
    response.writeHead(200, { 'content-type': 'application/xml' }).end(body);
  };
}

/** Keys and folders right below a prefix, behind a marker. */
function entriesOf(
  keys: readonly string[],
  prefix: string,
  after: string,
  most: number,
): { readonly entries: readonly string[]; readonly isLast: boolean } {
  const entries: string[] = [];
  for (const key of keys) {
    if (!key.startsWith(prefix) || key === prefix) continue;
    const slash = key.indexOf('/', prefix.length);
    const entry = slash < 0 ? key : key.slice(0, slash + 1);
    if (entry <= after || entry === entries.at(-1)) continue;
    if (entries.length === most) return { entries, isLast: false };
    entries.push(entry);
  }
  return { entries, isLast: true };
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

function xml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}
