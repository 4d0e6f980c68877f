/** Real servers as origins of a mirror: a program is started on a port of this machine, and ended by its process. */
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { canConnect, freePort } from '../ports';
import { until } from '../until';

/** A program that serves as an origin. */
export interface OriginProgram {
  readonly port: number;
  readonly url: string;
  stop(): Promise<void>;
}

/** The path of a program, if this machine has it: in PATH, where system programs are, or where Go puts what it builds. */
export function programOf(name: string): string | undefined {
  const go = spawnSync('go', ['env', 'GOPATH'], { encoding: 'utf8' });
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  if (go.status === 0) folders.push(join(go.stdout.trim(), 'bin'));
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

/** Builds a program by `go install` into a folder. Takes minutes. @returns its path @throws Error with what Go said */
export function built(name: string, module: string, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const done = spawnSync('go', ['install', module], { env: { ...process.env, GOBIN: folder }, encoding: 'utf8', timeout: 1_200_000 });
  if (done.status !== 0) throw new Error(`go install ${module}: ${done.stderr.slice(-2000)}`);
  return join(folder, name);
}

/** @param command of a port @returns when it listens */
export async function startOrigin(
  command: (port: number) => readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<OriginProgram> {
  const port = await freePort();
  const [program = '', ...values] = command(port);
  const child = spawn(program, values, { env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (text: Buffer) => (said = (said + text.toString()).slice(-4000)));
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  await until(`${program} listens`, () => child.exitCode !== null || canConnect(port));
  if (child.exitCode !== null) throw new Error(`${program} ended: ${said}`);
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async stop() {
      child.kill('SIGTERM');
      await gone;
    },
  };
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
