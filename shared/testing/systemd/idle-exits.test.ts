/**
 * No connection is ever lost: three caches fall asleep 300 times while clients come just then. And how long the first client of a sleeping
 * cache waits: measured, printed and written to cold-start.json in LARDER_E2E_FOLDER.
 */
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onMachine } from './obstacle';
import { openScene, PORTS, type CacheName, type Scene } from './scene';

let scene: Scene;
/** IDLE_EXIT, ms. */
const NAP_MS = 300;
const EXITS = 100;
/** Clients come so much before and after the moment at which the cache would leave, ms. */
const BEFORE_MS = 40;
const AFTER_MS = 120;
const HELD = 100_000;

afterAll(async () => scene?.close(), 60_000);

/** What came back on a connection of its own, and when, ms after the first packet was sent. */
interface Visit {
  readonly firstByteMs: number;
  readonly text: string;
  /** '' if nothing was wrong. */
  readonly failure: string;
}

/** @param hesitationMs time between connection and request */
function visit(cache: CacheName, target: string, hesitationMs = 0): Promise<Visit> {
  return new Promise((done) => {
    const began = performance.now();
    let firstByteMs = 0;
    let text = '';
    const end = (failure: string): void => done({ firstByteMs, text, failure });
    const socket = connect(PORTS[cache], scene.cable.there);
    const request = `GET ${target} HTTP/1.1\r\nHost: ${scene.cable.there}:${PORTS[cache]}\r\nConnection: close\r\n\r\n`;
    const send = (): void => void socket.write(request);
    socket.once('connect', () => (hesitationMs > 0 ? setTimeout(send, hesitationMs) : send()));
    socket.on('data', (piece) => {
      firstByteMs ||= performance.now() - began;
      text += piece.toString('latin1');
    });
    socket.once('error', (error) => end(error.message));
    socket.once('close', () => end(text.startsWith('HTTP/1.1 200 ') ? '' : `closed after "${text.slice(0, 80)}"`));
    socket.setTimeout(60_000, () => socket.destroy(new Error('nothing came for a minute')));
  });
}

const starts = async (cache: CacheName): Promise<number> =>
  Number(await scene.show(`cache-${cache}.service`, 'NRestarts')) +
  ((await scene.journal(`cache-${cache}.service`)).match(/^Starting /gm) ?? []).length;

async function disturb(cache: CacheName, target: string): Promise<{ readonly visits: number; readonly failures: readonly string[] }> {
  const failures: string[] = [];
  let visits = 0;
  for (let seen = 0; seen < EXITS; seen = await starts(cache)) {
    for (let turn = 0; turn < Math.max(1, EXITS - seen); turn++) {
      const random = Math.random();
      const { failure } = await visit(cache, target, random < 0.3 ? random * 100 : 0);
      visits++;
      if (failure !== '') failures.push(`visit ${visits}: ${failure}`);
      await sleep(NAP_MS - BEFORE_MS + Math.random() * (BEFORE_MS + AFTER_MS));
    }
  }
  return { visits, failures };
}

onMachine(
  '300 idle exits while clients come: not one connection is lost',
  async () => {
    scene = await openScene({ IDLE_EXIT: `${NAP_MS}ms` });
    scene.registry.addPackage({ name: 'small', versions: { '1.0.0': { tarball: Buffer.alloc(HELD, 'x') } } });
    scene.registry.upstream.on('/simple/demo/', {
      body: '<!DOCTYPE html><html><body></body></html>',
      headers: { 'content-type': 'text/html' },
    });
    scene.archive.addPackage({ name: 'hello', version: '1.0-1' }).publish();
    await scene.made(['install-sockets']);
    const { host } = new URL(scene.archive.url);
    const [npm, apt, pip] = await Promise.all([
      disturb('npm', scene.registry.tarballTarget('small', '1.0.0')),
      disturb('apt', `/${host}${scene.archive.root}${scene.archive.pool('hello')}`),
      disturb('pip', '/simple/demo/'),
    ]);
    expect([npm.failures, apt.failures, pip.failures]).toEqual([[], [], []]);
    for (const cache of ['npm', 'apt', 'pip'] as const) {
      expect(await starts(cache)).toBeGreaterThanOrEqual(EXITS);
      expect(await scene.show(`cache-${cache}.socket`, 'ActiveState')).toBe('active');
    }
    process.stdout.write(`idle exits: ${EXITS} of each of three caches, ${npm.visits + apt.visits + pip.visits} connections, 0 lost\n`);
  },
  600_000,
);

onMachine(
  'the cold start of a held object by its socket: 20 times the right bytes',
  async () => {
    const waits: number[] = [];
    for (let turn = 0; turn < 20; turn++) {
      await scene.comesTo('cache-npm.service', 'inactive');
      await sleep(200);
      const { firstByteMs, text, failure } = await visit('npm', scene.registry.tarballTarget('small', '1.0.0'));
      expect(failure).toBe('');
      expect(text).toMatch(/\r\nx-cache: hit\r\n/i);
      expect(text.length).toBeGreaterThan(HELD);
      waits.push(Math.round(firstByteMs));
    }
    waits.sort((a, b) => a - b);
    const figures = { medianMs: waits[10], worstMs: waits[19], bytes: HELD, load: loadavg()[0] };
    writeFileSync(join(process.env['LARDER_E2E_FOLDER'] ?? '', 'cold-start.json'), `${JSON.stringify(figures)}\n`);
    process.stdout.write(`cold start by socket, first SYN to first byte: ${JSON.stringify(figures)}\n`);
  },
  300_000,
);
