/**
 * Run by the Dockerfile: `node image-tree-process.js <folder>` puts together below a new folder what the image has over its base, from what was
 * installed and built in the working directory. Names, modes and bytes depend on the sources and the lock alone.
 */
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { copyFile, makeFolder, packageFiles, programFiles } from '../program-files';
import { CODE_FOLDER, STATE_FOLDER, STORE_FOLDER } from './inside';

/** Any user may be given to a container, and a new volume is made as the folder in the image is. */
const OPEN_TO_ALL = 0o1777;

/** Of the native library one form for each C library is installed; this machine's is kept. @throws Error: there is none for it */
function withoutOtherLibraries(files: readonly string[]): string[] {
  const { header } = process.report.getReport() as { readonly header: { readonly glibcVersionRuntime?: string } };
  const own = header.glibcVersionRuntime ? 'gnu' : 'musl';
  const isNative = (file: string): boolean => /^node_modules\/@libsql\/[^/]+-(?:gnu|musl)\//.test(file);
  const kept = files.filter((file) => !isNative(file) || file.includes(`-${own}/`));
  if (!kept.some(isNative)) throw new Error(`node_modules/@libsql has nothing for ${own}`);
  return kept;
}

const [, , target = ''] = process.argv;
for (const file of withoutOtherLibraries([...programFiles('.'), ...packageFiles('.')])) copyFile(file, join(target, CODE_FOLDER, file));
for (const folder of [STORE_FOLDER, STATE_FOLDER]) {
  makeFolder(join(target, folder));
  chmodSync(join(target, folder), OPEN_TO_ALL);
}
