/** Programs that commands run, with arguments that no shell reads; and the one line of those that failed that people are told. */
import { spawn, spawnSync, type StdioOptions } from 'node:child_process';
import type { Environment } from '../config/sources';
import { errorCode, LarderError } from '../errors';

/** What a program that has ended left. */
export interface Ran {
  /** Exit status; undefined where a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** Whether Ctrl-C or SIGTERM ended it, and not this process (`outlived`). */
  readonly isInterrupted?: boolean;
}

/** How a program is run. */
export interface RunOptions {
  readonly env: Environment;
  /** What it prints is kept, unless this says where it goes. */
  readonly stdio?: StdioOptions;
  /** Whether Ctrl-C and SIGTERM end the program alone, so that what waits for it goes on; otherwise they end this process as well. */
  readonly outlived?: boolean;
}

/** Runs a program until it ends, whatever comes of it. @throws LarderError start: it cannot be run */
export function run(program: string, args: readonly string[], options: RunOptions): Promise<Ran> {
  const { env, stdio = ['ignore', 'pipe', 'pipe'], outlived = false } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio });
    let [stdout, stderr] = ['', ''];
    child.stdout?.setEncoding('utf8').on('data', (part: string) => (stdout += part));
    child.stderr?.setEncoding('utf8').on('data', (part: string) => (stderr += part));
    let isInterrupted = false;
    const stop = (): void => {
      isInterrupted = true;
      child.kill();
    };
    if (outlived) process.on('SIGINT', stop).on('SIGTERM', stop);
    const leave = (): void => void process.off('SIGINT', stop).off('SIGTERM', stop);
    child.once('error', (error) => {
      leave();
      const why = errorCode(error) === 'ENOENT' ? 'it is not installed, or not in PATH' : error.message;
      reject(new LarderError('start', { what: `${program} cannot be run: ${why}`, remedy: '' }, error));
    });
    child.once('close', (code) => {
      leave();
      resolve({ code: code ?? undefined, stdout, stderr, isInterrupted });
    });
  });
}

/** Longest time that `runNow` waits, ms: a service drains, and starts with a big store. */
const LONGEST_MS = 240_000;

/**
 * Runs a program while nothing else happens here, with messages that are not translated.
 * @returns code 127 where it cannot be run, which stderr then tells
 */
export function runNow(
  env: Environment,
  program: string,
  args: readonly string[],
  as?: { readonly uid: number; readonly gid: number },
): Ran {
  const done = spawnSync(program, [...args], { env: { ...env, LC_ALL: 'C' }, encoding: 'utf8', timeout: LONGEST_MS, ...as });
  if (done.error) return { code: 127, stdout: '', stderr: `${program} cannot be run (${errorCode(done.error) ?? done.error.message})` };
  return { code: done.status ?? undefined, stdout: done.stdout, stderr: done.stderr };
}

/** The first line that a program printed: systemd's say there what is wrong. '' for none */
export function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}

/** The last line that says something: container engines say there what is wrong, before a pointer to their help. */
export function lastLine(text: string, otherwise = 'it says nothing'): string {
  const lines = text.split('\n').map((line) => line.trim());
  const said = lines.findLast((line) => line !== '' && !/^(?:See|Run) '/.test(line));
  return said?.replace(/^(?:docker: |error: |Error response from daemon: )+/i, '') ?? otherwise;
}

const OURS = 'larder: ';

/** Why a process of ours ended: the last line in which it says so, whatever its surroundings put before it. @returns undefined if none does */
export function ownReason(text: string): string | undefined {
  const said = text.split('\n').findLast((line) => line.includes(OURS));
  return said?.slice(said.indexOf(OURS) + OURS.length).trim();
}
