/** Caches that systemd wakes, as `start`, `stop` and `status` see them. */
import type { CacheConfig } from '../../config/config';
import type { Context } from '../context';
import { ownUnits } from './apply-units';
import type { UnitState } from './systemctl';
import { Manager, openManager } from './systemctl';
import type { Scope } from './places';
import { onDisk, SYSTEM, unitFolder } from './places';
import { serviceOf, socketOf } from './unit-names';

/** Whose units `start`, `stop` and `status` look at; nothing is refused here. */
function scopeSeen({ options }: Context): Scope {
  return options.scope || (process.getuid?.() === 0 ? 'system' : 'user');
}

/** Whether a cache has a socket unit of ours. */
export function isWoken(context: Context, { name }: CacheConfig): boolean {
  return ownUnits(unitFolder(context.env, scopeSeen(context))).includes(socketOf(name));
}

/** Whether the command is root's about what is installed for the whole machine: there a cache runs by its socket, or not at all. */
export function isAboutTheMachine({ env }: Context): boolean {
  return env.LARDER_ENV_FILE === onDisk(env, SYSTEM.settings);
}

/** Whether the machine's systemd wakes a cache of that name, and the command is about a user's own. */
export function isWokenForAll(context: Context, { name }: CacheConfig): boolean {
  return scopeSeen(context) === 'user' && ownUnits(onDisk(context.env, SYSTEM.units)).includes(socketOf(name));
}

/** Has systemd listen for it, if somebody stopped that. @throws LarderError start */
export function listenAgain(context: Context, { name }: CacheConfig): void {
  const manager = openManager(context.env, scopeSeen(context));
  const socket = socketOf(name);
  const active = manager.states([socket]).get(socket)?.active;
  if (active === 'failed') manager.run('reset-failed', socket);
  if (active !== 'active') manager.run('start', socket);
}

/** Puts a cache to sleep: responses finish, and its socket goes on listening. @throws LarderError start */
export function putToSleep(context: Context, { name }: CacheConfig): void {
  openManager(context.env, scopeSeen(context)).run('stop', serviceOf(name));
}

/** What systemd says of the sockets and services of ours, by unit; asking wakes nobody. */
export function unitStates(context: Context): ReadonlyMap<string, UnitState> {
  const scope = scopeSeen(context);
  const names = ownUnits(unitFolder(context.env, scope)).filter((name) => name.startsWith('cache-'));
  return new Manager(scope, context.env).states(names);
}

/** Lines for people about what needs somebody's attention, and about units that this command does not show. */
export function unitNotes(context: Context, states: ReadonlyMap<string, UnitState>): string[] {
  const lines = [...states].flatMap(([name, { active, result }]) => {
    if (active !== 'failed') return [];
    const journal = `journalctl ${scopeSeen(context) === 'user' ? '--user ' : ''}-u ${name}`;
    return [`${name} failed (${result}); see ${journal}${name.endsWith('.socket') ? ', then make start' : ''}`];
  });
  const isHidden = scopeSeen(context) === 'user' && ownUnits(onDisk(context.env, SYSTEM.units)).length > 0;
  return isHidden ? [...lines, "Caches of the system's systemd are not shown: sudo make status"] : lines;
}
