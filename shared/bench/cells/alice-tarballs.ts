/** Cells: tarballs of ALICE's store behind nginx: hits on small ones, 64 keep-alive connections, and one of 1 GiB on a cold store. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Bench, Cell, Row } from '../bench';
import { digestOf, fetchAll, forEach, median, transfer } from '../load';
import { Noise } from '../packument';
import type { PeerName, Server } from '../servers';
import { hitRows } from './alternate';

/** How aliBuild asks. */
const HEADERS = { 'User-Agent': 'python-requests/2.34.2', Accept: '*/*', 'Accept-Encoding': 'gzip, deflate' };
const ARCH = 'slc9_x86-64';
const PIECE = 1 << 24;

interface Tarball {
  readonly target: string;
  readonly folder: string;
  readonly bytes: number;
  readonly sha512: string;
}

export const aliceTarballs: Cell = {
  name: 'alice-tarballs',
  async measure(bench: Bench): Promise<Row[]> {
    const pair = await bench.warmPair('alice');
    const rows: Row[] = [];
    for (const bytes of [10_000, 100_000]) {
      const files = Array.from({ length: bench.options.quick ? 100 : 1000 }, (_, index) => stock(bench, `hot-${bytes}-${index}`, bytes));
      for (const server of [pair.nginx, pair.larder]) await hold(server, files);
      const targets = files.map(({ target }) => target);
      const cell = `ALICE tarball ${bytes / 1000} KB`;
      rows.push(...(await hitRows(bench, pair, { cell, targets: { larder: targets, nginx: targets }, headers: HEADERS, isShort: true })));
    }
    return [...rows, await fillRow(bench)];
  },
};

/** Writes a tarball of noise into the store that the local registry serves. */
function stock(bench: Bench, name: string, bytes: number): Tarball {
  const hash = createHash('sha1').update(name).digest('hex');
  const folder = `/TARS/${ARCH}/store/${hash.slice(0, 2)}/${hash}/`;
  const target = `${folder}${name}-1.0-1.${ARCH}.tar.gz`;
  const path = join(bench.files, 'alice', target);
  mkdirSync(dirname(path), { recursive: true });
  const noise = new Noise(name);
  const digest = createHash('sha512');
  writeFileSync(path, '');
  for (let left = bytes; left > 0; left -= PIECE) {
    const piece = noise.take(Math.min(left, PIECE));
    digest.update(piece);
    writeFileSync(path, piece, { flag: 'a' });
  }
  return { target, folder, bytes, sha512: `sha512-${digest.digest('base64')}` };
}

/** Has a server hold the tarballs, each after its folder, and checks the second answers. @throws Error on a wrong body */
async function hold(server: Server, files: readonly Tarball[]): Promise<void> {
  await forEach(files, async ({ target, folder, sha512 }) => {
    await fetchAll(server.url + folder);
    await fetchAll(server.url + target);
    const { status, body } = await fetchAll(server.url + target);
    const found = `sha512-${createHash('sha512').update(body).digest('base64')}`;
    if (status !== 200 || found !== sha512) throw new Error(`${server.name}: ${target}: status ${status}, ${body.length} bytes, ${found}`);
  });
}

async function fillRow(bench: Bench): Promise<Row> {
  const [label, bytes] = bench.options.quick ? (['256 MiB', 2 ** 28] as const) : (['1 GiB', 2 ** 30] as const);
  const file = stock(bench, 'large', bytes);
  const fills: Record<PeerName, number[]> = { larder: [], nginx: [] };
  for (let round = 0; round < bench.rounds; round++) {
    for (const name of round % 2 === 0 ? (['nginx', 'larder'] as const) : (['larder', 'nginx'] as const)) {
      const server = await bench.start(name, { cache: 'alice' });
      await fetchAll(server.url + file.folder);
      await bench.settle();
      const found = await transfer(server.url + file.target, HEADERS);
      if (found.bytes !== bytes) throw new Error(`${server.name}: ${found.bytes} bytes of ${bytes}`);
      fills[name].push(found.seconds);
      if (round === 0 && (await digestOf(server.url + file.target)) !== file.sha512) throw new Error(`${server.name}: wrong bytes`);
      await bench.discard(server);
    }
  }
  const digest = digestSeconds(bytes);
  const limit = (median(fills.nginx) + digest) * 1.1;
  const ours = median(fills.larder);
  const show = (all: readonly number[]): string => all.map((seconds) => seconds.toFixed(2)).join(' ');
  return {
    cell: `ALICE tarball ${label} fill, cold store`,
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
