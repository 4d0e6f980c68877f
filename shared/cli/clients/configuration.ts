/** `make client` and `make unclient`: this machine's clients are pointed at the caches, and back. */
import { spawn } from 'node:child_process';
import { quoted } from '../../../caches/module';
import { canBeSetUp } from '../../clients/choose';
import { setupScript, type RootPart } from '../../clients/setup-script';
import { LarderError } from '../../errors';
import type { Context } from '../context';
import { clientsAsked } from './asked';

/** Prints a script for sh, to be read or run. @throws LarderError start: no such client */
export function printSetup(context: Context): void {
  context.out(scriptFor(context, false).trimEnd());
}

/** Runs the script that takes it back. @throws LarderError start: no such client, or one could not be taken back */
export async function takeBack(context: Context): Promise<void> {
  const script = scriptFor(context, true);
  const shell = spawn('sh', ['-s'], { stdio: ['pipe', 'inherit', 'inherit'], env: { ...context.env } });
  shell.stdin.end(script);
  const code = await new Promise<number | null>((resolve, reject) => {
    shell.once('error', reject);
    shell.once('exit', resolve);
  });
  if (code !== 0) throw new LarderError('start', { what: 'not every client could be taken back', remedy: 'see what is said above' });
}

function scriptFor(context: Context, undo: boolean): string {
  const { options, single, caches } = context;
  const words = [...(single ? [`c=${caches[0]?.name ?? ''}`] : []), ...(options.client === '' ? [] : [`client=${quoted(options.client)}`])];
  const make = (start: string, root?: RootPart): string =>
    // `client=apt` is enough for `apt (as proxy)`.
    [start, ...(root ? [`c=${root.cache}`, `client=${quoted(root.client.replace(/ .*/, ''))}`] : words)].join(' ');
  return setupScript({
    sections: clientsAsked(context, canBeSetUp, 'there is nothing that a script could set').map(({ cache, ...rest }) => ({
      cache: cache.name,
      ...rest,
    })),
    undo,
    named: options.client !== '',
    commands: {
      on: (root) => `${make('make -s client', root)} | ${root ? 'sudo ' : ''}sh`,
      off: (root) => make(`${root ? 'sudo ' : ''}make unclient`, root),
    },
  });
}
