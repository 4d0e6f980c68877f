/** Cells: Julia packages, ALICE tarballs, objects of a mirrored bucket: hits on small ones, 64 connections, and a fill. */
import { createHash } from 'node:crypto';
import { addAliceTarball, addJuliaPackage, addObject, type Archive } from '../archives';
import type { Bench, Cell, Row } from '../bench';
import { digestOf, fetchAll, forEach, median, transfer } from '../load';
import { Noise } from '../packument';
import type { CacheName, PeerName, Server } from '../servers';
import { hitRows } from './alternate';

const PIECE = 1 << 24;

interface Kind {
  readonly cache: CacheName;
  readonly title: string;
  /** Where Larder has what nginx has at its root. */
  readonly below?: string;
  /** What a client sends. */
  readonly headers: Readonly<Record<string, string>>;
  /** Length of the file that is filled, and of that of quick runs, bytes. */
  readonly fill: readonly [number, number];
  add(root: string, name: string, bytes: number): Archive | Promise<Archive>;
}

const KINDS: readonly Kind[] = [
  // Packed in memory, so it is smaller.
  { cache: 'julia', title: 'Julia package', headers: { Accept: '*/*' }, fill: [2 ** 28, 2 ** 26], add: addJuliaPackage },
  {
    cache: 'alice',
    title: 'ALICE tarball',
    headers: { 'User-Agent': 'python-requests/2.34.2', Accept: '*/*', 'Accept-Encoding': 'gzip, deflate' },
    fill: [2 ** 30, 2 ** 28],
    add: addAliceTarball,
  },
  { cache: 'http', title: 'mirror', below: '/mirror/bench', headers: { Accept: '*/*' }, fill: [2 ** 28, 2 ** 26], add: addObject },
];

/** What the paths at a server begin with. */
const startOf = (server: Pick<Server, 'name'>, { below = '' }: Kind): string => (server.name === 'larder' ? below : '');

export const archives: Cell = {
  name: 'archives',
  async measure(bench: Bench): Promise<Row[]> {
    const rows: Row[] = [];
    for (const kind of KINDS) rows.push(...(await hitCells(bench, kind)), await fillRow(bench, kind));
    return rows;
  },
};

async function hitCells(bench: Bench, kind: Kind): Promise<Row[]> {
  const { cache, title, headers, add, below = '' } = kind;
  const pair = await bench.warmPair(cache);
  const rows: Row[] = [];
  for (const bytes of [10_000, 100_000]) {
    const files: Archive[] = [];
    for (let index = 0; index < (bench.options.quick ? 100 : 1000); index++)
      files.push(await add(bench.files, `hot-${bytes}-${index}`, bytes));
    for (const server of [pair.nginx, pair.larder]) await hold(server, files, startOf(server, kind));
    const targets = files.map(({ target }) => target);
    rows.push(
      ...(await hitRows(bench, pair, {
        cell: `${title} ${bytes / 1000} KB`,
        targets: { larder: targets.map((target) => below + target), nginx: targets },
        headers,
        isShort: true,
      })),
    );
  }
  return rows;
}

/** Has a server hold the files, and checks the second answers. @throws Error on a wrong body */
async function hold(server: Server, files: readonly Archive[], start: string): Promise<void> {
  await forEach(files, async ({ target, before, sha512 }) => {
    if (before !== undefined) await fetchAll(server.url + before);
    await fetchAll(server.url + start + target);
    const { status, body } = await fetchAll(server.url + start + target);
    const found = `sha512-${createHash('sha512').update(body).digest('base64')}`;
    if (status !== 200 || found !== sha512) throw new Error(`${server.name}: ${target}: status ${status}, ${body.length} bytes, ${found}`);
  });
}

async function fillRow(bench: Bench, kind: Kind): Promise<Row> {
  const { cache, title, headers, fill, add } = kind;
  const bytes = fill[bench.options.quick ? 1 : 0];
  const file = await add(bench.files, 'large', bytes);
  const fills: Record<PeerName, number[]> = { larder: [], nginx: [] };
  for (let round = 0; round < bench.rounds; round++) {
    for (const name of round % 2 === 0 ? (['nginx', 'larder'] as const) : (['larder', 'nginx'] as const)) {
      const server = await bench.start(name, { cache });
      if (file.before !== undefined) await fetchAll(server.url + file.before);
      await bench.settle();
      const url = server.url + startOf(server, kind) + file.target;
      const found = await transfer(url, headers);
      if (found.bytes !== file.bytes) throw new Error(`${server.name}: ${found.bytes} bytes of ${file.bytes}`);
      fills[name].push(found.seconds);
      if (round === 0 && (await digestOf(url)) !== file.sha512) throw new Error(`${server.name}: wrong bytes`);
      await bench.discard(server);
    }
  }
  const digest = digestSeconds(bytes);
  const limit = (median(fills.nginx) + digest) * 1.1;
  const ours = median(fills.larder);
  const show = (all: readonly number[]): string => all.map((seconds) => seconds.toFixed(2)).join(' ');
  return {
    cell: `${title} ${bytes / 2 ** 20} MiB fill, cold store`,
    target: `≤ 1.1 × (nginx + digest) = ${limit.toFixed(2)} s`,
    ours: `${ours.toFixed(2)} s`,
    nginx: `${median(fills.nginx).toFixed(2)} s`,
    ratio: (median(fills.nginx) + digest) / ours,
    reached: ours <= limit,
    note: `one sha256 pass in Node: ${digest.toFixed(2)} s; rounds ${show(fills.larder)} / ${show(fills.nginx)} s`,
  };
}

/** Time of one SHA-256 pass over so many bytes. */
function digestSeconds(bytes: number): number {
  const hash = createHash('sha256');
  const piece = new Noise('digest').take(PIECE);
  const began = performance.now();
  for (let done = 0; done < bytes; done += PIECE) hash.update(piece);
  return (performance.now() - began) / 1000;
}
