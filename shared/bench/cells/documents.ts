/** Cells: hits on packuments, against nginx serving the very same bytes as a file. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { NPM_ABBREVIATED, type Bench, type Cell, type Pair, type Row } from '../bench';
import { fetchAll } from '../load';
import { hitRows } from './alternate';

interface Form {
  readonly label: string;
  readonly document: string;
  readonly headers: Readonly<Record<string, string>>;
}

const ABBREVIATED_GZIP = { Accept: NPM_ABBREVIATED, 'Accept-Encoding': 'gzip,deflate' };
const FULL_GZIP = { Accept: 'application/json', 'Accept-Encoding': 'gzip,deflate' };

/** Versions of the two packuments: 28 KB and 5 MB. */
export const SMALL_VERSIONS = 12;
export const LARGE_VERSIONS = 2300;

export const documents: Cell = {
  name: 'documents',
  async measure(bench: Bench): Promise<Row[]> {
    const pair = await bench.warmPair();
    bench.corpus.addDocument('small-document', SMALL_VERSIONS);
    bench.corpus.addDocument('large-document', LARGE_VERSIONS);
    const forms: Form[] = [
      { label: 'packument 28 KB, full, gzip', document: '/small-document', headers: FULL_GZIP },
      { label: 'packument 28 KB, abbreviated, gzip', document: '/small-document', headers: ABBREVIATED_GZIP },
      { label: 'packument 5 MB, full, gzip', document: '/large-document', headers: FULL_GZIP },
      { label: 'packument 5 MB, abbreviated, gzip', document: '/large-document', headers: ABBREVIATED_GZIP },
      { label: 'packument 5 MB, abbreviated, identity', document: '/large-document', headers: { Accept: NPM_ABBREVIATED } },
    ];
    const rows: Row[] = [];
    for (const [index, form] of forms.entries()) {
      const file = await layDown(pair, form, index);
      const targets = { larder: [form.document], nginx: [file] };
      rows.push(...(await hitRows(bench, pair, { cell: form.label, targets, headers: form.headers })));
    }
    return rows;
  },
};

/** Fetches a form from Larder, checks it, and gives its bytes to nginx; returns nginx's target. @throws Error on a wrong document. */
async function layDown(pair: Pair, form: Form, index: number): Promise<string> {
  const { status, headers, body } = await fetchAll(pair.larder.url + form.document, form.headers);
  const zipped = headers['content-encoding'] === 'gzip';
  const text = (zipped ? gunzipSync(body) : body).toString();
  const found = JSON.parse(text) as { versions?: Record<string, { readonly dist?: { readonly tarball?: string } }> };
  const versions = Object.values(found.versions ?? {});
  const expected = form.document === '/small-document' ? SMALL_VERSIONS : LARGE_VERSIONS;
  if (status !== 200 || versions.length !== expected) throw new Error(`${form.label}: status ${status}, ${versions.length} versions`);
  const wrong = versions.find((version) => !version.dist?.tarball?.startsWith(`${pair.larder.url}/`));
  if (wrong !== undefined) process.stderr.write(`${form.label}: a tarball URL does not lead to the cache: ${wrong.dist?.tarball}\n`);
  const target = `/static/document-${index}${zipped ? '.gz' : ''}`;
  mkdirSync(join(pair.nginx.dir, 'static'), { recursive: true });
  writeFileSync(join(pair.nginx.dir, target), body);
  return target;
}
