/** devpi-server and proxpi as mirrors of the local index. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from './bench';
import { SERVER_CORE } from './machine';
import { pythonPrograms } from './peers';
import { cpuMs, launch, run } from './process';
import { accepting, freePort, type Server } from './servers';

/** Pages are below `/root/pypi/+simple`. @throws Error if it cannot be had, or does not start */
export async function startDevpi(bench: Bench): Promise<Server> {
  const programs = await pythonPrograms(bench);
  const dir = bench.newDir('devpi');
  await run(join(programs, 'devpi-init'), ['--serverdir', join(dir, 'server'), '--root-passwd', 'bench'], dir);
  const port = await freePort();
  const server = await started(dir, port, [join(programs, 'devpi-server'), '--serverdir', join(dir, 'server'), '--port', String(port)], {});
  const login = await ask(`${server.url}/+login`, 'POST', { user: 'root', password: 'bench' });
  const { result } = (await login.json()) as { result: { password: string } };
  const token = Buffer.from(`root:${result.password}`).toString('base64');
  const mirror = [`mirror_url=http://${bench.upstream}/simple/`, `mirror_web_url_fmt=http://${bench.upstream}/{name}`];
  await ask(`${server.url}/root/pypi`, 'PATCH', mirror, { 'X-Devpi-Auth': token });
  return server;
}

/** Pages are below `/index`. @throws Error if it cannot be had, or does not start */
export async function startProxpi(bench: Bench): Promise<Server> {
  const programs = await pythonPrograms(bench);
  const dir = bench.newDir('proxpi');
  const port = await freePort();
  mkdirSync(join(dir, 'cache'));
  const settings = {
    PROXPI_INDEX_URL: `http://${bench.upstream}/simple/`,
    PROXPI_CACHE_DIR: join(dir, 'cache'),
    PROXPI_LOGGING_LEVEL: 'WARNING',
  };
  return started(dir, port, [join(programs, 'waitress-serve'), `--listen=127.0.0.1:${port}`, 'proxpi.server:app'], settings);
}

async function started(dir: string, port: number, command: readonly string[], settings: Readonly<Record<string, string>>): Promise<Server> {
  const [program = '', ...values] = command;
  const output = join(dir, 'output.log');
  const env = { PATH: process.env['PATH'], HOME: dir, ...settings };
  const child = launch(program, values, { cores: SERVER_CORE, output, env, cwd: dir });
  await accepting(port, child, output, 60_000);
  // The name only labels errors.
  return { name: 'nginx', url: `http://127.0.0.1:${port}`, port, dir, pid: child.pid, cpuMs: () => cpuMs(child.pid), stop: child.stop };
}

/** @throws Error on a status of 400 or more */
async function ask(url: string, method: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  const response = await fetch(url, {
    method,
    body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', Accept: 'application/json', ...headers },
  });
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`);
  return response;
}
