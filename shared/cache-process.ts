/**
 * Composition root: `node main.js <cache>` runs one cache in the foreground. The only file in shared/ that knows caches/.
 * A start that fails writes one line to standard error and exits with 1; if sockets woke it, their clients get the line too, and it exits with 0.
 */
import { join } from 'node:path';
import { types } from 'node:util';
import { modules } from '../caches/index';
import { attend } from './activation/attend';
import { takeInherited } from './activation/inherited';
import { createNotifier, type Notifier } from './activation/notify';
import { openAppliance } from './appliance';
import { loadConfig } from './config/load';
import { errorAdvice, errorText, LarderError } from './errors';
import { makeFolders } from './folders';
import { createLog } from './log/log';

async function run(name: string | undefined, inherited: readonly number[], notifier: Notifier): Promise<void> {
  const config = loadConfig({ env: process.env, modules });
  const cache = config.caches.find((one) => one.name === name);
  const module = modules.find((one) => one.name === name);
  if (!cache || !module) {
    const known = config.caches.map((one) => one.name).join(', ');
    throw new LarderError('start', {
      what: name === undefined ? 'no cache was named' : `there is no cache ${name}`,
      remedy: `one of ${known}`,
    });
  }
  const troubles = makeFolders(config);
  const log = createLog({
    stateDir: config.stateDir,
    name: cache.name,
    level: config.logLevel,
    format: config.logFormat,
    stdout: config.logTo === 'stdout',
  });
  for (const reason of troubles)
    log.error('not-storing', { reason, remedy: 'make it writable for the user of this process, then restart it' });
  let stop = (): void => process.exit(0);
  const appliance = await openAppliance({
    config,
    cache,
    module,
    modulesPath: join(__dirname, '..', 'caches', 'index.js'),
    log,
    inherited,
    onStop: () => stop(),
  });
  let stopping = false;
  const end = (): void => {
    if (stopping) return;
    stopping = true;
    const told = notifier.stopping();
    appliance
      .close()
      .catch((error: unknown) => log.error('stop-failed', { reason: errorText(error) }))
      .then(() => told)
      .then(() => log.close())
      .then(
        () => process.exit(0),
        () => process.exit(1),
      );
  };
  stop = end;
  attend(appliance.occupation, notifier, inherited.length > 0 ? config.service.idleExitSeconds * 1000 : 0, end);
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // A bug in one request must not take the others down; it is an error line, loudly.
  process.on('uncaughtException', (error) => log.error('uncaught', { reason: errorText(error), stack: error.stack ?? '' }));
  process.on('unhandledRejection', (error) =>
    log.error('unhandled', { reason: errorText(error), stack: types.isNativeError(error) ? (error.stack ?? '') : '' }),
  );
}

async function main(name: string | undefined): Promise<void> {
  const notifier = createNotifier(process.env);
  let inherited: readonly number[] = [];
  try {
    inherited = takeInherited(process.env, name ?? '');
    await run(name, inherited, notifier);
  } catch (error) {
    const line = errorAdvice(error);
    process.stderr.write(`larder: ${line}\n`);
    if (inherited.length === 0) process.exit(1);
    // Ready, else systemd would take it for a start that failed, and after some of those the sockets would be dead.
    notifier.ready();
    const { refuseAll } = await import('./activation/refusal');
    const isSaid = await refuseAll(
      inherited.map((fd) => ({ fd })),
      `the ${name} cache cannot start: ${line}`,
    );
    await notifier.stopping();
    process.exit(isSaid ? 0 : 1);
  }
}

main(process.argv[2]).catch((error: unknown) => {
  process.stderr.write(`larder: ${errorText(error)}\n`);
  process.exit(1);
});
