/**
 * Measures the verification of archives by their git tree, beside zlib alone, in a process of its own: `node trees-process.js <file.tar.gz>
 * <file.tar.zst> <bytes per second> <rounds>`. Prints one line of JSON (TreeFigures).
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import { TreeThreads } from '../documents/trees/tree-threads';

export interface TreeFigures {
  /** Of the tar, bytes. */
  readonly unpackedBytes: number;
  /** Milliseconds of each round. */
  readonly zlib: readonly number[];
  readonly gzip: readonly number[];
  readonly zstd: readonly number[];
  /** From the last byte of an archive that arrived at the given speed to its verdict, ms. */
  readonly lastByte: readonly number[];
  /** What of that time an archive took on the event loop of who hands it over, ms. */
  readonly onLoop: readonly number[];
}

const PIECE_BYTES = 64 * 1024;

void main(process.argv.slice(2));

async function main([gzipFile = '', zstdFile = '', speed = '', rounds = '']: readonly string[]): Promise<void> {
  const [gzip, zstd] = [readFileSync(gzipFile), readFileSync(zstdFile)];
  const threads = new TreeThreads({ most: 1, idleMs: 60_000 });
  const found = { zlib: [] as number[], gzip: [] as number[], zstd: [] as number[], lastByte: [] as number[], onLoop: [] as number[] };
  // The thread and its library are there when a cache is not just starting.
  await verify(threads, zstd);
  let unpackedBytes = 0;
  for (let round = 0; round < Number(rounds); round++) {
    let began = performance.now();
    unpackedBytes = await gunzip(gzip);
    found.zlib.push(performance.now() - began);
    began = performance.now();
    await verify(threads, gzip);
    found.gzip.push(performance.now() - began);
    began = performance.now();
    await verify(threads, zstd);
    found.zstd.push(performance.now() - began);
    const arrival = await arrive(threads, gzip, Number(speed));
    found.lastByte.push(arrival.lastByte);
    found.onLoop.push(arrival.onLoop);
  }
  await threads.close();
  const figures: TreeFigures = { unpackedBytes, ...found };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}

/** By zlib alone, as everybody uses it. @returns unpacked bytes */
async function gunzip(archive: Buffer): Promise<number> {
  const decoder = createGunzip();
  let bytes = 0;
  const ended = new Promise<void>((resolve, reject) => {
    decoder.on('data', (piece: Buffer) => void (bytes += piece.length));
    decoder.on('end', resolve);
    decoder.on('error', reject);
  });
  for (let at = 0; at < archive.length; at += PIECE_BYTES)
    if (!decoder.write(archive.subarray(at, at + PIECE_BYTES))) await new Promise((resolve) => decoder.once('drain', resolve));
  decoder.end();
  await ended;
  return bytes;
}

/** As fast as it goes. @throws Error if the archive has no tree */
async function verify(threads: TreeThreads, archive: Buffer): Promise<void> {
  const job = threads.open();
  for (let at = 0; at < archive.length; at += PIECE_BYTES) await job.write(archive.subarray(at, at + PIECE_BYTES));
  const verdict = await job.finish();
  if ('broken' in verdict) throw new Error(verdict.broken);
}

/** @param speed bytes a second at which it arrives */
async function arrive(threads: TreeThreads, archive: Buffer, speed: number): Promise<{ lastByte: number; onLoop: number }> {
  const job = threads.open();
  let onLoop = 0;
  const began = performance.now();
  for (let at = 0; at < archive.length; at += PIECE_BYTES) {
    const ahead = (at / speed) * 1000 - (performance.now() - began);
    if (ahead > 1) await sleep(ahead);
    const handing = performance.now();
    const room = job.write(archive.subarray(at, at + PIECE_BYTES));
    onLoop += performance.now() - handing;
    await room;
  }
  const ended = performance.now();
  await job.finish();
  return { lastByte: performance.now() - ended, onLoop };
}
