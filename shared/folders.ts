/** The two folders of a cache, made before anything else is opened. A cache whose store cannot be written is still a proxy: it goes on, and says so. */
import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Config } from './config/config';
import { errorCode, errorText, LarderError } from './errors';

/**
 * Makes CACHE_DIR and STATE_DIR where they are missing.
 * @returns what is wrong with them, one line each: they cannot be written, and the cache does without
 * @throws LarderError start: a place where no folder can ever be
 */
export function makeFolders(config: Config): string[] {
  return [trouble('CACHE_DIR', config.cacheDir), trouble('STATE_DIR', config.stateDir)].filter((line) => line !== '');
}

function trouble(setting: string, folder: string): string {
  try {
    make(folder);
    if (!statSync(folder).isDirectory()) throw new Error('it is a file');
    accessSync(folder, constants.W_OK | constants.X_OK);
    return '';
  } catch (error) {
    const what = `${setting}=${folder} cannot be written (${errorText(error)})`;
    // Whoever tries to make it below /proc, with all that leads there, never ends: there a folder is ENOENT although its parent is not.
    if (errorCode(error) === 'ENOENT') throw new LarderError('start', { what, remedy: `choose another with ${setting}` }, error);
    return what;
  }
}

/** Step by step: see above. */
function make(folder: string): void {
  if (existsSync(folder)) return;
  make(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error; // another process was faster
  }
}
