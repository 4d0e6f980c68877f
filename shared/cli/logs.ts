/** `logs`: the last lines of the logs, and whatever comes, also over a rotation. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { logFile } from '../config/files';
import { LarderError } from '../errors';
import type { Context } from './context';

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
  const tail = spawn('tail', ['-n', '50', '-F', ...files], { stdio: ['ignore', 'inherit', 'inherit'] });
  const stop = (): boolean => tail.kill();
  process.once('SIGTERM', stop).once('SIGINT', stop);
  await new Promise<void>((resolve, reject) => {
    tail.once('exit', () => resolve());
    tail.once('error', (error) => reject(new LarderError('start', { what: `tail cannot be run: ${error.message}`, remedy: '' }, error)));
  });
}
