/** Cells: hits on small tarballs, a hot set of 1,000, 64 keep-alive connections. */
import type { Bench, Cell, Pair, Row } from '../bench';
import type { Package } from '../corpus';
import { fetchAll, forEach } from '../load';
import { createHash } from 'node:crypto';
import { hitRows } from './alternate';

const HEADERS = { Accept: '*/*' };

export const tarballs: Cell = {
  name: 'tarballs',
  async measure(bench: Bench): Promise<Row[]> {
    const pair = await bench.warmPair();
    const rows: Row[] = [];
    for (const [label, bytes] of [
      ['10 KB', 10_000],
      ['100 KB', 100_000],
    ] as const) {
      const packages = Array.from({ length: bench.options.quick ? 100 : 1000 }, (_, index) =>
        bench.corpus.add(`hot-${bytes}-${String(index).padStart(4, '0')}`, bytes),
      );
      await warmUp(pair, packages);
      const targets = packages.map((each) => each.tarball);
      rows.push(
        ...(await hitRows(bench, pair, { cell: `tarball ${label}`, targets: { larder: targets, nginx: targets }, headers: HEADERS })),
      );
    }
    return rows;
  },
};

/** Has both peers hold the packages, and checks the second answer of each, which is a hit. @throws Error on a wrong body. */
export async function warmUp(pair: Pair, packages: readonly Package[]): Promise<void> {
  for (const server of [pair.nginx, pair.larder]) {
    await forEach(packages, async (each) => {
      await fetchAll(server.url + each.document);
      await fetchAll(server.url + each.tarball);
      const { status, body } = await fetchAll(server.url + each.tarball);
      const digest = `sha512-${createHash('sha512').update(body).digest('base64')}`;
      if (status !== 200 || digest !== each.integrity)
        throw new Error(`${server.name}: ${each.tarball}: status ${status}, ${body.length} bytes, ${digest}`);
    });
  }
}
