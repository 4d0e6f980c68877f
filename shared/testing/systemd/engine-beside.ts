/**
 * A Docker engine for a machine of a test: it runs beside the machine, in the machine's network (so that what is published there can be reached there),
 * and its socket is in the machine's file system. In the machine itself it cannot run: nspawn gives it no control groups to write.
 */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, mkdirSync, openSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { run } from '../clients/run';
import { until } from '../until';
import type { Machine } from './machine';

const REPOSITORY = resolve(__dirname, '../../../..');
/** DOCKER_HOST, inside. */
export const ENGINE = 'unix:///var/engine.sock';
const PLUGIN = join(process.env['LARDER_E2E_PROGRAMS'] ?? '', 'docker-compose');

/** Why there can be none; '' if there can. */
export function noEngine(): string {
  for (const program of ['docker', 'dockerd', 'iptables', PLUGIN]) {
    try {
      execFileSync('sh', ['-c', 'command -v "$1"', 'sh', program]);
    } catch {
      return `there is no ${program}`;
    }
  }
  return '';
}

/** Starts it, with client and Compose in the machine, and the image of this appliance as `larder`. @returns what ends it */
export async function startEngineBeside(machine: Machine): Promise<() => Promise<void>> {
  const { root, cable } = machine;
  const folder = join(dirname(root), 'engine');
  const plugins = join(root, 'usr/local/lib/docker/cli-plugins');
  for (const each of [folder, plugins]) mkdirSync(each, { recursive: true });
  copyFileSync(realpathSync(which('docker')), join(root, 'usr/local/bin/docker'));
  copyFileSync(PLUGIN, join(plugins, 'docker-compose'));
  cable.ip('route', 'add', 'default', 'via', cable.here);
  const log = openSync(join(folder, 'log'), 'w');
  const places = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec'), '--pidfile', join(folder, 'pid')];
  const socket = `unix://${root}/var/engine.sock`;
  const child = spawn(
    'nsenter',
    [`--net=${cable.namespace}`, 'unshare', '--mount', 'dockerd', ...places, '--dns', '127.0.0.1', '-H', socket],
    {
      stdio: ['ignore', log, log],
    },
  );
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await until('the engine is gone', () => child.exitCode !== null || child.signalCode !== null, { mostMs: 60_000, lookMs: 100 });
  };
  const env = { ...process.env, DOCKER_HOST: socket };
  await until(
    'the engine answers',
    async () => {
      if (child.exitCode !== null) throw new Error(`the engine does not start: ${readFileSync(join(folder, 'log'), 'utf8').slice(-800)}`);
      return (await run(['docker', 'version'], { cwd: '/', env })).code === 0;
    },
    { mostMs: 60_000, lookMs: 200 },
  );
  importImage(join(folder, 'image'), env);
  return stop;
}

/** The tree that the Dockerfile makes, over this machine's Node and nothing else; what it declares besides. How it is built has tests of its own. */
function importImage(tree: string, env: NodeJS.ProcessEnv): void {
  execFileSync(process.execPath, [join(REPOSITORY, 'dist/shared/cli/containers/image-tree-process.js'), tree], { cwd: REPOSITORY });
  for (const each of ['usr/bin', 'tmp', 'etc']) mkdirSync(join(tree, each), { recursive: true });
  chmodSync(join(tree, 'tmp'), 0o1777);
  cpSync(realpathSync(process.execPath), join(tree, 'usr/bin/node'));
  const native = readdirSync(tree, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.node'));
  const programs = [process.execPath, ...native.map((name) => join(tree, name))];
  const libraries = execFileSync('ldd', programs, { encoding: 'utf8' }).match(/\/lib\S+[^:\s]/g) ?? [];
  for (const library of libraries) {
    mkdirSync(join(tree, dirname(library)), { recursive: true });
    copyFileSync(realpathSync(library), join(tree, library));
  }
  const [, own = ''] = readFileSync(join(REPOSITORY, 'Dockerfile'), 'utf8').split(/^COPY --from=build.*\n/m);
  const changes = own.split('\n').filter((line) => /^(?:WORKDIR|ENV|USER|VOLUME|HEALTHCHECK|ENTRYPOINT|CMD) /.test(line));
  const words = ['ENV PATH=/usr/bin', ...changes].flatMap((change) => ['--change', change]);
  execFileSync('sh', ['-c', 'tree=$1; shift; tar -C "$tree" -c . | docker import "$@" - larder', 'sh', tree, ...words], { env });
  rmSync(tree, { recursive: true });
}

function which(program: string): string {
  return execFileSync('sh', ['-c', 'command -v "$1"', 'sh', program], { encoding: 'utf8' }).trim();
}
