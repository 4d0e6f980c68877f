/** Cells: real Python installers with empty caches, through Larder and through nginx that serves the same files. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runWell } from '../../testing/clients/run';
import type { Bench, Cell, Pair, Row } from '../bench';
import { fetchAll, forEach } from '../load';
import { pythonPrograms } from '../peers';
import type { Server } from '../servers';
import { alternate } from './alternate';
import { clientRow } from './client-row';

interface Installer {
  readonly cell: string;
  readonly rounds: number;
  /** Command that puts what `requirements` names into `folder`. */
  command(index: string, requirements: string, folder: string): readonly string[];
}

export const pipClient: Cell = {
  name: 'pip-client',
  async measure(bench: Bench): Promise<Row[]> {
    const names = bench.python.stock();
    const pair = await bench.warmPair('pip');
    const installers = await installersOf(bench, names.length);
    const requirements = join(bench.dir, 'requirements.txt');
    writeFileSync(requirements, names.map((name) => `${name}\n`).join(''));
    const rows: Row[] = [];
    for (const installer of installers) {
      const install = (server: Server): Promise<number> => once(bench, pair, server, installer, requirements, names.length);
      await install(pair.larder);
      await layDown(pair, names);
      await install(pair.nginx);
      const { larder, nginx } = await alternate(pair, bench.options.quick ? 2 : installer.rounds, install);
      rows.push(clientRow({ cell: installer.cell, ours: larder, nginx, note: "nothing in the client's own cache" }));
    }
    return rows;
  },
};

/** The installers that there are; the others are remembered as skipped. */
async function installersOf(bench: Bench, count: number): Promise<Installer[]> {
  const found: Installer[] = [];
  const python = spawnSync('python3', ['-c', 'import pip, sys; print(sys.executable)'], { encoding: 'utf8' });
  const interpreter = python.stdout.trim();
  const uvCell = `warm uv pip install of ${count} distributions`;
  const uv = await uvProgram(bench);
  if (uv === undefined) bench.skipped.set(uvCell, 'there is no uv (--with-peers installs one)');
  else
    found.push({
      cell: uvCell,
      rounds: 11,
      command: (index, requirements, folder) => [
        ...[uv, 'pip', 'install', '--no-config', '--no-cache', '--quiet', '--python', interpreter, '--target', folder],
        ...['--index-url', index, '--requirement', requirements],
      ],
    });
  const pipCell = `warm pip download of ${count} distributions`;
  if (python.status !== 0) bench.skipped.set(pipCell, 'there is no python3 with pip');
  else
    found.push({
      cell: pipCell,
      rounds: 3,
      command: (index, requirements, folder) => [
        ...[
          interpreter,
          '-m',
          'pip',
          'download',
          '--isolated',
          '--no-cache-dir',
          '--quiet',
          '--disable-pip-version-check',
          '--dest',
          folder,
        ],
        ...['--index-url', index, '--requirement', requirements],
      ],
    });
  return found;
}

async function uvProgram(bench: Bench): Promise<string | undefined> {
  if (spawnSync('uv', ['--version']).status === 0) return 'uv';
  if (!bench.options.withPeers) return undefined;
  return pythonPrograms(bench).then(
    (programs) => join(programs, 'uv'),
    () => undefined,
  );
}

/** @returns time, ms @throws Error if something is missing afterwards */
async function once(bench: Bench, pair: Pair, server: Server, installer: Installer, requirements: string, count: number): Promise<number> {
  const folder = bench.newDir('installed');
  const index = server === pair.nginx && !bench.options.null ? `${server.url}/mirror/simple/` : `${server.url}/simple/`;
  // The machine's own settings are no part of this.
  const env = { PATH: process.env['PATH'], HOME: bench.dir, LANG: 'C.UTF-8', PIP_CONFIG_FILE: '/dev/null', NO_PROXY: '127.0.0.1' };
  await bench.settle();
  const began = performance.now();
  await runWell(installer.command(index, requirements, folder), { cwd: bench.dir, env });
  const milliseconds = performance.now() - began;
  const found = readdirSync(folder).filter((name) => /\.whl$|\.dist-info$/.test(name)).length;
  if (found !== count) throw new Error(`${installer.cell}: ${found} distributions`);
  rmSync(folder, { recursive: true, force: true });
  return milliseconds;
}

const ACCEPT = { json: 'application/vnd.pypi.simple.v1+json', html: 'text/html' } as const;

/** Gives nginx the pages as Larder answers them, in both forms, as they are and compressed. */
async function layDown(pair: Pair, names: readonly string[]): Promise<void> {
  await forEach(names, async (name) => {
    const folder = join(pair.nginx.dir, 'mirror/simple', name);
    mkdirSync(folder, { recursive: true });
    for (const [form, Accept] of Object.entries(ACCEPT)) {
      const url = `${pair.larder.url}/simple/${name}/`;
      writeFileSync(join(folder, `index.${form}`), (await fetchAll(url, { Accept })).body);
      const zipped = await fetchAll(url, { Accept, 'Accept-Encoding': 'gzip' });
      if (zipped.headers['content-encoding'] === 'gzip') writeFileSync(join(folder, `index.${form}.gz`), zipped.body);
    }
  });
}
