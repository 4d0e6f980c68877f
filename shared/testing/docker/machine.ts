/** Whether this machine can run a container engine of its own, beside whatever runs on it already. */
import { spawnSync } from 'node:child_process';

import { unreachable } from '../clients/apt-machine';

const PROBE_MS = 60_000;
/** What the engine of the tests is made of, and the option that makes it say its version. */
const PROGRAMS = ['dockerd', 'docker', 'iptables', 'nsenter', 'debootstrap'] as const;

/** Why there can be no engine; '' if there can. Synchronous, as Jest collects tests. */
export function noEngine(): string {
  if (process.getuid?.() !== 0) return 'an engine of its own needs root';
  for (const program of PROGRAMS) {
    if (spawnSync(program, ['--version'], { timeout: PROBE_MS }).error) return `there is no ${program}`;
  }
  const spaces = ['--net', '--pid', '--mount', '--fork', '--mount-proc'];
  if (spawnSync('unshare', [...spaces, 'ip', 'link', 'set', 'lo', 'up'], { timeout: PROBE_MS }).status !== 0) {
    return 'this machine refuses namespaces';
  }
  return unreachable;
}
