/** `install-sockets` and `upgrade`: what is to be is put together and checked first, then written as a whole. */
import { userInfo } from 'node:os';
import type { Context } from '../context';
import { baseUrlOf, isAboutContainers } from '../context';
import { runNow } from '../programs';
import type { Applied } from './apply-units';
import { applyUnits, ownUnits } from './apply-units';
import { FileChanges } from './file-changes';
import { requirePorts } from './install-checks';
import type { Placed } from './install-program';
import { cacheServices, chosenRecord, keepRecord, placeProgram, requireInstalled, requireSystem } from './install-program';
import type { Manager } from './systemctl';
import { openManager } from './systemctl';
import { onDisk, scopeOf, unitFolder } from './places';
import { linked, prune } from './program-copies';
import { ensureServiceUser } from './service-user';
import { serviceOf, socketOf } from './unit-names';
import type { Plan } from './unit-plans';
import { standingPlan, systemPlan, userPlan } from './unit-plans';

/**
 * Has systemd listen for caches and start them when somebody comes. Repeating carries changed settings over: ports, caches that are no
 * longer there, everything.
 * @throws LarderError start: what is not right, before anything is changed; what went wrong, after everything is as it was
 */
export async function installSockets(context: Context): Promise<void> {
  const { env, out, config } = context;
  const scope = scopeOf(context.options, 'install-sockets');
  const manager = openManager(env, scope);
  const own = ownUnits(unitFolder(env, scope));
  const caches = wantedCaches(context, own);
  await requirePorts(manager, config, caches, own);
  // Built from the clone: the copy of the program has no sources.
  if (isAboutContainers(context)) await (await import('../containers/verbs')).prepareContainers(context);
  wholly((changes, whenFailed) => {
    const plan = scope === 'user' ? userPlan(context, manager, caches) : withProgram(context, manager, caches, changes, whenFailed);
    tell(context, plan, putInForce(context, manager, plan, changes, false));
  });
  if (scope === 'user') for (const line of lingering(env)) out(line);
}

/** The plan for the system; the program is copied where there is none. */
function withProgram(
  context: Context,
  manager: Manager,
  caches: readonly string[],
  changes: FileChanges,
  whenFailed: (undo: () => void) => void,
): Plan {
  const { env, out } = context;
  const user = ensureServiceUser(env, changes);
  const record = chosenRecord(env, user);
  const plan = systemPlan(context, manager, caches, record, user);
  if (linked(onDisk(env, record.prefix), 'current') === undefined) {
    const placed = placeProgram(env, record, user);
    whenFailed(() => placed.undo());
    out(`Larder ${placed.version} is installed at ${record.prefix}, run by ${record.node} as the user ${user.name}.`);
  }
  keepRecord(env, record, changes);
  return plan;
}

/**
 * Brings the clone's program beside the one that runs, makes it current, and has running services go on as it: they answer what they have, while
 * their sockets hold what comes. Settings stay those of the last install-sockets.
 * @throws LarderError start; then everything is as it was
 */
export function upgrade(context: Context): void {
  const { env, out } = context;
  requireSystem(context, 'upgrade');
  const manager = openManager(env, 'system');
  requireInstalled(env);
  const own = ownUnits(unitFolder(env, 'system'));
  const { version, isNew } = wholly((changes, whenFailed): Placed => {
    const user = ensureServiceUser(env, changes);
    const record = chosenRecord(env, user);
    const plan = own.length > 0 ? standingPlan(context, manager, own, record, user) : undefined;
    // After the links are what they were: those that the new version was started as.
    whenFailed(() => manager.try('try-restart', ...cacheServices(env)));
    const placed = placeProgram(env, record, user);
    whenFailed(() => placed.undo());
    keepRecord(env, record, changes);
    if (plan) putInForce(context, manager, plan, changes, placed.isNew);
    prune(onDisk(env, record.prefix));
    return placed;
  });
  out(isNew ? `Larder ${version} is run from now on. make rollback leads back.` : `Larder ${version} is run already.`);
}

/** Does what either happens as a whole or is taken back. */
function wholly<T>(work: (changes: FileChanges, whenFailed: (undo: () => void) => void) => T): T {
  const changes = new FileChanges();
  const undos: Array<() => void> = [];
  try {
    return work(changes, (undo) => undos.push(undo));
  } catch (error) {
    changes.undo();
    for (const undo of undos.reverse()) undo();
    throw error;
  }
}

/** With `c=`: that one, beside those that there are and that the settings still have. */
function wantedCaches({ config, caches, single }: Context, own: readonly string[]): string[] {
  const isWanted = (name: string): boolean => caches.some((one) => one.name === name) || (single && own.includes(socketOf(name)));
  return config.caches.map(({ name }) => name).filter(isWanted);
}

function putInForce({ env }: Context, manager: Manager, plan: Plan, changes: FileChanges, renewed: boolean): Applied {
  const folder = unitFolder(env, manager.scope);
  const { path, text, mode, gid } = plan.settings;
  const isChanged = changes.write(path, text, { mode, ...(gid !== undefined && { gid }) });
  const obsolete = ownUnits(folder).filter((name) => !plan.units.has(name));
  return applyUnits(manager, {
    folder,
    units: plan.units,
    obsolete,
    changes,
    renewed: (renewed && plan.config.service.runAs === 'process') || isChanged,
  });
}

function lingering(env: Context['env']): string[] {
  const { username } = userInfo();
  if (runNow(env, 'loginctl', ['show-user', username, '--property=Linger', '--value']).stdout.trim() === 'yes') return [];
  return [`They listen while you are logged in. To have them from boot on, also without you: sudo loginctl enable-linger ${username}`];
}

function tell({ out }: Context, { config, caches }: Plan, { written, removed }: Applied): void {
  for (const cache of config.caches.filter(({ name }) => caches.includes(name))) {
    const isNew = [socketOf(cache.name), serviceOf(cache.name)].some((name) => written.includes(name));
    out(`The ${cache.name} cache is woken at ${baseUrlOf(config, cache)} (${socketOf(cache.name)}${isNew ? '' : ', as before'})`);
  }
  const gone = removed.filter((name) => name.endsWith('.socket'));
  if (gone.length > 0) out(`No longer: ${gone.join(' ')}`);
}
