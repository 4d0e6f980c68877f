/** Named places where a test kills its process, to show what is left behind. */

export type CrashPoint = 'after-rename' | 'after-index' | 'before-commit';

/** Kills this process without warning if LARDER_CRASH_AT names the point; only while NODE_ENV is `test`. */
export function crashAt(point: CrashPoint): void {
  if (process.env['LARDER_CRASH_AT'] === point && process.env['NODE_ENV'] === 'test') process.kill(process.pid, 'SIGKILL');
}
