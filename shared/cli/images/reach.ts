/** Whether containers reach the caches, and what to do if not. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Config } from '../../config/config';
import type { Context } from '../context';
import { findRunning } from '../control';
import { healthPage, isLocalOnly } from './addresses';
import type { Engine } from '../containers/engine';
import type { LedCache } from './layer';

/** Address of this machine in the network that containers have by default; undefined if the engine does not tell. */
export async function engineGateway(engine: Engine): Promise<string | undefined> {
  const { stdout } = await engine.docker(['network', 'inspect', 'bridge', '--format', '{{range .IPAM.Config}}{{println .Gateway}}{{end}}']);
  return stdout.split('\n').find((line) => /^\d+(?:\.\d+){3}$/.test(line));
}

/** What `start` says where there is a container engine, and the caches listen on loopback only. @returns [] if nothing is wrong */
export function localOnlyWarning({ config, env }: Pick<Context, 'config' | 'env'>): readonly string[] {
  const folders = (env.PATH ?? '').split(delimiter);
  const hasEngine = ['docker', 'podman'].some((name) => folders.some((folder) => existsSync(join(folder, name))));
  return hasEngine && isLocalOnly(config) && config.caches.some(({ publicUrl }) => publicUrl === undefined)
    ? [`Containers cannot reach the caches. ${remedy(config)}`]
    : [];
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
