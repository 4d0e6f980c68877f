/** Upstreams that list one large folder: as nginx does in one page, as S3 and Swift do in many. All pages are made beforehand. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export const FORMS = ['autoindex', 's3', 'swift'] as const;
export type Form = (typeof FORMS)[number];

/** The folder's path at the cache, and a small one to begin with. */
export const FOLDER = '/TARS/slc9_x86-64/large/';
export const SMALL = '/TARS/slc9_x86-64/small/';
const PAGE_KEYS = { s3: 1_000, swift: 10_000 } as const;
const BASES = { autoindex: '', s3: '', swift: '/swift/v1/store' } as const;

export interface ListingUpstream {
  /** `host:port` and path of its base. */
  readonly upstream: string;
  readonly pages: number;
  close(): Promise<void>;
}

/** Starts one on loopback with so many keys. */
export async function startListing(form: Form, keys: number): Promise<ListingUpstream> {
  const small = pagesOf(form, SMALL, 3);
  const large = pagesOf(form, FOLDER, keys);
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://x');
    const folder = url.searchParams.get('prefix') ?? url.pathname.slice(1);
    const marker = url.searchParams.get('continuation-token') ?? url.searchParams.get('marker') ?? '';
    const isListing = form === 'autoindex' ? url.search === '' : url.search !== '';
    const page = isListing ? (`/${folder}` === FOLDER ? large : small).get(marker) : undefined;
    const body = page ?? Buffer.from(form === 'swift' ? '[]' : 'NoSuchKey');
    response.writeHead(page || (isListing && form === 'swift') ? 200 : 404, { 'Content-Length': body.length }).end(body);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    upstream: `127.0.0.1:${port}${BASES[form]}`,
    pages: large.size,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

/** Every page by the marker that asks for it. */
function pagesOf(form: Form, folder: string, keys: number): Map<string, Buffer> {
  const names = Array.from({ length: keys }, (_, n) => `large-1.${String(n).padStart(6, '0')}-1.slc9_x86-64.tar.gz`);
  if (form === 'autoindex') {
    const rows = names.map((name) => `{ "name":"${name}", "type":"file", "mtime":"Sat, 21 Nov 2026 08:00:00 GMT", "size":100 }`);
    return new Map([['', Buffer.from(`[\n${rows.join(',\n')}\n]\n`)]]);
  }
  const pages = new Map<string, Buffer>();
  let marker = '';
  for (let from = 0; from < keys; from += PAGE_KEYS[form]) {
    const page = names.slice(from, from + PAGE_KEYS[form]).map((name) => folder.slice(1) + name);
    const last = page.at(-1) ?? '';
    pages.set(marker, form === 's3' ? s3Page(page, from + page.length < keys ? last : undefined) : swiftPage(page));
    marker = last;
  }
  return pages;
}

const DIGEST = '0123456789abcdef'.repeat(2);

function s3Page(keys: readonly string[], next: string | undefined): Buffer {
  const rows = keys.map(
    (key) =>
      `<Contents><Key>${key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;${DIGEST}&quot;</ETag><Size>100</Size><StorageClass>STANDARD</StorageClass></Contents>`,
  );
  const more = next === undefined ? '' : `<NextContinuationToken>${next}</NextContinuationToken>`;
  const head = '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>store</Name>';
  return Buffer.from(`${head}<IsTruncated>${next !== undefined}</IsTruncated>${rows.join('')}${more}</ListBucketResult>`);
}

function swiftPage(keys: readonly string[]): Buffer {
  const type = 'application/octet-stream';
  const objects = keys.map((name) => ({ hash: DIGEST, last_modified: '2026-01-01T00:00:00.000000', bytes: 100, name, content_type: type }));
  return Buffer.from(JSON.stringify(objects));
}
