/** What is to be installed, put together and checked: configuration, settings and units, for either scope. */
import { join } from 'node:path';
import type { Config } from '../../config/config';
import { loadConfig } from '../../config/load';
import { ROOT } from '../../config/sources';
import { containerUser } from '../containers/project';
import type { Context } from '../context';
import { isAboutContainers } from '../context';
import { cacheUnits } from './cache-units';
import type { Settings } from './carried-settings';
import {
  asEnvFile,
  asEnvironmentFile,
  digestOfFile,
  installedSettings,
  namedFiles,
  systemSettings,
  userSettings,
} from './carried-settings';
import { requireOwnStore, requireReadable, requireSystemStore } from './install-checks';
import type { Manager } from './systemctl';
import type { InstallRecord } from './places';
import { onDisk, SYSTEM, userPlaces } from './places';
import type { Account } from './service-user';
import { socketOf } from './unit-names';
import { unitWord } from './unit-text';

/** Units that are ready to be written, and the file with the settings that they name. */
export interface Plan {
  readonly config: Config;
  readonly caches: readonly string[];
  readonly units: ReadonlyMap<string, string>;
  readonly settings: { readonly path: string; readonly text: string; readonly mode: number; readonly gid?: number };
}

/** For the system, with settings of .env and of the environment. @throws LarderError config; start: the store, or files that settings name */
export function systemPlan(context: Context, manager: Manager, caches: readonly string[], record: InstallRecord, user: Account): Plan {
  return planOf(context, manager, caches, record, user, systemSettings(context));
}

/** For the system, with the settings that it was installed with. @throws as systemPlan */
export function standingPlan(context: Context, manager: Manager, own: readonly string[], record: InstallRecord, user: Account): Plan {
  const caches = context.modules.map(({ name }) => name).filter((name) => own.includes(socketOf(name)));
  return planOf(context, manager, caches, record, user, installedSettings(context.env));
}

function planOf(
  context: Context,
  manager: Manager,
  caches: readonly string[],
  record: InstallRecord,
  user: Account,
  settings: Settings,
): Plan {
  const { env, modules } = context;
  const head = `# Made by make install-sockets out of ${join(ROOT, '.env')} and the environment. Change those, and repeat it.`;
  const text = asEnvFile(settings, head);
  const direct = settings.get('NO_PROXY');
  // The configuration as the services will read it.
  const config = loadConfig({ env: { LARDER_ENV: text, ...(direct && { NO_PROXY: direct }) }, modules });
  const isContainers = config.service.runAs === 'compose';
  if (!isContainers) requireSystemStore(env, config, record.node, user);
  requireReadable(env, settings, record.node, user);
  const units = cacheUnits(config, caches, {
    scope: 'system',
    node: record.node,
    program: `${record.prefix}/current`,
    environment: [`Environment=LARDER_ENV_FILE=${SYSTEM.settings}`, ...(direct ? [`Environment=${unitWord(`NO_PROXY=${direct}`)}`] : [])],
    files: namedFiles(settings).map(([, path]) => path),
    systemdVersion: manager.version(),
    ...(isContainers && { containers: containerLines(context, config) }),
  });
  return { config, caches, units, settings: { path: onDisk(env, SYSTEM.settings), text, mode: 0o640, gid: user.gid } };
}

/** For a user: the clone, and its .env as it will be then. @throws LarderError start: the store */
export function userPlan(context: Context, manager: Manager, caches: readonly string[]): Plan {
  const { env, config } = context;
  const isContainers = isAboutContainers(context);
  if (!isContainers) requireOwnStore(config);
  const path = userPlaces(env).settings;
  const head = `# Made by make install-sockets, beside the settings of .env (${digestOfFile(context)}). Repeat it to change this.`;
  const units = cacheUnits(config, caches, {
    scope: 'user',
    node: process.execPath,
    program: ROOT,
    environment: [`EnvironmentFile=${path.replaceAll('%', '%%')}`],
    files: [],
    systemdVersion: manager.version(),
    ...(isContainers && { containers: containerLines(context, config) }),
  });
  return { config, caches, units, settings: { path, text: asEnvironmentFile(userSettings(context), head), mode: 0o600 } };
}

/** What a copy of the program cannot know: whose the volumes are, since that goes by the clone; and where Docker's client has its own. */
function containerLines(context: Context, config: Config): string[] {
  const home = context.env.HOME ? [`Environment=${unitWord(`HOME=${context.env.HOME}`)}`] : [];
  return [...home, `Environment=CONTAINER_USER=${containerUser({ ...context, config })}`];
}
