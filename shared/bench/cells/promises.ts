/** Cells: what a full Packages index costs: until all that it promises is known, and what others notice of it meanwhile. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stanza } from '../../testing/deb';
import type { Bench, Cell, Row } from '../bench';
import { fetchAll, median } from '../load';
import { rssAnonBytes } from '../process';
import type { Server } from '../servers';
import { Probe } from './probe';

const LEARNT_TARGET_S = 3;
const PROBE_TARGET_MS = 20;
const MEMORY_TARGET_MB = 350;
const LIMIT_MS = 60_000;
/** As many as Debian's main has for amd64. */
const STANZAS = 63_000;
const SUITE = 'full';

interface Found {
  readonly seconds: number;
  readonly longestMs: number;
  readonly quietMs: number;
  readonly highestBytes: number;
  readonly files: number;
}

export const promises: Cell = {
  name: 'promises',
  async measure(bench: Bench): Promise<Row[]> {
    if (bench.options.null) return [];
    const { body, from } = await packagesIndex();
    bench.debian.addSuite(SUITE, new Map([['main/binary-amd64/Packages.xz', body]]));
    const all: Found[] = [];
    for (let round = 0; round < (bench.options.quick ? 1 : 5); round++) all.push(await learn(bench));
    const seconds = median(all.map((each) => each.seconds));
    const longest = median(all.map((each) => each.longestMs));
    const highest = Math.max(...all.map((each) => each.highestBytes)) / 1e6;
    const show = (values: readonly number[], digits = 0): string => values.map((value) => value.toFixed(digits)).join(' ');
    const cell = `Packages.xz of ${all[0]?.files.toLocaleString('en')} packages`;
    return [
      {
        cell: `${cell}: from its arrival until all pins are learnt`,
        target: `< ${LEARNT_TARGET_S} s`,
        ours: `${seconds.toFixed(2)} s`,
        nginx: '',
        reached: seconds < LEARNT_TARGET_S,
        note: `${from}, ${(body.length / 1e6).toFixed(1)} MB; all threads on one core; all: ${show(
          all.map((each) => each.seconds),
          2,
        )} s`,
      },
      {
        cell: `${cell}: longest wait of another request meanwhile`,
        target: `≤ ${PROBE_TARGET_MS} ms`,
        ours: `${longest.toFixed(0)} ms`,
        nginx: '',
        reached: longest <= PROBE_TARGET_MS,
        note:
          `/_cache/health asked 5 ms after each answer, from before the index is asked for until after it is learnt; ` +
          `all: ${show(all.map((each) => each.longestMs))} ms; before: ${show(all.map((each) => each.quietMs))} ms`,
      },
      {
        cell: `${cell}: memory (RssAnon), highest`,
        target: `≤ ${MEMORY_TARGET_MB} MB`,
        ours: `${highest.toFixed(0)} MB`,
        nginx: '',
        reached: highest <= MEMORY_TARGET_MB,
        note: `sampled every 10 ms; all: ${show(all.map((each) => each.highestBytes / 1e6))} MB`,
      },
    ];
  },
};

/** One cold cache that is asked for the index. @throws Error if its promises are not learnt */
async function learn(bench: Bench): Promise<Found> {
  const server = await bench.start('larder', { cache: 'apt' });
  // Its own limit is another one than that of all other cells.
  bench.memory.unwatch(server.pid);
  let highestBytes = 0;
  const watch = setInterval(() => (highestBytes = Math.max(highestBytes, rssAnonBytes(server.pid))), 10);
  try {
    const quiet = new Probe(`${server.url}/_cache/health`, 5);
    await sleep(500);
    const quietMs = await quiet.end();
    // The first request to any upstream loads what it takes to ask one.
    const { status } = await fetchAll(`${server.url}/debian/dists/${SUITE}/Release`);
    const probe = new Probe(`${server.url}/_cache/health`, 5);
    const index = await fetchAll(`${server.url}/debian/dists/${SUITE}/main/binary-amd64/Packages.xz`);
    const arrived = performance.now();
    if (status !== 200 || index.status !== 200) throw new Error(`status ${status} and ${index.status}`);
    const { files, milliseconds } = await learnt(server, arrived + LIMIT_MS);
    // It may have been read before this client had all of it: then by what the cache itself says of the time since it had all of it.
    const seconds = Math.max(milliseconds, performance.now() - arrived) / 1000;
    await sleep(300);
    return { seconds, longestMs: await probe.end(), quietMs, highestBytes, files };
  } finally {
    clearInterval(watch);
    await bench.discard(server);
  }
}

/** Waits for the event in the log. @returns how many files are promised, and how long it took by the cache's own clock */
async function learnt(server: Server, until: number): Promise<{ readonly files: number; readonly milliseconds: number }> {
  const log = join(server.dir, 'state/log/apt.log');
  for (; performance.now() < until; await sleep(10)) {
    const line = existsSync(log)
      ? readFileSync(log, 'utf8')
          .split('\n')
          .find((each) => each.includes('promises-learnt'))
      : undefined;
    const [, files, milliseconds] = /\bfiles=(\d+) ms=(\d+)/.exec(line ?? '') ?? [];
    if (files !== undefined) return { files: Number(files), milliseconds: Number(milliseconds) };
  }
  throw new Error('the promises were not learnt');
}

/** This machine's largest Packages index as its archive has it; one made up if there is none. */
async function packagesIndex(): Promise<{ readonly body: Buffer; readonly from: string }> {
  const found = spawnSync('apt-get', ['indextargets', '--format', '$(URI)', 'Created-By: Packages'], { encoding: 'utf8' });
  const uri = (found.stdout ?? '').split('\n').find((each) => /^http.*\/main\/binary-amd64\/Packages$/.test(each));
  if (uri !== undefined) {
    const signal = AbortSignal.timeout(30_000);
    const body = await fetch(`${uri}.xz`, { signal })
      .then(async (response) => (response.ok ? Buffer.from(await response.arrayBuffer()) : undefined))
      .catch(() => undefined);
    if (body !== undefined && body.length > 5_000_000) return { body, from: "the index of this machine's archive" };
  }
  return { body: execFileSync('xz', ['-c', '-2'], { input: madeUp(), maxBuffer: 1 << 28 }), from: 'a made-up index' };
}

/** Stanzas with the fields, lengths and digests that Debian's have. */
function madeUp(): string {
  return Array.from({ length: STANZAS }, (_, index) => {
    const name = `package-${createHash('md5').update(String(index)).digest('hex').slice(0, 12)}`;
    const digest = (algorithm: string): string => createHash(algorithm).update(name).digest('hex');
    const version = `${index % 9}.${index % 40}-${1 + (index % 5)}`;
    return `${stanza({
      Package: name,
      Version: version,
      'Installed-Size': String(10 + (index % 9000)),
      Maintainer: `Maintainers of ${name} <${name}@example.org>`,
      Architecture: 'amd64',
      Depends: `libc6 (>= 2.${index % 36}), libgcc-s1 (>= 3.0), library-${index % 4000} (>= ${version}), library-${index % 611}`,
      Description: `what ${name} is for, in one line of usual length`,
      Homepage: `https://example.org/projects/${name}`,
      'Description-md5': digest('md5'),
      Tag: 'devel::library, implemented-in::c, role::shared-lib, scope::utility, use::converting, works-with::file',
      Section: 'libs',
      Priority: 'optional',
      Filename: `pool/main/p/${name}/${name}_${version}_amd64.deb`,
      Size: String(5000 + index * 13),
      MD5sum: digest('md5'),
      SHA256: digest('sha256'),
    })}\n`;
  }).join('');
}
