/** Where the container of a cache is while systemd has its port. */
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
