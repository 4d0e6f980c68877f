/** `uninstall-sockets` and `uninstall`: units go with all that was installed for them; the store stays. */
import { dirname } from 'node:path';
import type { Context } from '../context';
import { ownUnits, withdraw } from './apply-units';
import { installedSettings } from './carried-settings';
import { FileChanges, removeIfEmpty } from './file-changes';
import { requireSystem } from './install-program';
import type { Manager } from './systemctl';
import { openManager } from './systemctl';
import type { InstallRecord, Scope } from './places';
import { installRecord, onDisk, scopeOf, SERVICE_USER, SYSTEM, unitFolder, userPlaces } from './places';
import { removeCopies } from './program-copies';
import { HOUSEKEEPING, isCacheService, isContainerService, unitNamesOf } from './unit-names';

/** Takes away the sockets of the caches that are meant; with the last one everything but the store. @throws LarderError start */
export function uninstallSockets(context: Context): void {
  const scope = scopeOf(context.options, 'uninstall-sockets');
  takeAway(context, openManager(context.env, scope), scope);
}

/** Takes away everything that was installed for the system but the store. @throws LarderError start */
export function uninstall(context: Context): void {
  requireSystem(context, 'uninstall');
  takeAway({ ...context, single: false }, openManager(context.env, 'system'), 'system');
}

function takeAway({ env, out, caches, single, config }: Context, manager: Manager, scope: Scope): void {
  const folder = unitFolder(env, scope);
  const own = ownUnits(folder);
  // First, since it may turn out to be damaged.
  const record = scope === 'system' ? installRecord(env) : undefined;
  const meant = single ? caches.flatMap(({ name }) => unitNamesOf(name)).filter((name) => own.includes(name)) : own;
  const stay = own.filter((name) => !meant.includes(name) && !HOUSEKEEPING.includes(name));
  const going = stay.length > 0 ? meant : own;
  withdraw(manager, folder, going, new FileChanges());
  const sockets = going.filter((name) => name.endsWith('.socket'));
  out(sockets.length > 0 ? `No longer: ${sockets.join(' ')}` : 'There is no such socket.');
  if (stay.length > 0) return;
  const forms = going.filter(isCacheService);
  const inContainers = forms.filter(isContainerService);
  // Each has another service beside that of its container.
  const stores: Stores = { inVolumes: inContainers.length > 0, inFolders: forms.length > 2 * inContainers.length || forms.length === 0 };
  if (scope === 'user') {
    removeOwn(env);
    out(`The store stays: ${placesOf(stores, config.service.project, [config.cacheDir, config.stateDir])}`);
  } else for (const line of removeSystem(env, record, stores)) out(line);
}

/** Where what was stored is: of caches in containers it is in volumes of the engine. */
interface Stores {
  readonly inVolumes: boolean;
  readonly inFolders: boolean;
}

function placesOf({ inVolumes, inFolders }: Stores, project: string, folders: readonly string[]): string {
  const volumes = `the volumes ${project}_store, ${project}_state (make destroy deletes them)`;
  return [...(inFolders ? folders : []), ...(inVolumes ? [volumes] : [])].join(', ');
}

/** @returns what stays, for people */
function removeSystem(env: Context['env'], record: InstallRecord | undefined, where: Stores): string[] {
  const settings = installedSettings(env);
  const folders = [settings.get('CACHE_DIR') ?? SYSTEM.cacheDir, settings.get('STATE_DIR') ?? SYSTEM.stateDir];
  const places = placesOf(where, settings.get('COMPOSE_PROJECT_NAME') ?? 'larder', folders);
  if (record) removeCopies(onDisk(env, record.prefix));
  const changes = new FileChanges();
  for (const path of [SYSTEM.settings, SYSTEM.record, SYSTEM.sysusers]) changes.remove(onDisk(env, path));
  const isGone = removeIfEmpty(onDisk(env, SYSTEM.config));
  // Debian has no such folder until somebody needs one.
  removeIfEmpty(dirname(onDisk(env, SYSTEM.sysusers)));
  return [
    where.inFolders
      ? `The store stays: ${places}; and the user ${SERVICE_USER}, whose it is. When you have deleted it: userdel ${SERVICE_USER}`
      : `The store stays: ${places}; and the user ${SERVICE_USER}. If nothing is his: userdel ${SERVICE_USER}`,
    ...(isGone ? [] : [`${SYSTEM.config} stays: something else is in it.`]),
  ];
}

function removeOwn(env: Context['env']): void {
  const { settings, config, units } = userPlaces(env);
  new FileChanges().remove(settings);
  // With the folders that were made for it, unless others use them.
  for (const folder of [config, units, dirname(units), dirname(dirname(units))]) removeIfEmpty(folder);
}
