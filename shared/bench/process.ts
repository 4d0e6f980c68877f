/** Child processes of the bench: started on named cores, observed through /proc, and ended by their own pid only. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

/** Length of a clock tick in /proc/<pid>/stat, ms: USER_HZ is 100 on every Linux. */
const TICK_MS = 10;

export interface Child {
  readonly pid: number;
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>;
  /** SIGTERM, and SIGKILL after 5 s; resolves when the process is gone. */
  stop(): Promise<void>;
}

export interface LaunchOptions {
  /** CPU list for taskset, such as `0` or `0-3`. */
  readonly cores: string;
  /** File that gets stdout and stderr. */
  readonly output: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

const running = new Set<number>();

process.on('exit', () => {
  for (const pid of running) signal(pid, 'SIGTERM');
});

/** Starts a program pinned to the given cores; taskset replaces itself by it, so that the pid is the program's own. */
export function launch(program: string, args: readonly string[], options: LaunchOptions): Child {
  const output = openSync(options.output, 'a');
  const child = spawn('taskset', ['-c', options.cores, program, ...args], {
    stdio: ['ignore', output, output],
    env: options.env ?? process.env,
    cwd: options.cwd ?? process.cwd(),
  });
  closeSync(output);
  const pid = child.pid;
  if (pid === undefined) throw new Error(`cannot start ${program}`);
  running.add(pid);
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => {
      running.delete(pid);
      resolve();
    });
  });
  const stop = async (): Promise<void> => {
    if (!running.has(pid)) return;
    signal(pid, 'SIGTERM');
    const last = setTimeout(() => signal(pid, 'SIGKILL'), 5000);
    await gone;
    clearTimeout(last);
  };
  return { pid, gone, stop };
}

/** Runs a program to its end on the bench's own core and returns what it printed. @throws Error with its stderr on a non-zero status. */
export function run(program: string, args: readonly string[], cwd?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...(cwd === undefined ? {} : { cwd }) });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve(out) : reject(new Error(`${program} ${args.join(' ')}: ${err || out}`))));
  });
}

/** User and system time of a process with all its threads since it began, in ms. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The command, in parentheses, may hold blanks; utime and stime are fields 14 and 15 (proc(5)), 11 and 12 after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Anonymous resident memory of a process in bytes (proc(5), RssAnon); 0 once it is gone. */
export function rssAnonBytes(pid: number): number {
  try {
    const found = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Number(found?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Pids of the direct children of a process. */
export function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}
