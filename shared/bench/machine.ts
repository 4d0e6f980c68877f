/** The machine that is measured: its tools, its cores, and its description for the table. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem, version } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Core of the servers that are measured. */
export const SERVER_CORE = '0';
/** Core of the load generators, the local registry and the bench itself. */
export const LOAD_CORE = '1';

/** CPU list of all cores. */
export function allCores(): string {
  return `0-${cpus().length - 1}`;
}

/** What is missing to run the bench, as one line with the remedy; undefined if all is there. */
export function whatIsMissing(): string | undefined {
  const packages: Record<string, string> = { nginx: 'nginx', wrk: 'wrk', taskset: 'util-linux', curl: 'curl' };
  const missing = Object.keys(packages).filter((program) => find(program) === undefined);
  if (missing.length > 0) {
    const names = missing.map((program) => packages[program]).join(' ');
    return `make bench needs ${missing.join(', ')}; on Debian: sudo apt-get install ${names}`;
  }
  if (availableParallelism() < 2) return 'make bench needs 2 cores: one for the server, one for the load';
  return undefined;
}

/** Absolute path of nginx: it stands in /usr/sbin, which is not on every user's PATH. */
export function nginxProgram(): string {
  return find('nginx') ?? 'nginx';
}

/** Pins the bench, and by inheritance what it starts without naming a core, to the load's core. */
export function pinSelf(): void {
  execFileSync('taskset', ['-a', '-c', '-p', LOAD_CORE, String(process.pid)], { stdio: 'ignore' });
}

/**
 * Share of all cores (0 to 1) that was used during the given time. Called while the bench itself rests, it says how much other work
 * the machine does, which is what makes the figures of two runs differ.
 */
export async function shareInUse(milliseconds: number): Promise<number> {
  const before = cpuTimes();
  await sleep(milliseconds);
  const after = cpuTimes();
  return 1 - (after.idle - before.idle) / Math.max(1, after.all - before.all);
}

/** Sums of the first line of /proc/stat (proc(5)), in ticks; idle includes waiting for a disk. */
function cpuTimes(): { readonly idle: number; readonly all: number } {
  const fields = readFileSync('/proc/stat', 'utf8').split('\n')[0]?.split(/\s+/).slice(1, 9).map(Number) ?? [];
  return { idle: (fields[3] ?? 0) + (fields[4] ?? 0), all: fields.reduce((sum, ticks) => sum + ticks, 0) };
}

/** Lines that describe the machine and the versions. */
export function describeMachine(): string[] {
  const model = /^model name\t*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? cpus()[0]?.model ?? 'unknown';
  return [
    `CPU: ${model}, ${cpus().length} cores; memory: ${Math.round(totalmem() / 2 ** 30)} GiB`,
    `TCP congestion control: ${readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim()}`,
    `System: Linux ${release()} (${version()})`,
    `Node ${process.version}; ${output(nginxProgram(), '-v')}; ${output('wrk', '-v')}; ${output('curl', '--version')}`,
    `Date: ${new Date().toISOString().slice(0, 10)}`,
  ];
}

function find(program: string): string | undefined {
  for (const dir of [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin']) {
    const path = join(dir, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/** First words of what a program says about its version; wrk ends with a non-zero status and nginx speaks on stderr. */
function output(program: string, flag: string): string {
  const text = execFileSync('sh', ['-c', `"${program}" ${flag} 2>&1 || true`], { encoding: 'utf8' });
  return (text.split('\n')[0] ?? '').replace(/^nginx version: /, '').split(/ \[| \(x86| Copyright/)[0] ?? '';
}
