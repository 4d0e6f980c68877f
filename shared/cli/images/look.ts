/** Looks into an image, by one container of it: which programs it has, which names resolve there, and which addresses answer. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../config/sources';
import { LarderError } from '../../errors';
import type { Engine } from '../containers/engine';
import { lastLine } from '../programs';

/** Folder of the scripts that run in containers; not compiled. */
export const SCRIPTS = join(ROOT, 'shared/cli/images/layer');

/** What to look for, and what of it is there. */
export interface Sight {
  readonly programs: readonly string[];
  readonly names: readonly string[];
  /** Of pages that answer 200. */
  readonly urls: readonly string[];
}

/** @throws LarderError start: the image has no shell, or no container of it can be started */
export async function lookInto(engine: Engine, image: string, shownAs: string, sought: Sight): Promise<Sight> {
  const script = ['reach.sh', 'look.sh'].map((file) => readFileSync(join(SCRIPTS, file), 'utf8')).join('\n');
  const lists = [sought.programs, sought.names, sought.urls].map((list) => list.join(' '));
  const { code, stdout, stderr } = await engine.docker([
    ...['run', '--rm', '--user', '0', '--entrypoint', '/bin/sh', image, '-c', script, 'look'],
    ...lists,
  ]);
  if (code !== 0) {
    const reason = lastLine(stderr);
    if (/\/bin\/sh"?: (?:stat|no such file|executable)/.test(stderr) || /no such file or directory/.test(reason))
      throw new LarderError('start', { what: `${shownAs} has no /bin/sh, without which nothing in it can be led`, remedy: '' });
    throw new LarderError('start', { what: `no container of ${shownAs} can be started: ${reason}`, remedy: '' });
  }
  const lines = stdout.split('\n');
  const there = (kind: string, list: readonly string[]): string[] => list.filter((one) => lines.includes(`${kind} ${one}`));
  return { programs: there('program', sought.programs), names: there('resolves', sought.names), urls: there('reaches', sought.urls) };
}
