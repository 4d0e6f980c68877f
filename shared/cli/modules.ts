/** The list of all modules. shared/ knows no ecosystem: the list is found by its path when the program runs. */
import { join } from 'node:path';
import type { Module } from '../../caches/module';

/** Every module, in the order in which people are shown them. */
export function loadModules(): readonly Module[] {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  return (require(join(__dirname, '../../caches/index.js')) as { modules: readonly Module[] }).modules;
}
