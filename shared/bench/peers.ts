/** Other caches beside Larder and nginx (--with-peers): what users have today. Installed below the temp directory, for the run only. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from './bench';
import { run } from './process';
import type { Server } from './servers';

/**
 * Starts another cache, measures it and ends it.
 * @returns undefined without --with-peers, or if it cannot be had: then the bench remembers why
 */
export async function withPeer<T>(
  bench: Bench,
  name: string,
  start: (bench: Bench) => Promise<Server>,
  measure: (server: Server) => Promise<T>,
): Promise<T | undefined> {
  if (!bench.options.withPeers) return undefined;
  let server: Server | undefined;
  try {
    server = await start(bench);
    return await measure(server);
  } catch (error) {
    const text = error instanceof Object && 'message' in error ? String(error.message) : String(error);
    bench.skipped.set(name, text.trim().replaceAll('\n', ' ').slice(0, 300));
    return undefined;
  } finally {
    await server?.stop();
  }
}

const PACKAGES = ['uv', 'devpi-server', 'proxpi', 'waitress'];

/** Folder with the programs of Python packages, in an environment of the bench's own; made once. @throws Error if they cannot be had */
export async function pythonPrograms(bench: Bench): Promise<string> {
  const folder = join(bench.dir, 'python-programs');
  if (!existsSync(folder)) {
    await run('python3', ['-m', 'venv', folder]);
    await run(join(folder, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', ...PACKAGES]);
  }
  return join(folder, 'bin');
}
