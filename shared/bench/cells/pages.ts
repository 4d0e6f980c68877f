/** Cells: hits on simple pages, against nginx serving the very same bytes as a file. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Bench, Cell, Pair, Row } from '../bench';
import { fetchAll, load } from '../load';
import { withPeer } from '../peers';
import { startDevpi, startProxpi } from '../peers-python';
import { PAGE_FILES } from '../python';
import type { Server } from '../servers';
import { hitRows } from './alternate';

/** How pip asks; a browser. */
const ACCEPTS = {
  JSON: 'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01',
  HTML: 'text/html',
} as const;
const ENCODINGS = { gzip: { 'Accept-Encoding': 'gzip, deflate' }, identity: {} } as const;
/** At once to the others: wrk gives up after 10 s, and 64 on a large page would wait longer. */
const FEW = 4;

interface Form {
  readonly label: string;
  readonly project: keyof typeof PAGE_FILES;
  readonly headers: Readonly<Record<string, string>>;
}

export const pages: Cell = {
  name: 'pages',
  async measure(bench: Bench): Promise<Row[]> {
    const pair = await bench.warmPair('pip');
    bench.python.addPages();
    const forms = Object.entries(PAGE_FILES).flatMap(([project, files]) =>
      Object.entries(ACCEPTS).flatMap(([form, Accept]) =>
        Object.entries(ENCODINGS).map(([encoding, fields]): Form => {
          const label = `simple page, ${files.toLocaleString('en')} files, ${form}, ${encoding}`;
          return { label, project: project as Form['project'], headers: { Accept, ...fields } };
        }),
      ),
    );
    const others = await ratesOfOthers(bench, forms);
    const rows: Row[] = [];
    for (const [index, form] of forms.entries()) {
      const targets = { larder: [`/simple/${form.project}/`], nginx: [await layDown(pair, form, index)] };
      const beside = others[index] === undefined ? {} : { others: others[index] };
      rows.push(...(await hitRows(bench, pair, { cell: form.label, targets, headers: form.headers, isShort: true, ...beside })));
    }
    return rows;
  },
};

/** Fetches a form from Larder, checks it, and gives its bytes to nginx; returns nginx's target. @throws Error on a wrong page */
async function layDown(pair: Pair, { label, project, headers: asked }: Form, index: number): Promise<string> {
  const { status, headers, body } = await fetchAll(`${pair.larder.url}/simple/${project}/`, asked);
  const zipped = headers['content-encoding'] === 'gzip';
  const text = (zipped ? gunzipSync(body) : body).toString();
  const files = text.match(/sha256(?:=|":")[0-9a-f]{64}/g)?.length ?? 0;
  const links = text.startsWith('{') ? (JSON.parse(text) as { files: object[] }).files.length : text.split('<a ').length - 1;
  if (status !== 200 || links !== PAGE_FILES[project] || files < links)
    throw new Error(`${label}: status ${status}, ${links} files, ${files} digests`);
  if (zipped !== 'Accept-Encoding' in asked) throw new Error(`${label}: content-encoding ${headers['content-encoding']}`);
  const target = `/static/page-${index}${zipped ? '.gz' : ''}`;
  mkdirSync(join(pair.nginx.dir, 'static'), { recursive: true });
  writeFileSync(join(pair.nginx.dir, target), body);
  return target;
}

/** What devpi and proxpi reach, form by form. */
async function ratesOfOthers(bench: Bench, forms: readonly Form[]): Promise<ReadonlyArray<string | undefined>> {
  const devpi = await withPeer(bench, 'devpi', startDevpi, (server) => rates(bench, server, '/root/pypi/+simple', forms));
  const proxpi = await withPeer(bench, 'proxpi', startProxpi, (server) => rates(bench, server, '/index', forms));
  return forms.map((_, index) => {
    const found = [devpi?.[index], proxpi?.[index]].filter((each) => each !== undefined);
    return found.length === 0 ? undefined : found.join(', ');
  });
}

async function rates(bench: Bench, server: Server, root: string, forms: readonly Form[]): Promise<string[]> {
  const found: string[] = [];
  const name = root.startsWith('/root') ? 'devpi' : 'proxpi';
  for (const { label, project, headers } of forms) {
    const target = `${root}/${project}/`;
    const { status, body } = await fetchAll(server.url + target, headers);
    if (status !== 200) throw new Error(`${label}: status ${status} ${body.toString().slice(0, 200)}`);
    const seconds = bench.options.quick ? 1 : 2;
    const { perSecond } = await load({ server, targets: [target], headers, connections: FEW, seconds, dir: bench.dir });
    found.push(`${name} ${perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond)}`);
  }
  return found;
}
