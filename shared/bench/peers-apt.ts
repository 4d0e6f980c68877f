/** apt-cacher-ng as Debian has it, unpacked without being installed. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from './bench';
import { SERVER_CORE } from './machine';
import { cpuMs, launch, run } from './process';
import { accepting, lowPort, type Server } from './servers';

/** @throws Error if it cannot be had, or does not start */
export async function startAptCacherNg(bench: Bench): Promise<Server> {
  const root = await unpack(bench);
  const dir = bench.newDir('apt-cacher-ng');
  const port = await lowPort();
  for (const folder of ['cache', 'log', 'conf']) mkdirSync(join(dir, folder));
  const settings = {
    Port: port,
    BindAddress: '127.0.0.1',
    CacheDir: join(dir, 'cache'),
    LogDir: join(dir, 'log'),
    SocketPath: join(dir, 'socket'),
    PidFile: join(dir, 'pid'),
    SupportDir: join(root, 'usr/lib/apt-cacher-ng'),
    ReportPage: 'acng-report.html',
    // Archives on any port.
    AllowUserPorts: 0,
    ForeGround: 1,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}: ${value}\n`);
  writeFileSync(join(dir, 'conf/acng.conf'), lines.join(''));
  const libraries = readdirSync(join(root, 'usr/lib'), { withFileTypes: true }).filter((each) => each.isDirectory());
  const LD_LIBRARY_PATH = ['lib', 'usr/lib'].flatMap((base) => libraries.map(({ name }) => join(root, base, name))).join(':');
  const output = join(dir, 'output.log');
  const env = { PATH: process.env['PATH'], HOME: dir, LD_LIBRARY_PATH };
  const child = launch(join(root, 'usr/sbin/apt-cacher-ng'), ['-c', join(dir, 'conf')], { cores: SERVER_CORE, output, env, cwd: dir });
  await accepting(port, child, output);
  // The name only labels errors.
  return { name: 'nginx', url: `http://127.0.0.1:${port}`, port, dir, pid: child.pid, cpuMs: () => cpuMs(child.pid), stop: child.stop };
}

/** Fetches the package, and what it needs of what this machine lacks; once. @returns the folder */
async function unpack(bench: Bench): Promise<string> {
  const root = join(bench.dir, 'apt-cacher-ng');
  if (existsSync(root)) return root;
  const archives = join(bench.dir, 'apt-cacher-ng-debs');
  mkdirSync(join(archives, 'partial'), { recursive: true });
  const options = [`Dir::Cache::Archives=${archives}`, 'Debug::NoLocking=1', 'APT::Sandbox::User=root'].flatMap((option) => ['-o', option]);
  await run('apt-get', ['-q', '-y', '--no-install-recommends', '--download-only', ...options, 'install', 'apt-cacher-ng']);
  for (const name of readdirSync(archives).filter((each) => each.endsWith('.deb'))) await run('dpkg', ['-x', join(archives, name), root]);
  return root;
}
