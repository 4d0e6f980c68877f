/** Cell: the first large packument on a cold store, and whether others are served meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import { NPM_ABBREVIATED, type Bench, type Cell, type Row } from '../bench';
import { median, transfer } from '../load';
import { LARGE_VERSIONS } from './documents';
import { Probe } from './probe';
import { warmUp } from './tarballs';

const BEYOND_TARGET_MS = 500;
const PROBE_TARGET_MS = 20;
/** How long others are still observed after the document arrived: other forms of it may be made then. */
const AFTER_MS = 500;

export const coldDocument: Cell = {
  name: 'cold-document',
  async measure(bench: Bench): Promise<Row[]> {
    const bytes = bench.corpus.addDocument('cold-document', LARGE_VERSIONS);
    const direct: number[] = [];
    for (let round = 0; round < 5; round++) direct.push((await transfer(`http://${bench.upstream}/cold-document`)).seconds * 1000);
    const beyond: number[] = [];
    const longest: number[] = [];
    const quiet: number[] = [];
    for (let round = 0; round < (bench.options.quick ? 2 : 5); round++) {
      const found = await meetCold(bench);
      beyond.push(found.milliseconds - median(direct));
      longest.push(found.longestMs);
      quiet.push(found.quietMs);
    }
    const show = (all: readonly number[]): string => all.map((each) => each.toFixed(0)).join(' ');
    return [
      {
        cell: `first ${(bytes / 1e6).toFixed(1)} MB packument, cold: beyond the upstream`,
        target: `< ${BEYOND_TARGET_MS} ms`,
        ours: `${median(beyond).toFixed(0)} ms`,
        nginx: '',
        reached: median(beyond) < BEYOND_TARGET_MS,
        note: `abbreviated, gzip; the upstream itself takes ${median(direct).toFixed(0)} ms; all: ${show(beyond)} ms`,
      },
      {
        cell: 'longest wait of another hit meanwhile',
        target: `≤ ${PROBE_TARGET_MS} ms`,
        ours: `${median(longest).toFixed(0)} ms`,
        nginx: '',
        reached: median(longest) <= PROBE_TARGET_MS,
        note: `a held 10 KB tarball asked every 2 ms, all threads on one core; all: ${show(longest)} ms; without the packument: ${show(quiet)} ms`,
      },
    ];
  },
};

interface Found {
  readonly milliseconds: number;
  /** Longest hit while the document was made. */
  readonly longestMs: number;
  /** Longest hit while nothing else went on: the noise of the measurement. */
  readonly quietMs: number;
}

async function meetCold(bench: Bench): Promise<Found> {
  const held = bench.corpus.add('beside', 10_000);
  const server = await bench.start('larder');
  await warmUp({ larder: server, nginx: server }, [held]);
  const quiet = new Probe(server.url + held.tarball, 2);
  await sleep(AFTER_MS);
  const quietMs = await quiet.end();
  const probe = new Probe(server.url + held.tarball, 2);
  await sleep(50);
  const headers = { Accept: NPM_ABBREVIATED, 'Accept-Encoding': 'gzip,deflate' };
  const { seconds } = await transfer(`${server.url}/cold-document`, headers);
  await sleep(AFTER_MS);
  const longestMs = await probe.end();
  await bench.discard(server);
  return { milliseconds: seconds * 1000, longestMs, quietMs };
}
