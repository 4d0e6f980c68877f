/** `install` and `rollback`: the program's copies for the system scope, and which of them is run. */
import { join, resolve } from 'node:path';
import { printable } from '../../config/setting-reader';
import { ROOT } from '../../config/sources';
import { LarderError } from '../../errors';
import type { Context } from '../context';
import { ownUnits } from './apply-units';
import { FileChanges } from './file-changes';
import { requireNode, requireProgram } from './install-checks';
import { openManager } from './systemctl';
import type { InstallRecord } from './places';
import { installRecord, isHidden, onDisk, SYSTEM, unitFolder } from './places';
import { addCopy, linked, makeCurrent, prune, removeCopies, restoreLinks } from './program-copies';
import type { Account } from './service-user';
import { ensureServiceUser } from './service-user';
import { isCacheService } from './unit-names';

/** Puts a copy of the program where the system's caches run it; those that are awake go on as it. @throws LarderError start */
export function installProgram(context: Context): void {
  const { env, out } = context;
  requireSystem(context, 'install');
  const manager = openManager(env, 'system');
  const changes = new FileChanges();
  let placed: Placed | undefined;
  try {
    const user = ensureServiceUser(env, changes);
    const record = chosenRecord(env, user);
    placed = placeProgram(env, record, user);
    keepRecord(env, record, changes);
    const services = placed.isNew ? cacheServices(env) : [];
    // Also since what is pruned would be missed by a process that has not loaded everything yet.
    if (services.length > 0) manager.run('try-restart', ...services);
    prune(onDisk(env, record.prefix));
    out(`Larder ${placed.version} is at ${record.prefix}, run by ${record.node}. make install-sockets has systemd run it.`);
  } catch (error) {
    changes.undo();
    placed?.undo();
    throw error;
  }
}

/** Where the program is to be and what runs it: as it was installed, unless PREFIX and NODE say otherwise. @throws LarderError start */
export function chosenRecord(env: Context['env'], user: Account): InstallRecord {
  const known = installRecord(env);
  const named = env.PREFIX || known?.prefix || SYSTEM.prefix;
  if (!named.startsWith('/'))
    throw new LarderError('start', { what: `PREFIX=${printable(named)} is no absolute path`, remedy: 'name one' });
  const prefix = resolve(named);
  if (isHidden(prefix))
    throw new LarderError('start', {
      what: `PREFIX=${prefix} is where services do not see it`,
      remedy: 'choose one below /usr/local or /opt',
    });
  if (known && known.prefix !== prefix)
    throw new LarderError('start', {
      what: `Larder is installed at ${known.prefix} already`,
      remedy: 'make uninstall first, or leave PREFIX out',
    });
  return { prefix, node: requireNode({ ...env, NODE: env.NODE || known?.node }, user) };
}

/** Notes how the program is installed. */
export function keepRecord(env: Context['env'], record: InstallRecord, changes: FileChanges): void {
  changes.write(onDisk(env, SYSTEM.record), `${JSON.stringify(record)}\n`);
}

/** A program that was made the current one. */
export interface Placed {
  readonly version: string;
  /** Whether another one, or none, was current before. */
  readonly isNew: boolean;
  /** Makes current and previous what they were. */
  undo(): void;
}

/** Copies the clone, and makes the copy current. @throws LarderError start; then nothing has changed */
export function placeProgram(env: Context['env'], record: InstallRecord, user: Account): Placed {
  const folder = onDisk(env, record.prefix);
  const before = { current: linked(folder, 'current'), previous: linked(folder, 'previous') };
  const version = addCopy(ROOT, folder);
  const undo = (): void => {
    if (before.current === undefined) removeCopies(folder);
    else restoreLinks(folder, before);
  };
  try {
    requireProgram(env, record.node, join(folder, version), user);
    return { version, isNew: makeCurrent(folder, version), undo };
  } catch (error) {
    undo();
    throw error;
  }
}

/** The version before the current one, again. A second time leads back. @throws LarderError start: there is none */
export function rollBack(context: Context): void {
  const { env, out } = context;
  requireSystem(context, 'rollback');
  const manager = openManager(env, 'system');
  const folder = onDisk(env, requireInstalled(env).prefix);
  const previous = linked(folder, 'previous');
  if (previous === undefined)
    throw new LarderError('start', {
      what: `there is no version before this one in ${folder}`,
      remedy: 'make upgrade brings the one of this clone',
    });
  const before = { current: linked(folder, 'current'), previous };
  makeCurrent(folder, previous);
  const services = cacheServices(env);
  try {
    // They end when they have answered; their sockets hold what comes meanwhile.
    if (services.length > 0) manager.run('try-restart', ...services);
  } catch (error) {
    restoreLinks(folder, before);
    manager.try('try-restart', ...services);
    throw error;
  }
  out(`Larder ${previous} is run again. make rollback once more leads back.`);
}

/** The services of caches of the system. */
export function cacheServices(env: Context['env']): string[] {
  return ownUnits(unitFolder(env, 'system')).filter(isCacheService);
}

/** @throws LarderError start: nothing is installed for the system */
export function requireInstalled(env: Context['env']): InstallRecord {
  const record = installRecord(env);
  if (record && linked(onDisk(env, record.prefix), 'current') !== undefined) return record;
  throw new LarderError('start', { what: 'Larder is not installed for the system', remedy: 'sudo make install-sockets' });
}

/** @throws LarderError start: another scope, or not root */
export function requireSystem(context: Context, verb: string): void {
  if (context.options.scope === 'user')
    throw new LarderError('start', { what: `make ${verb} is for the system scope`, remedy: 'in user scope the clone itself is run' });
  if (process.getuid?.() !== 0) throw new LarderError('start', { what: `make ${verb} is for root`, remedy: `sudo make ${verb}` });
}
