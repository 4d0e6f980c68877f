/** The user `larder`: made by systemd-sysusers, and asked what he may read and run. */
import type { Environment } from '../../config/sources';
import { LarderError } from '../../errors';
import { firstLine, runNow } from '../programs';
import type { FileChanges } from './file-changes';
import { onDisk, SERVICE_USER, SYSTEM } from './places';
import { readTemplate } from './unit-text';

/** A user of this machine, and his own group. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The account of a name or a uid. @returns undefined if there is none */
export function accountOf(env: Environment, key: string): Account | undefined {
  const [name, , uid, gid] = runNow(env, 'getent', ['passwd', key]).stdout.trim().split(':');
  return name && uid && gid ? { name, uid: Number(uid), gid: Number(gid) } : undefined;
}

/** Makes the user where there is none. @throws LarderError start: systemd-sysusers cannot */
export function ensureServiceUser(env: Environment, changes: FileChanges): Account {
  const file = onDisk(env, SYSTEM.sysusers);
  const isNew = changes.write(file, readTemplate('sysusers.conf'));
  const known = accountOf(env, SERVICE_USER);
  if (known && !isNew) return known;
  const { code, stderr } = runNow(env, 'systemd-sysusers', [file]);
  const made = accountOf(env, SERVICE_USER);
  if (code === 0 && made) return made;
  throw new LarderError('start', {
    what: `the user ${SERVICE_USER} could not be made: ${firstLine(stderr) || `systemd-sysusers ended with status ${code}`}`,
    remedy: `make it yourself: useradd --system --user-group ${SERVICE_USER}`,
  });
}

/** Whether a Node runs as somebody, and this script in it succeeds. @returns undefined, or what went wrong */
export function failureAs(account: Account, env: Environment, node: string, script: string, ...args: string[]): string | undefined {
  // His environment, not ours: NODE_OPTIONS may name files of ours.
  const own = { PATH: env.PATH, HOME: '/' };
  const { code, stderr } = runNow(own, node, ['-e', script, ...args], process.getuid?.() === 0 ? account : undefined);
  return code === 0 ? undefined : firstLine(stderr) || `status ${code}`;
}
