/**
 * Composition root: `node main.js <cache>` runs one cache in the foreground. The only file in shared/ that knows caches/.
 * A start that fails writes one line to standard error and exits with 1.
 */
import { join } from 'node:path';
import { types } from 'node:util';
import { modules } from '../caches/index';
import { takeInherited } from './activation/inherited';
import { openAppliance } from './appliance';
import { loadConfig } from './config/load';
import { errorText, isLarderError, LarderError } from './errors';
import { requireFolders } from './folders';
import { createLog } from './log/log';

async function run(name: string | undefined): Promise<void> {
  const inherited = takeInherited(process.env, name ?? '');
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
  // Before the log, which would otherwise complain of the same.
  requireFolders(config);
  const log = createLog({
    stateDir: config.stateDir,
    name: cache.name,
    level: config.logLevel,
    format: config.logFormat,
    stdout: config.logTo === 'stdout',
  });
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
  stop = () => {
    if (stopping) return;
    stopping = true;
    appliance
      .close()
      .catch((error: unknown) => log.error('stop-failed', { reason: errorText(error) }))
      .then(() => log.close())
      .then(
        () => process.exit(0),
        () => process.exit(1),
      );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // A bug in one request must not take the others down; it is an error line, loudly.
  process.on('uncaughtException', (error) => log.error('uncaught', { reason: errorText(error), stack: error.stack ?? '' }));
  process.on('unhandledRejection', (error) =>
    log.error('unhandled', { reason: errorText(error), stack: types.isNativeError(error) ? (error.stack ?? '') : '' }),
  );
}

run(process.argv[2]).catch((error: unknown) => {
  const remedy = isLarderError(error) && error.remedy !== '' ? `; ${error.remedy}` : '';
  process.stderr.write(`larder: ${errorText(error)}${remedy}\n`);
  process.exit(1);
});
