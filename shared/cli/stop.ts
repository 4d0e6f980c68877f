/** `stop`: asks the processes of a cache to end, and waits until they have. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CacheConfig } from '../config/config';
import { LarderError } from '../errors';
import type { Context } from './context';
import { forEach } from './context';
import type { Running } from './control';
import { askStatus, askToStop, findRunning } from './control';
import { isWoken, putToSleep } from './systemd/woken';

/** Downloads that are under way are parked, so that this is ample. */
const STOP_MS = 20_000;

/** Stops each, also if another one does not stop. @throws LarderError start: processes that do not end */
export async function stopCaches(context: Context): Promise<void> {
  await forEach(context, async (cache) => {
    const woken = isWoken(context, cache);
    if (woken) {
      putToSleep(context, cache);
      context.out(
        `The ${cache.name} cache is stopped; its socket still wakes it with the next connection (for good: make uninstall-sockets c=${cache.name}).`,
      );
    }
    const running = (await findRunning(context.config.cacheDir, cache.name)).filter(({ status }) => isMeant(context, cache, status.port));
    if (running.length === 0 && !woken) context.out(`The ${cache.name} cache does not run.`);
    await Promise.all(running.map((one) => stop(context, one)));
  });
}

// One store may be served on several ports. `PORT_npm=9000 make stop` means that one; without it all are meant, also one
// that was started before the port in .env was changed.
function isMeant(context: Context, cache: CacheConfig, port: number): boolean {
  return !context.env[`PORT_${cache.name}`] || port === cache.port;
}

async function stop(context: Context, { socket, status }: Running): Promise<void> {
  await askToStop(socket);
  for (const deadline = Date.now() + STOP_MS; Date.now() < deadline; await sleep(30)) {
    if ((await askStatus(socket)) !== undefined) continue;
    context.out(`The ${status.cache} cache on port ${status.port} is stopped.`);
    return;
  }
  throw new LarderError('start', {
    what: `the ${status.cache} cache on port ${status.port} (process ${status.pid}) has not stopped yet`,
    remedy: 'try again, or end the process',
  });
}
