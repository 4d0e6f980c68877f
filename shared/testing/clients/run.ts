import { spawn } from 'node:child_process';

/** What a program left behind. */
export interface Outcome {
  /** Exit status; null when it was ended by a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** True when it was ended because it exceeded its time. */
  readonly timedOut: boolean;
  /** Wall-clock time, ms. */
  readonly elapsedMs: number;
}

/** Where, and for how long, a program runs. */
export interface RunOptions {
  readonly cwd: string;
  /** The whole environment: nothing of the test's own is inherited. */
  readonly env: NodeJS.ProcessEnv;
  /** Time after which the program and all its children are killed, ms. */
  readonly timeoutMs?: number;
}

/** Longest time that one call of a package manager may take, ms. */
export const LONGEST_RUN_MS = 120_000;

/**
 * Runs a program without standard input and collects what it prints. The program gets a process group of its own, which is killed as a
 * whole when the time is over and also after a normal end, so that no daemon or script of a package outlives its test.
 */
export function run(command: readonly string[], options: RunOptions): Promise<Outcome> {
  const [file, ...args] = command;
  if (file === undefined) throw new TypeError('run: empty command');
  const began = Date.now();
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: options.cwd, env: options.env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let timedOut = false;
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child.pid, 'SIGKILL');
    }, options.timeoutMs ?? LONGEST_RUN_MS);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    // A grandchild that keeps the pipes open would delay `close` for ever: end the group as soon as the program itself is gone.
    child.once('exit', () => killGroup(child.pid, 'SIGKILL'));
    child.once('close', (code) => {
      clearTimeout(timer);
      const [stdout, stderr] = [text(out), text(err)];
      resolve({ code, stdout, stderr, timedOut, elapsedMs: Date.now() - began });
    });
  });
}

/** As run(), but a status other than 0 is an error that shows the command and the end of what it printed. */
export async function runWell(command: readonly string[], options: RunOptions): Promise<Outcome> {
  const outcome = await run(command, options);
  if (outcome.code !== 0) throw new Error(failureText(command, outcome));
  return outcome;
}

/** Sends a signal to a process group; one that is already gone is no error. */
export function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // ESRCH: nobody is left in the group.
  }
}

/** One paragraph about a failed run for a test's report. */
export function failureText(command: readonly string[], outcome: Outcome): string {
  const end = outcome.timedOut ? `killed after ${outcome.elapsedMs} ms` : `status ${String(outcome.code)}`;
  const tail = `${outcome.stdout}\n${outcome.stderr}`.trim().slice(-3_000);
  return `${command.join(' ')}: ${end}\n${tail}`;
}

/**
 * What every child of these tests may know of the machine: where programs are, and which certificates to trust. Nothing that names a
 * registry, a cache folder or a token (under `npm test`, npm itself sets dozens of npm_config_* variables).
 */
export function bareEnvironment(home: string): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { HOME: home, TMPDIR: home, LANG: 'C.UTF-8', TZ: 'UTC' };
  for (const name of ['PATH', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR']) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}

function text(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString('utf8');
}
