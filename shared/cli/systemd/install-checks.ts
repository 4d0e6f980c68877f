/** What must be right before anything is installed: folders, files that settings name, ports, Node. Each fault is one line with its remedy. */
import { existsSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Config } from '../../config/config';
import { ROOT } from '../../config/sources';
import type { Environment } from '../../config/sources';
import { errorCode, LarderError } from '../../errors';
import { findRunning } from '../control';
import { requireOwnFolder } from '../store-owner';
import { listenStream } from './cache-units';
import type { Settings } from './carried-settings';
import { namedFiles } from './carried-settings';
import type { Manager } from './systemctl';
import { isHidden, isInHome, onDisk, realPlace, SYSTEM } from './places';
import type { Account } from './service-user';
import { accountOf, failureAs } from './service-user';

/** The store of a user's own caches is made where it is missing. @throws LarderError start: with the folder and what to do */
export function requireOwnStore(config: Config): void {
  requireOwnFolder('CACHE_DIR', config.cacheDir);
  requireOwnFolder('STATE_DIR', config.stateDir);
}

/** The system's store: systemd makes the usual folders, others must be there, and be the service user's. @throws LarderError start */
export function requireSystemStore(env: Environment, config: Config, node: string, user: Account): void {
  const folders = [
    { setting: 'CACHE_DIR', path: config.cacheDir, usual: SYSTEM.cacheDir },
    { setting: 'STATE_DIR', path: config.stateDir, usual: SYSTEM.stateDir },
  ];
  for (const { setting, path, usual } of folders) {
    const place = path === usual ? onDisk(env, path) : path;
    const refuse = (why: string, remedy: string): never => {
      throw new LarderError('start', { what: `${setting}=${path} ${why}`, remedy });
    };
    if (!existsSync(place)) {
      if (path !== usual) refuse('is missing', `sudo install -d -o ${user.name} -g ${user.name} ${path}`);
      continue;
    }
    const { uid } = statSync(place);
    if (!statSync(place).isDirectory()) refuse('is no directory', `remove it, or choose another with ${setting}`);
    if (uid !== user.uid) {
      const owner = accountOf(env, String(uid))?.name ?? `uid ${uid}`;
      refuse(
        `belongs to ${owner}, not to ${user.name}, who runs the caches`,
        `sudo chown -R ${user.name}:${user.name} ${path}, or choose another with ${setting}`,
      );
    }
    const failure = failureAs(user, env, node, 'fs.accessSync(process.argv[1], 3)', place);
    if (failure !== undefined)
      refuse(`cannot be written by ${user.name}`, 'see its permissions, and whether the disk is mounted read-only');
  }
}

/** @throws LarderError start: a file that a setting names, and that the service user may not read */
export function requireReadable(env: Environment, settings: Settings, node: string, user: Account): void {
  for (const [name, path] of namedFiles(settings)) {
    if (failureAs(user, env, node, 'fs.readFileSync(process.argv[1])', path) === undefined) continue;
    throw new LarderError('start', {
      what: `${name}=${path} cannot be read by ${user.name}, who runs the caches`,
      remedy: `sudo install -D -m 0640 -g ${user.name} ${path} ${SYSTEM.config}/<name>, and set ${name} to that`,
    });
  }
}

/** @throws LarderError start: a port of these caches is taken, by anything but sockets of ours */
export async function requirePorts(
  manager: Manager,
  config: Config,
  caches: readonly string[],
  ownUnits: readonly string[],
): Promise<void> {
  const sockets = [...manager.states(ownUnits.filter((name) => name.endsWith('.socket'))).values()];
  // Of one that does not listen at present somebody else may have the port.
  const own = sockets.flatMap(({ active, listens }) => (active === 'active' ? listens : []));
  for (const { name, port } of config.caches.filter((cache) => caches.includes(cache.name))) {
    for (const address of config.listen) {
      if (own.includes(listenStream(address, port))) continue;
      const code = await bindFailure(address, port, config.listen);
      // The address may come later (FreeBind=).
      if (code === undefined || code === 'EADDRNOTAVAIL') continue;
      if (code !== 'EADDRINUSE')
        throw new LarderError('start', { what: `port ${port} of ${address} cannot be used (${code})`, remedy: `set PORT_${name}` });
      const [running] = await findRunning(config.cacheDir, name);
      throw new LarderError('start', {
        what: `port ${port} of ${address} is taken${running?.status.port === port ? ` by the ${name} cache that make start started` : ''}`,
        remedy:
          running?.status.port === port
            ? `make stop c=${name}`
            : `end the program that has it (a cache: make stop c=${name}), or set PORT_${name}`,
      });
    }
  }
}

/** @returns the error's code, if nobody can listen there now */
function bindFailure(address: string, port: number, addresses: readonly string[]): Promise<string | undefined> {
  const probe = createServer();
  return new Promise((resolve) => {
    probe.once('error', (error) => resolve(errorCode(error) ?? 'unknown'));
    probe.listen({ host: address, port, exclusive: true, ipv6Only: addresses.length > 1 }, () => probe.close(() => resolve(undefined)));
  });
}

/**
 * The Node that the system's caches run with: NODE, else the one that runs this.
 * @throws LarderError start: it is somebody's own, too old, or the service user may not run it
 */
export function requireNode(env: Environment, user: Account): string {
  const node = env.NODE || process.execPath;
  const elsewhere = 'install Node for the whole machine (not below a home), and name it if it is not the first in PATH: NODE=/usr/bin/node';
  const refuse = (why: string, remedy = elsewhere): never => {
    throw new LarderError('start', { what: `Node at ${node} ${why}`, remedy });
  };
  if (!node.startsWith('/')) refuse('is no absolute path');
  // A link may lead to where services see nothing.
  const place = realPlace(node);
  if (isInHome(node) || isInHome(place)) refuse('is in a home, which services do not see');
  const failure = failureAs(user, env, node, 'process.exit(0)');
  if (failure !== undefined) refuse(`cannot be run by ${user.name}, who runs the caches (${failure})`);
  const { mode, uid } = statSync(node);
  if (process.getuid?.() === 0 && (uid !== 0 || (mode & 0o022) !== 0))
    // As an archive is that root unpacked.
    refuse('can be changed by others than root', `sudo chown root: ${node} && sudo chmod go-w ${node}, or name another with NODE`);
  if (isHidden(node) || isHidden(place)) refuse('is in a folder for temporary files, which services do not see');
  const tooOld = 'if (!require(process.argv[1]).satisfies(process.versions.node, process.argv[2])) throw process.versions.node';
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- outside dist/, so that it runs before anything is built
  const { engines } = require(join(ROOT, 'package.json')) as { engines: { node: string } };
  const account = { ...user, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  if (failureAs(account, env, node, tooOld, join(ROOT, 'shared/cli/prepare.cjs'), engines.node) !== undefined)
    refuse(`is not of a version that is needed (${engines.node})`);
  return node;
}

/** @throws LarderError start: what was copied cannot be read by the service user */
export function requireProgram(env: Environment, node: string, program: string, user: Account): void {
  if (failureAs(user, env, node, 'fs.readFileSync(process.argv[1])', `${program}/dist/shared/main.js`) === undefined) return;
  throw new LarderError('start', {
    what: `${program} cannot be read by ${user.name}, who runs the caches`,
    remedy: 'choose a PREFIX whose folders everybody may pass',
  });
}
