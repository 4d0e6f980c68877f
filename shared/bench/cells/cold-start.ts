/**
 * Cell: a client connects to a socket whose cache does not run. From connect() to the first byte of the body of a held 100 KB object, with warm
 * page cache. The sockets are a stand-in's for systemd (shared/testing/activation/activator.py), which then starts the cache as systemd
 * would, without the time that systemd takes for itself (10 to 20 ms).
 */
import { connect } from 'node:net';
import type { Bench, Cell, Row } from '../bench';
import { median } from '../load';
import { activate, type Activated } from '../../testing/activation/activated';

const TARGET_MS = 200;
const BYTES = 100_000;

export const coldStart: Cell = {
  name: 'cold-start',
  async measure(bench: Bench): Promise<Row[]> {
    const held = bench.corpus.add('woken', BYTES);
    const filled = await bench.start('larder');
    await fill(filled.url + held.tarball);
    await filled.stop();
    const env = { CACHE_DIR: `${filled.dir}/store`, STATE_DIR: `${filled.dir}/state` };
    const cache = await activate({ home: filled.dir, upstream: `http://${bench.upstream}`, env });
    const times: number[] = [];
    try {
      // The first one is for the page cache.
      for (let round = 0; round <= (bench.options.quick ? 5 : 20); round++) {
        times.push(await firstByte(cache.port, held.tarball));
        await end(cache);
      }
    } finally {
      await cache.close();
    }
    const all = times.slice(1);
    return [
      {
        cell: 'cold start by socket: from the first SYN to the first byte of a held 100 KB object',
        target: `< ${TARGET_MS} ms`,
        ours: `${median(all).toFixed(0)} ms`,
        nginx: '',
        reached: median(all) < TARGET_MS,
        note: `all cores; worst ${Math.max(...all).toFixed(0)} ms; all: ${all.map((each) => each.toFixed(0)).join(' ')} ms`,
      },
    ];
  },
};

/** Until it is held. */
async function fill(url: string): Promise<void> {
  for (const end = Date.now() + 10_000; Date.now() < end;) {
    const response = await fetch(url);
    await response.arrayBuffer();
    if (response.headers.get('x-cache') === 'hit') return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`${url} is not held`);
}

/** So that the next connection starts it again. */
async function end(cache: Activated): Promise<void> {
  cache.signal(15);
  await cache.ended();
}

/** ms from connect() until a byte behind the head of a good answer is there. */
function firstByte(port: number, target: string): Promise<number> {
  return new Promise((done, fail) => {
    const began = performance.now();
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`);
    });
    let text = '';
    socket.on('data', (piece: Buffer) => {
      const ms = performance.now() - began;
      text += piece.toString('latin1');
      const body = text.indexOf('\r\n\r\n') + 4;
      if (body < 4 || body === text.length) return;
      socket.removeAllListeners('data').resume();
      if (!/^HTTP\/1\.1 200 [^]*\r\nx-cache: hit\r\n/i.test(text.slice(0, body))) return void fail(new Error(text.slice(0, body)));
      socket.once('close', () => done(ms));
    });
    socket.once('error', fail);
  });
}
