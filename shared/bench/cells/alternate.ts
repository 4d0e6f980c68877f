/** Rounds that alternate between the peers, so that a slow minute of the machine meets both. */
import type { Bench, Pair, Row } from '../bench';
import { load, median, type LoadOptions, type LoadResult } from '../load';
import type { Server } from '../servers';

/** One result of both peers. */
export interface Both<T> {
  readonly larder: T;
  readonly nginx: T;
}

/** Runs a measurement in rounds, one peer after the other, the first one changing. Returns all results. */
export async function alternate<T>(pair: Pair, rounds: number, measure: (server: Server) => Promise<T>): Promise<Both<T[]>> {
  const results: { larder: T[]; nginx: T[] } = { larder: [], nginx: [] };
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? (['nginx', 'larder'] as const) : (['larder', 'nginx'] as const);
    for (const name of order) results[name].push(await measure(pair[name]));
  }
  return results;
}

/** What to ask of each peer; the targets may differ, the bytes not. */
export interface HitLoad extends Pick<LoadOptions, 'headers'> {
  readonly cell: string;
  readonly targets: Both<readonly string[]>;
  /** Shorter runs, for one of many like it. */
  readonly isShort?: boolean;
  /** Requests a second of others in the same run. */
  readonly others?: string;
}

/** Loads both peers with hits; returns the row of requests a second and that of CPU time a request. */
export async function hitRows(bench: Bench, pair: Pair, hits: HitLoad): Promise<Row[]> {
  const { cell, headers } = hits;
  const runLoad = (server: Server, seconds: number): Promise<LoadResult> =>
    load({ server, targets: hits.targets[server.name], headers, connections: 64, seconds, dir: bench.dir });
  await alternate(pair, 1, (server) => runLoad(server, 1));
  const before = bench.upstreamRequests();
  const { larder, nginx } = await alternate(pair, hits.isShort ? bench.rounds : bench.hitRounds, (server) =>
    runLoad(server, hits.isShort ? Math.min(2, bench.seconds) : bench.seconds),
  );
  const misses = bench.upstreamRequests() - before;
  if (misses > 0) throw new Error(`${cell}: ${misses} requests reached the upstream during a run of hits`);
  const of = (results: readonly LoadResult[], key: keyof LoadResult): number => median(results.map((result) => result[key]));
  const ratio = of(larder, 'perSecond') / of(nginx, 'perSecond');
  const spread = (results: readonly LoadResult[]): string => results.map((result) => Math.round(result.perSecond)).join(' ');
  return [
    {
      cell: `${cell}, hits/s`,
      target: '≥ nginx',
      ours: Math.round(of(larder, 'perSecond')).toLocaleString('en'),
      nginx: Math.round(of(nginx, 'perSecond')).toLocaleString('en'),
      ...(hits.others === undefined ? {} : { others: hits.others }),
      ratio,
      reached: isNotBelow(ratio),
      note:
        `rounds ${spread(larder)} / ${spread(nginx)}; server busy ${percent(of(larder, 'busy'))} / ${percent(of(nginx, 'busy'))}; ` +
        `p99 ${milli(of(larder, 'p99Micros'))} / ${milli(of(nginx, 'p99Micros'))} ms; ` +
        `${(of(larder, 'bytesPerSecond') / of(larder, 'perSecond') / 1000).toFixed(1)} / ${(of(nginx, 'bytesPerSecond') / of(nginx, 'perSecond') / 1000).toFixed(1)} KB an answer`,
    },
    {
      cell: `${cell}, CPU µs a request`,
      target: 'printed',
      ours: of(larder, 'cpuMicros').toFixed(1),
      nginx: of(nginx, 'cpuMicros').toFixed(1),
      ratio: of(nginx, 'cpuMicros') / of(larder, 'cpuMicros'),
    },
  ];
}

/** A ratio as the table prints it, not below 1. */
export function isNotBelow(ratio: number): boolean {
  return Number(ratio.toFixed(2)) >= 1;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function milli(micros: number): string {
  return (micros / 1000).toFixed(1);
}
