/** Cells: process start to listening, and to the first byte of a held tarball. No core is named: this is what a person waits for. */
import { connect } from 'node:net';
import type { Bench, Cell, Row } from '../bench';
import { median } from '../load';
import { allCores } from '../machine';
import { freePort, spawnPeer, type PeerName } from '../servers';
import { warmUp } from './tarballs';

const LISTENING_TARGET_MS = 150;
const FIRST_TARGET_MS = 200;
const LIMIT_MS = 10_000;

interface Start {
  readonly listeningMs: number;
  readonly firstByteMs: number;
}

export const startUp: Cell = {
  name: 'start-up',
  async measure(bench: Bench): Promise<Row[]> {
    const held = bench.corpus.add('held', 100_000);
    const pair = { larder: await bench.start('larder'), nginx: await bench.start('nginx') };
    await warmUp(pair, [held]);
    await pair.larder.stop();
    await pair.nginx.stop();
    const starts: Record<PeerName, Start[]> = { larder: [], nginx: [] };
    for (let round = 0; round < (bench.options.quick ? 3 : 10); round++) {
      for (const name of ['nginx', 'larder'] as const) {
        const child = { dir: pair[name].dir, upstream: bench.upstream, files: bench.files, cores: allCores(), port: await freePort() };
        starts[name].push(await timeStart(bench.seat(name), child, held.tarball));
      }
    }
    const row = (cell: string, key: keyof Start, target: number): Row => {
      const [ours, nginx] = [starts.larder, starts.nginx].map((all) => median(all.map((start) => start[key]))) as [number, number];
      const note = `all: ${starts.larder.map((start) => start[key].toFixed(0)).join(' ')} ms`;
      return {
        cell,
        target: `≤ ${target} ms`,
        ours: `${ours.toFixed(0)} ms`,
        nginx: `${nginx.toFixed(0)} ms`,
        reached: ours <= target,
        note,
      };
    };
    return [
      row('process start to listening', 'listeningMs', LISTENING_TARGET_MS),
      row('process start to the first byte of a held tarball', 'firstByteMs', FIRST_TARGET_MS),
    ];
  },
};

async function timeStart(name: PeerName, options: Parameters<typeof spawnPeer>[1], target: string): Promise<Start> {
  const began = performance.now();
  const child = spawnPeer(name, options);
  try {
    for (;;) {
      const found = await attempt(options.port, target, began);
      if (found !== undefined) return found;
      if (performance.now() - began > LIMIT_MS) throw new Error(`${name} does not listen after ${LIMIT_MS} ms`);
    }
  } finally {
    await child.stop();
  }
}

/** One connection with one request; undefined if nobody listens yet. */
function attempt(port: number, target: string, began: number): Promise<Start | undefined> {
  return new Promise((done, fail) => {
    let listeningMs = 0;
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      listeningMs = performance.now() - began;
      socket.write(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`);
    });
    socket.once('data', (chunk: Buffer) => {
      const firstByteMs = performance.now() - began;
      socket.destroy();
      const line = chunk.subarray(0, 15).toString('latin1');
      if (line.startsWith('HTTP/1.1 200')) done({ listeningMs, firstByteMs });
      else fail(new Error(`after a start: ${line}`));
    });
    // Refused: asked again after a short pause, so that asking does not take the processor from the one that starts.
    socket.once('error', () => setTimeout(() => done(undefined), 1));
  });
}
