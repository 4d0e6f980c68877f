/**
 * Tells systemd how it goes (sd_notify(3)), through its program systemd-notify: Node cannot send to a datagram socket. Where nobody wants to
 * be told, or the program is not there, nothing happens. What is said in the environment is taken out of it, so that children keep silent.
 */
import { errorCode } from '../errors';

const PROGRAM = 'systemd-notify';
/** Longest wait for it at the end. */
const LAST_WORD_MS = 1000;

/** What a service says to its manager. */
export interface Notifier {
  /** The start is over. From now on the watchdog is told too, if there is one. Another time it is nothing new. */
  ready(): void;
  /** The end has begun, and so the start is over: who ends without having said so counts as failed. Resolves when that is told, soon in any case. */
  stopping(): Promise<void>;
}

/** @param env of this process; NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID are removed from it */
export function createNotifier(env: NodeJS.ProcessEnv, pid = process.pid): Notifier {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: period, WATCHDOG_PID: meant } = env;
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name];
  if (socket === undefined || socket === '') return { ready: () => undefined, stopping: () => Promise.resolve() };
  let isThere = true;
  const say = async (...words: string[]): Promise<void> => {
    if (!isThere) return;
    const { spawn } = await import('node:child_process');
    await new Promise<void>((resolve) => {
      const program = spawn(PROGRAM, words, { env: { PATH: env['PATH'], NOTIFY_SOCKET: socket }, stdio: 'ignore' });
      program.once('error', (error) => {
        // Too many open files or processes are no reason to keep silent for ever: the watchdog would end a process that works.
        if (errorCode(error) === 'ENOENT') isThere = false;
        resolve();
      });
      program.once('exit', () => resolve());
      // What the system refuses otherwise (memory) is thrown.
    }).catch(() => undefined);
  };
  const isWatched = period !== undefined && /^[1-9]\d*$/.test(period) && (meant === undefined || meant === String(pid));
  let watchdog: NodeJS.Timeout | undefined;
  let said: Promise<void> | undefined;
  const ready = (): void => {
    if (said) return;
    said = say('--ready');
    // Half of the time, as sd_watchdog_enabled(3) advises: whose event loop stands still says nothing.
    if (isWatched) watchdog = setInterval(() => void say('WATCHDOG=1'), Number(period) / 2000).unref();
  };
  return {
    ready,
    stopping: async () => {
      ready();
      clearInterval(watchdog);
      await within(said?.then(() => say('STOPPING=1')) ?? Promise.resolve(), LAST_WORD_MS);
    },
  };
}

async function within(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([work, new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}
