/** Containers of a cache that are none of compose.yaml's: the one for whom systemd has the port, and the one that an update puts beside the first. */
import type { CacheConfig } from '../../config/config';

/** Below the ports that systems give away by themselves (32768 and up), so that nobody else has it by chance. */
const AWAY = 20_000;

/** The port of 127.0.0.1 at which it is published. */
export function behindPort(port: number): number {
  return port + AWAY < 65_536 ? port + AWAY : port - AWAY;
}

/** Its name, the same each time: one that was left over is found and removed. */
export function wokenName(project: string, { name }: CacheConfig): string {
  return `${project}-${name}-woken`;
}

/** Name of the second container of a cache, which there is as long as an update takes. */
export function besideName(project: string, { name }: CacheConfig): string {
  return `${project}-${name}-beside`;
}
