/** Cell: 200 clients at once for one cold tarball behind a slow upstream. */
import { readFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import type { Bench, Cell, Row } from '../bench';
import type { Package } from '../corpus';
import { SILENCE_MS, giveUpOnSilence, median, transfer } from '../load';
import type { PeerName } from '../servers';

const CLIENTS = 200;
const MOST = 1.15;

interface Meeting {
  readonly seconds: number;
  readonly right: number;
  readonly upstreamRequests: number;
}

export const crowd: Cell = {
  name: 'crowd',
  async measure(bench: Bench): Promise<Row[]> {
    // upstream.conf sends packages named slow… at 5 MB/s a connection.
    const file = bench.corpus.add('slow', bench.options.quick ? 5_000_000 : 20_000_000);
    const plain = (await transfer(`http://${bench.upstream}${file.tarball}`)).seconds;
    const found: Record<PeerName, Meeting[]> = { larder: [], nginx: [] };
    for (let round = 0; round < bench.rounds; round++) {
      for (const name of ['nginx', 'larder'] as const) {
        const server = await bench.start(name);
        const before = bench.upstreamRequests(file.tarball);
        const meeting = await meet(server.url, file, bench.corpus.file(file.tarball));
        found[name].push({ ...meeting, upstreamRequests: bench.upstreamRequests(file.tarball) - before });
        await bench.discard(server);
      }
    }
    return rowsOf(found, plain, file.bytes);
  },
};

function rowsOf(found: Record<PeerName, Meeting[]>, plain: number, bytes: number): Row[] {
  const cell = `${CLIENTS} clients, one cold ${bytes / 1e6} MB tarball at 5 MB/s`;
  const [ours, nginx] = [found.larder, found.nginx].map((all) => ({
    seconds: median(all.map((meeting) => meeting.seconds)),
    right: Math.min(...all.map((meeting) => meeting.right)),
    upstreamRequests: Math.max(...all.map((meeting) => meeting.upstreamRequests)),
  })) as [Meeting, Meeting];
  const show = ({ upstreamRequests, right }: Meeting): string => `${upstreamRequests}; ${right}`;
  return [
    {
      cell: `${cell}: upstream requests; right bodies`,
      target: `1; ${CLIENTS}`,
      ours: show(ours),
      nginx: show(nginx),
      reached: ours.upstreamRequests === 1 && ours.right === CLIENTS,
    },
    {
      cell: `${cell}: total time`,
      target: `≤ ${MOST} × ${plain.toFixed(2)} s`,
      ours: `${ours.seconds.toFixed(2)} s`,
      nginx: `${nginx.seconds.toFixed(2)} s`,
      ratio: nginx.seconds / ours.seconds,
      reached: ours.seconds <= plain * MOST,
      note: `one plain download takes ${plain.toFixed(2)} s; nginx has proxy_cache_lock on`,
    },
  ];
}

/** All clients begin at once; each compares every byte with the file (cheaper than 200 digests, and as strict). */
async function meet(base: string, file: Package, path: string): Promise<Omit<Meeting, 'upstreamRequests'>> {
  const expected = readFileSync(path);
  const agent = new Agent({ maxSockets: CLIENTS, timeout: SILENCE_MS });
  const began = performance.now();
  const right = await Promise.all(Array.from({ length: CLIENTS }, () => isRight(base + file.tarball, agent, expected)));
  const seconds = (performance.now() - began) / 1000;
  agent.destroy();
  return { seconds, right: right.filter(Boolean).length };
}

function isRight(url: string, agent: Agent, expected: Buffer): Promise<boolean> {
  return new Promise((done) => {
    const request = get(url, { agent }, (response) => {
      let length = 0;
      let same = response.statusCode === 200;
      response.on('data', (chunk: Buffer) => {
        same &&= chunk.equals(expected.subarray(length, length + chunk.length));
        length += chunk.length;
      });
      response.once('end', () => done(same && response.complete && length === expected.length));
      response.once('error', () => done(false));
    });
    request.once('error', () => done(false));
    giveUpOnSilence(request);
  });
}
