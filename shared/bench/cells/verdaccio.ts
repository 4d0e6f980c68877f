/** Cells: Verdaccio 6 beside the others (--with-peers): what users of a private registry have today. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NPM_ABBREVIATED, type Bench, type Cell, type Row } from '../bench';
import { fetchAll, load, median } from '../load';
import { SERVER_CORE } from '../machine';
import { cpuMs, launch, rssAnonBytes, run } from '../process';
import { accepting, freePort, type Server } from '../servers';
import { LARGE_VERSIONS, SMALL_VERSIONS } from './documents';

const VERSION = '6.8.0';

export const verdaccio: Cell = {
  name: 'verdaccio',
  async measure(bench: Bench): Promise<Row[]> {
    const server = await startVerdaccio(bench);
    bench.corpus.addDocument('small-document', SMALL_VERSIONS);
    bench.corpus.addDocument('large-document', LARGE_VERSIONS);
    const held = bench.corpus.add('beside-verdaccio', 10_000);
    const rows: Row[] = [];
    const cells: [string, string, Record<string, string>][] = [
      ['tarball 10 KB', held.tarball, { Accept: '*/*' }],
      ['packument 28 KB, abbreviated, gzip', '/small-document', { Accept: NPM_ABBREVIATED, 'Accept-Encoding': 'gzip,deflate' }],
      ['packument 5 MB, abbreviated, gzip', '/large-document', { Accept: NPM_ABBREVIATED, 'Accept-Encoding': 'gzip,deflate' }],
    ];
    await fetchAll(server.url + held.document);
    for (const [label, target, headers] of cells) {
      const { status } = await fetchAll(server.url + target, headers);
      if (status !== 200) throw new Error(`verdaccio: ${target}: status ${status}`);
      // wrk counts a request as failed after 10 s; 64 at once on a 5 MB packument would wait longer.
      const connections = label.includes('5 MB') ? 4 : 64;
      const rates: number[] = [];
      for (let round = 0; round < bench.rounds; round++) {
        const seconds = bench.options.quick ? 3 : 4;
        rates.push((await load({ server, targets: [target], headers, connections, seconds, dir: bench.dir })).perSecond);
      }
      const rate = median(rates);
      rows.push({
        cell: `Verdaccio ${VERSION}: ${label}, hits/s`,
        target: 'printed',
        ours: '',
        nginx: '',
        note: `${rate < 10 ? rate.toFixed(1) : Math.round(rate)} hits/s`,
      });
    }
    const megabytes = (rssAnonBytes(server.pid) / 1e6).toFixed(0);
    rows.push({
      cell: `Verdaccio ${VERSION}: memory (RssAnon) after that`,
      target: 'printed',
      ours: '',
      nginx: '',
      note: `${megabytes} MB`,
    });
    await server.stop();
    return rows;
  },
};

async function startVerdaccio(bench: Bench): Promise<Server> {
  const dir = bench.newDir('verdaccio');
  const port = await freePort();
  const manifest = { private: true, dependencies: { verdaccio: VERSION }, overrides: { 'node-fetch': '2.7.0' } };
  writeFileSync(join(dir, 'package.json'), JSON.stringify(manifest));
  await run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], dir);
  mkdirSync(join(dir, 'storage'));
  writeFileSync(
    join(dir, 'config.yaml'),
    `storage: ${join(dir, 'storage')}
uplinks:
  local:
    url: http://${bench.upstream}/
    maxage: 1d
packages:
  '**':
    access: $all
    proxy: local
log: { type: file, path: ${join(dir, 'access.log')}, format: pretty, level: http }
`,
  );
  const program = join(dir, 'node_modules/verdaccio/bin/verdaccio');
  const output = join(dir, 'output.log');
  const args = [program, '--config', join(dir, 'config.yaml'), '--listen', `http://127.0.0.1:${port}`];
  const child = launch(process.execPath, args, { cores: SERVER_CORE, output, cwd: dir });
  await accepting(port, child, output);
  // The name only labels errors.
  return { name: 'larder', url: `http://127.0.0.1:${port}`, port, dir, pid: child.pid, cpuMs: () => cpuMs(child.pid), stop: child.stop };
}
