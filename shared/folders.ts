/** The two folders of a cache, made and judged before anything else is opened. */
import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Config } from './config/config';
import { errorCode, errorText, LarderError } from './errors';

/** Makes CACHE_DIR and STATE_DIR where they are missing. @throws LarderError start: one of them cannot be written */
export function requireFolders(config: Config): void {
  requireWritable('CACHE_DIR', config.cacheDir);
  requireWritable('STATE_DIR', config.stateDir);
}

function requireWritable(name: string, folder: string): void {
  try {
    make(folder);
    if (!statSync(folder).isDirectory()) throw new Error('it is a file');
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new LarderError(
      'start',
      { what: `${name}=${folder} cannot be written (${errorText(error)})`, remedy: `make it writable, or choose another with ${name}` },
      error,
    );
  }
}

/** Step by step: mkdir's own `recursive` never ends below /proc, where making a folder is ENOENT although its parent is there. */
function make(folder: string): void {
  if (existsSync(folder)) return;
  make(dirname(folder));
  try {
    mkdirSync(folder);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error; // another process was faster
  }
}
