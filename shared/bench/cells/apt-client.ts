/** Cell: a real apt with empty lists and an empty cache, through Larder and through nginx that serves the same files. */
import type { Bench, Cell, Row } from '../bench';
import { median } from '../load';
import { makeAptRoot, noApt, type AptRoot } from '../../testing/apt-root';
import type { PeerName, Server } from '../servers';
import { alternate } from './alternate';
import { clientRow } from './client-row';

export const aptClient: Cell = {
  name: 'apt-client',
  async measure(bench: Bench): Promise<Row[]> {
    const { install } = bench.debian.stock(bench.options.quick);
    const cell = `warm apt-get update and download of ${install.length} packages`;
    const why = noApt();
    if (why !== '') {
      bench.skipped.set(cell, why);
      return [];
    }
    const pair = await bench.warmPair('apt');
    const roots: Record<PeerName, AptRoot> = {
      larder: rootFor(bench, pair.larder, '/debian'),
      nginx: rootFor(bench, pair.nginx, bench.options.null ? '/debian' : '/mirror/debian'),
    };
    try {
      const names = install.map(({ name }) => name);
      for (const name of ['larder', 'nginx'] as const) await once(bench, roots[name], names);
      const updates: Record<PeerName, number[]> = { larder: [], nginx: [] };
      const { larder, nginx } = await alternate(pair, bench.options.quick ? 2 : 7, async ({ name }) => {
        const { updateMs, allMs } = await once(bench, roots[name], names);
        updates[name].push(updateMs);
        return allMs;
      });
      const [ours, theirs] = [median(updates.larder), median(updates.nginx)];
      const note = `both as a proxy; update alone ${ours.toFixed(0)} / ${theirs.toFixed(0)} ms`;
      return [clientRow({ cell, ours: larder, nginx, note })];
    } finally {
      for (const root of Object.values(roots)) root.close();
    }
  },
};

/** Both servers are asked as a proxy, so that the client does the same. */
function rootFor(bench: Bench, server: Server, archive: string): AptRoot {
  return makeAptRoot({
    sources: [`deb [${bench.debian.trust}] http://${bench.upstream}${archive} stable main`],
    conf: [`Acquire::http::Proxy "${server.url}/";`],
  });
}

/** @throws Error with what apt says if anything is not there */
async function once(bench: Bench, root: AptRoot, names: readonly string[]): Promise<{ readonly updateMs: number; readonly allMs: number }> {
  root.clean();
  await bench.settle();
  const began = performance.now();
  const update = await root.apt('update');
  const updateMs = performance.now() - began;
  const install = await root.apt('install', '--download-only', ...names);
  const allMs = performance.now() - began;
  if (update.code !== 0 || install.code !== 0 || root.archives().length !== names.length)
    throw new Error(`apt-get: ${update.stderr}${install.stderr || install.stdout.slice(-500)}; ${root.archives().length} files`);
  return { updateMs, allMs };
}
