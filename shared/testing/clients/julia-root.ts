/** A real Julia with its package manager, in a Debian of its own below a folder: the newest that Debian has had is 1.5.3, in its release of 2021. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { KEYRING, suites, unreachable } from './apt-machine';
import { run, runWell, type Outcome } from './run';

const RELEASE = 'bullseye';
const MAKE_MS = 600_000;
const RUN_MS = 300_000;
const PROBE_MS = 20_000;
/** A folder that has such a Debian already, so that none is made: for whoever runs these tests again and again. */
const READY = process.env['LARDER_JULIA_ROOT'] ?? '';

const [archive] = suites.filter(({ base }) => base.endsWith('/debian'));

/** Why this machine cannot have one; '' if it can. */
export const noJulia: string = reason();

/** A Debian that has Julia. */
export interface JuliaRoot {
  /** Runs a program of Julia's. @param depot name of the folder for its packages, made when it is not there */
  julia(program: string, depot: string, env: Readonly<Record<string, string>>): Promise<Outcome>;
}

/** Makes the Debian, once: half a minute and 720 MB. @throws Error what debootstrap says */
export async function makeJuliaRoot(folder: string): Promise<JuliaRoot> {
  const root = READY === '' ? join(folder, 'root') : READY;
  if (READY === '') {
    const options = ['--variant=minbase', `--keyring=${KEYRING}`, '--include=julia,curl,git,ca-certificates'];
    const env = { PATH: process.env['PATH'], HOME: folder, LANG: 'C.UTF-8' };
    // What it mounts for itself is gone with it, however it ends.
    await runWell(['unshare', '--mount', 'debootstrap', ...options, RELEASE, root, archive?.base ?? ''], {
      cwd: folder,
      env,
      timeoutMs: MAKE_MS,
    });
  }
  return {
    // Its /proc and /dev are mounted in a namespace that ends with it; the network is this machine's.
    julia: (program, depot, env) => {
      const inside =
        'root=$1; shift; mount --make-rprivate / && mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" && exec chroot "$root" "$@"';
      const command = ['unshare', '--mount', 'sh', '-c', inside, 'sh', root, 'julia', '--startup-file=no', '-e', program];
      const all = { PATH: process.env['PATH'], HOME: '/root', LANG: 'C.UTF-8', JULIA_DEPOT_PATH: `/tmp/${depot}`, ...env };
      return run(command, { cwd: folder, env: all, timeoutMs: RUN_MS });
    },
  };
}

function reason(): string {
  if (process.getuid?.() !== 0) return 'a Debian of its own needs root';
  if (spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status !== 0) return 'this machine refuses mounts';
  if (READY !== '') return existsSync(join(READY, 'usr/bin/julia')) ? '' : 'LARDER_JULIA_ROOT has no Julia';
  if (spawnSync('debootstrap', ['--version']).status !== 0) return 'there is no debootstrap';
  if (unreachable !== '') return unreachable;
  if (!archive) return 'this machine has no Debian archive over http';
  const target = JSON.stringify(`${archive.base}/dists/${RELEASE}/InRelease`);
  const ask = `fetch(${target}).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))`;
  return spawnSync(process.execPath, ['-e', ask], { timeout: PROBE_MS }).status === 0 ? '' : `the archive has no ${RELEASE} (any more)`;
}
