/**
 * `node main.js <cache>` runs one cache in the foreground: cache-process.ts, out of the pack if there is a current one (ADR 53), else out of the
 * files that were packed. Nothing but what that takes is imported here: it is all that a start has to find on disk.
 */
import { join } from 'node:path';
import { openPack, runPacked } from './pack/packed';

const DIST = join(__dirname, '..');

const pack = openPack(DIST);
if (pack) runPacked(pack, DIST);
// eslint-disable-next-line @typescript-eslint/no-require-imports -- only without a pack, which has it too
else require('./cache-process');
