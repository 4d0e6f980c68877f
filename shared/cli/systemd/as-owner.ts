/** Commands of root that open the store: they are done by whoever owns it, so that no file of root is left in it. */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../../config/sources';
import { LarderError } from '../../errors';
import type { Context, Options } from '../context';
import { lastLine, ownReason } from '../programs';
import { installRecord, onDisk, SYSTEM } from './places';
import { accountOf, failureAs } from './service-user';
import { isAboutTheMachine } from './woken';

/**
 * The environment with which a command finds the store that is meant: root's, where Larder is installed for the system, is the system's.
 * Whoever names settings of his own, or scope=user, has those.
 */
export function withInstalledSettings(env: Environment, scope: Options['scope']): Environment {
  const path = onDisk(env, SYSTEM.settings);
  if (process.getuid?.() !== 0 || scope === 'user' || env.LARDER_ENV || env.LARDER_ENV_FILE || !existsSync(path)) return env;
  return { ...env, LARDER_ENV_FILE: path };
}

/**
 * Does what opens the store: here, or, if this is root and the store somebody else's, in a process that is his before it begins (its groups,
 * then group, then user are set before the program is loaded).
 * @param args the command with its words, as for main.ts
 * @throws what `work` throws; LarderError start: what the other process said
 */
export async function asOwner(context: Context, args: readonly string[], work: () => Promise<void>): Promise<void> {
  const { env, config, out } = context;
  const store = [config.cacheDir, config.stateDir].find((folder) => existsSync(folder));
  if (process.getuid?.() !== 0 || store === undefined || statSync(store).uid === 0) return work();
  const { uid, gid } = statSync(store);
  const record = isAboutTheMachine(context) ? installRecord(env) : undefined;
  const node = record?.node ?? process.execPath;
  // A clone may be where its owner alone can read it; what is installed can be read by everybody.
  const program = record ? join(onDisk(env, record.prefix), 'current/dist/shared/cli/main.js') : join(__dirname, '../main.js');
  const owner = accountOf(env, String(uid)) ?? { name: `uid ${uid}`, uid, gid };
  if (failureAs({ ...owner, gid }, env, node, 'fs.readFileSync(process.argv[1])', program) !== undefined)
    throw new LarderError('start', {
      what: `the store ${store} belongs to ${owner.name}, who may not read ${program}`,
      remedy: `run this as ${owner.name}, from a clone that he can read`,
    });
  const done = spawnSync(node, [program, ...args], {
    cwd: '/',
    env: { ...env, HOME: '/' },
    uid,
    gid,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  for (const line of done.stdout.split('\n').filter((one) => one !== '')) out(line);
  if (done.status === 0) return;
  const what = ownReason(done.stderr) ?? lastLine(done.stderr, `the command ended with status ${String(done.status)}`);
  throw new LarderError('start', { what, remedy: '' });
}
