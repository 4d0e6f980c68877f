/** Whether containers reach the caches, and what to do if not. */
import { networkInterfaces } from 'node:os';
import type { Config } from '../../config/config';
import { isAboutContainers, type Context } from '../context';
import { findRunning } from '../control';
import { healthPage, isLocalOnly } from './addresses';
import type { Engine } from '../containers/engine';
import type { LedCache } from './layer';

/** Address of this machine in the network that containers have by default; undefined if the engine does not tell. */
export async function engineGateway(engine: Engine): Promise<string | undefined> {
  const { stdout } = await engine.docker(['network', 'inspect', 'bridge', '--format', '{{range .IPAM.Config}}{{println .Gateway}}{{end}}']);
  return stdout.split('\n').find((line) => /^\d+(?:\.\d+){3}$/.test(line));
}

/** Bridges that engines make: of the network that containers have by default, and of those that users made. */
const BRIDGE = /^(?:docker|podman|cni-podman)\d+$/;
const OTHER_BRIDGE = /^br-[0-9a-f]{12}$/;

/**
 * What `start` says if containers run here, and the caches listen on loopback only: others have no use for it. A bridge counts as running, and is
 * among the interfaces, while a container is connected to it. Caches that are containers have a bridge of their own.
 * @returns [] if nothing is wrong
 */
export function localOnlyWarning(context: Pick<Context, 'config' | 'options'>, interfaces = networkInterfaces()): readonly string[] {
  const { config } = context;
  if (!isLocalOnly(config) || config.caches.every(({ publicUrl }) => publicUrl !== undefined)) return [];
  const addressOf = (pattern: RegExp): string | undefined =>
    Object.entries(interfaces)
      .flatMap(([name, list = []]) => (pattern.test(name) ? list : []))
      .find(({ family }) => family === 'IPv4')?.address;
  const gateway = addressOf(BRIDGE) ?? (isAboutContainers(context) ? undefined : addressOf(OTHER_BRIDGE));
  return gateway === undefined ? [] : [`Containers that run here cannot reach the caches, if they should. ${remedy(config, gateway)}`];
}

/** @param answered pages that a container could read @returns a line for each cache with programs there that none can read, or one for all */
export async function reachWarnings(
  { config }: Context,
  caches: readonly LedCache[],
  answered: readonly string[],
  gateway: string | undefined,
): Promise<readonly string[]> {
  const silent = caches.filter(({ programs, bases }) => programs.length > 0 && !bases.some((base) => answered.includes(healthPage(base))));
  if (silent.length === 0) return [];
  if (isLocalOnly(config)) return [`  Warning: containers cannot reach the caches. ${remedy(config, gateway)}`];
  const lines: string[] = [];
  for (const { name, bases } of silent) {
    const runs = (await findRunning(config.cacheDir, name)).length > 0;
    const why = runs ? 'though it runs: look at the firewall, GLOBAL_IP and CLIENT_NETS.' : `which does not run: make start c=${name}`;
    lines.push(`  Warning: no container reaches the ${name} cache (${bases.join(', ')}), ${why}`);
  }
  return lines;
}

function remedy({ listen }: Config, gateway = '172.17.0.1'): string {
  return `They listen on this machine alone: set GLOBAL_IP=${listen.join(' ')} ${gateway} in .env, then make restart.`;
}
