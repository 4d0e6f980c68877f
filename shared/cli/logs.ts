/** `logs`: the last lines of the logs, and whatever comes, also over a rotation. */
import { existsSync } from 'node:fs';
import { logFile } from '../config/files';
import { LarderError } from '../errors';
import type { Context } from './context';
import { run } from './programs';

/** Follows until it is interrupted. @throws LarderError start: no log yet */
export async function followLogs(context: Context): Promise<void> {
  const files = context.caches.map(({ name }) => logFile(context.config, name)).filter((file) => existsSync(file));
  if (files.length === 0) {
    throw new LarderError('start', {
      what: 'there is no log yet',
      remedy: `it will be ${logFile(context.config, context.caches[0]?.name ?? '<cache>')}`,
    });
  }
  // -F goes on with the new file when the old one is put aside.
  await run('tail', ['-n', '50', '-F', ...files], { env: process.env, stdio: ['ignore', 'inherit', 'inherit'], outlived: true });
}
