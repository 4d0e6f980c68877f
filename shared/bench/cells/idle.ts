/** Cells: memory of an idle process, and the highest of all cells. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, Cell, Row } from '../bench';
import { rssAnonBytes } from '../process';

const IDLE_TARGET_MB = 80;
const HIGHEST_TARGET_MB = 250;

export const idle: Cell = {
  name: 'idle',
  async measure(bench: Bench): Promise<Row[]> {
    const { larder, nginx } = await bench.warmPair();
    await sleep(5000);
    const ours = rssAnonBytes(larder.pid);
    return [memoryRow('memory (RssAnon), idle, 5 s after start', ours, rssAnonBytes(nginx.pid), IDLE_TARGET_MB)];
  },
};

/** The highest value of any Larder process during all that was measured. */
export function memoryRows(bench: Bench): Row[] {
  const cells = [...bench.memory.byCell()];
  const highest = Math.max(0, ...cells.map(([, bytes]) => bytes));
  const note = cells.map(([cell, bytes]) => `${cell} ${megabytes(bytes)}`).join(', ');
  return [{ ...memoryRow('memory (RssAnon), highest of all cells', highest, undefined, HIGHEST_TARGET_MB), note: `MB by cell: ${note}` }];
}

function memoryRow(cell: string, ours: number, nginx: number | undefined, target: number): Row {
  return {
    cell,
    target: `≤ ${target} MB`,
    ours: `${megabytes(ours)} MB`,
    nginx: nginx === undefined ? '' : `${megabytes(nginx)} MB`,
    reached: ours <= target * 1e6,
  };
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
