/** Cells: a folder of 100,000 keys that nobody asked for before, from each kind of upstream. */
import type { Bench, Cell, Row } from '../bench';
import { FOLDER, FORMS, SMALL, startListing, type Form } from '../listings';
import { fetchAll, median } from '../load';

const KEYS = 100_000;
const TARGET_S = 1;

export const listing: Cell = {
  name: 'listing',
  async measure(bench: Bench): Promise<Row[]> {
    if (bench.options.null) return [];
    const rows: Row[] = [];
    for (const form of FORMS) rows.push(await rowOf(bench, form));
    return rows;
  },
};

async function rowOf(bench: Bench, form: Form): Promise<Row> {
  const upstream = await startListing(form, KEYS);
  try {
    const cold: number[] = [];
    const warm: number[] = [];
    for (let round = 0; round < (bench.options.quick ? 1 : 5); round++) {
      const server = await bench.start('larder', { cache: 'alice', upstream: upstream.upstream });
      // The first request to any upstream loads what it takes to ask one.
      await timed(server.url + SMALL, 3);
      cold.push(await timed(server.url + FOLDER, KEYS));
      warm.push(await timed(server.url + FOLDER, KEYS));
      await bench.discard(server);
    }
    const seconds = median(cold);
    const show = (all: readonly number[]): string => all.map((each) => each.toFixed(2)).join(' ');
    return {
      cell: `listing of ${KEYS.toLocaleString('en')} keys, cold, from ${form}`,
      target: `< ${TARGET_S} s`,
      ours: `${seconds.toFixed(2)} s`,
      nginx: '',
      reached: seconds < TARGET_S,
      note: `${upstream.pages} pages of a ready upstream beside the load; all: ${show(cold)} s; once more, held: ${show(warm)} s`,
    };
  } finally {
    await upstream.close();
  }
}

/** @returns seconds until the last byte @throws Error if it is not the whole listing */
async function timed(url: string, keys: number): Promise<number> {
  const began = performance.now();
  const { status, body } = await fetchAll(url);
  const seconds = (performance.now() - began) / 1000;
  const found = status === 200 ? (JSON.parse(body.toString()) as { name: string }[]).length : -1;
  if (found !== keys) throw new Error(`${url}: status ${status}, ${found} keys`);
  return seconds;
}
