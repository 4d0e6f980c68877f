/** Cells: one 1 GiB tarball: how fast a cold store is filled, and a held one sent. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Bench, Cell, Row } from '../bench';
import type { Package } from '../corpus';
import { digestOf, fetchAll, median, transfer } from '../load';
import type { PeerName, Server } from '../servers';
import { alternate, isNotBelow } from './alternate';

export const big: Cell = {
  name: 'big',
  async measure(bench: Bench): Promise<Row[]> {
    const bytes = bench.options.quick ? 2 ** 28 : 2 ** 30;
    const label = bench.options.quick ? '256 MiB' : '1 GiB';
    const file = bench.corpus.add('big', bytes);
    const [sha256, sha512] = [await digestSeconds(bench, file, 'sha256'), await digestSeconds(bench, file, 'sha512')];
    const fills: Record<PeerName, number[]> = { larder: [], nginx: [] };
    for (let round = 0; round < bench.rounds; round++) {
      for (const name of round % 2 === 0 ? (['nginx', 'larder'] as const) : (['larder', 'nginx'] as const)) {
        const server = await bench.start(name);
        fills[name].push(await fill(bench, server, file));
        await bench.discard(server);
      }
    }
    const limit = (median(fills.nginx) + sha512) * 1.1;
    const show = (all: readonly number[]): string => all.map((seconds) => seconds.toFixed(2)).join(' ');
    const ours = median(fills.larder);
    const fillRow: Row = {
      cell: `${label} fill, cold store`,
      target: `≤ 1.1 × (nginx + digest) = ${limit.toFixed(2)} s`,
      ours: `${ours.toFixed(2)} s`,
      nginx: `${median(fills.nginx).toFixed(2)} s`,
      ratio: (median(fills.nginx) + sha512) / ours,
      reached: ours <= limit,
      note:
        `one digest pass in Node: sha512 ${sha512.toFixed(2)} s (what pins an npm tarball), sha256 ${sha256.toFixed(2)} s; ` +
        `the ratio is to nginx plus the sha512 pass; rounds ${show(fills.larder)} / ${show(fills.nginx)} s`,
    };
    return [fillRow, await hitRow(bench, file, label)];
  },
};

/** Time of one fill as the client sees it; the packument came before, as with `npm install`. */
async function fill(bench: Bench, server: Server, file: Package): Promise<number> {
  await fetchAll(server.url + file.document);
  await bench.settle();
  const { seconds, bytes } = await transfer(server.url + file.tarball);
  if (bytes !== file.bytes) throw new Error(`${server.name}: ${bytes} bytes of ${file.bytes}`);
  return seconds;
}

async function hitRow(bench: Bench, file: Package, label: string): Promise<Row> {
  const pair = await bench.warmPair();
  for (const server of [pair.nginx, pair.larder]) {
    await fill(bench, server, file);
    if ((await digestOf(server.url + file.tarball)) !== file.integrity) throw new Error(`${server.name}: wrong bytes on a hit`);
  }
  await bench.settle();
  const before = bench.upstreamRequests(file.tarball);
  const cpu: Record<PeerName, number[]> = { larder: [], nginx: [] };
  const { larder, nginx } = await alternate(pair, bench.options.quick ? 2 : 7, async (server) => {
    const spent = server.cpuMs();
    const { seconds, bytes } = await transfer(server.url + file.tarball);
    if (bytes !== file.bytes) throw new Error(`${server.name}: ${bytes} bytes of ${file.bytes}`);
    cpu[server.name].push((server.cpuMs() - spent) / 1000);
    return bytes / seconds / 1e9;
  });
  if (bench.upstreamRequests(file.tarball) > before) throw new Error('a hit on the big tarball reached the upstream');
  const ratio = median(larder) / median(nginx);
  const show = (all: readonly number[]): string => all.map((rate) => rate.toFixed(2)).join(' ');
  return {
    cell: `${label} hit, GB/s`,
    target: '≥ nginx',
    ours: median(larder).toFixed(2),
    nginx: median(nginx).toFixed(2),
    ratio,
    reached: isNotBelow(ratio),
    note: `rounds ${show(larder)} / ${show(nginx)}; CPU s a transfer ${median(cpu.larder).toFixed(2)} / ${median(cpu.nginx).toFixed(2)}`,
  };
}

/** Time that one digest pass over the bytes takes, without reading them. */
async function digestSeconds(bench: Bench, file: Package, algorithm: string): Promise<number> {
  const hash = createHash(algorithm);
  let milliseconds = 0;
  for await (const chunk of createReadStream(bench.corpus.file(file.tarball), { highWaterMark: 1 << 20 })) {
    const began = performance.now();
    hash.update(chunk as Buffer);
    milliseconds += performance.now() - began;
  }
  return milliseconds / 1000;
}
