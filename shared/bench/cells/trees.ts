/** Cells: archives that are judged by the git tree that they unpack to. */
import { createReadStream, createWriteStream, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Bench, Cell, Row } from '../bench';
import { median } from '../load';
import { allCores } from '../machine';
import { run } from '../process';
import type { TreeFigures } from '../trees-process';

const RATIO_TARGET = 0.8;
const LAST_BYTE_TARGET_MS = 50;
/** A gigabit network. */
const BYTES_PER_SECOND = 125e6;

export const trees: Cell = {
  name: 'trees',
  async measure(bench: Bench): Promise<Row[]> {
    if (bench.options.null) return [];
    const dir = bench.newDir('trees');
    const tar = join(dir, 'artifact.tar');
    // What programs and libraries are made of: the largest honest archive of them that every machine has.
    const node = resolve(process.execPath);
    const copies = bench.options.quick ? 1 : 3;
    for (let n = 0; n < copies; n++)
      await run('tar', [n === 0 ? '-cf' : '-rf', tar, '--transform', `s,^,copy-${n}/,`, '-C', '/', node.slice(1)]);
    await pipeline(createReadStream(tar), createGzip({ level: 6 }), createWriteStream(`${tar}.gz`));
    await run('zstd', ['-q', '-3', tar, '-o', `${tar}.zst`]);
    writeFileSync(tar, '');
    const child = join(__dirname, '..', 'trees-process.js');
    const rounds = bench.options.quick ? 1 : 5;
    const said = await run('taskset', [
      '-c',
      allCores(),
      process.execPath,
      child,
      `${tar}.gz`,
      `${tar}.zst`,
      `${BYTES_PER_SECOND}`,
      `${rounds}`,
    ]);
    return rowsOf(JSON.parse(said) as TreeFigures);
  },
};

function rowsOf(found: TreeFigures): Row[] {
  const speed = (times: readonly number[]): number => found.unpackedBytes / 1e3 / median(times);
  const [zlib, gzip, zstd] = [speed(found.zlib), speed(found.gzip), speed(found.zstd)];
  const show = (times: readonly number[]): string => times.map((time) => time.toFixed(0)).join(' ');
  const last = median(found.lastByte);
  const cell = `git tree of an archive of ${(found.unpackedBytes / 1e6).toFixed(0)} MB`;
  return [
    {
      cell: `${cell}, gzip`,
      target: `≥ ${RATIO_TARGET} × zlib`,
      ours: `${gzip.toFixed(0)} MB/s`,
      nginx: '',
      others: `zlib alone ${zlib.toFixed(0)} MB/s`,
      ratio: gzip / zlib,
      reached: gzip >= RATIO_TARGET * zlib,
      note: `unpacked bytes; no core of its own for anybody; rounds ${show(found.gzip)} / ${show(found.zlib)} ms`,
    },
    { cell: `${cell}, zstd`, target: 'printed', ours: `${zstd.toFixed(0)} MB/s`, nginx: '', note: `rounds ${show(found.zstd)} ms` },
    {
      cell: `${cell}: what the verdict adds to the last byte`,
      target: `< ${LAST_BYTE_TARGET_MS} ms`,
      ours: `${last.toFixed(0)} ms`,
      nginx: '',
      reached: last < LAST_BYTE_TARGET_MS,
      note:
        `gzip, arriving at ${BYTES_PER_SECOND / 1e6} MB/s; rounds ${show(found.lastByte)} ms; ` +
        `on the event loop it took ${median(found.onLoop).toFixed(0)} ms in all`,
    },
  ];
}
