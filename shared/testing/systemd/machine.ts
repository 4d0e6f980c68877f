/**
 * A machine of a test's own: Debian with systemd as process 1 in a container of systemd-nspawn, with this machine's Node and npm, and a
 * cable to the test. It is booted, used, switched off or cut from power, and booted again.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { failureText, run, type Outcome } from '../clients/run';
import { until } from '../until';
import { layCable, type Cable } from './cable';

/** A machine that has booted. */
export interface Machine {
  /** Its `/`, seen from here. */
  readonly root: string;
  readonly cable: Cable;
  /** Resolves when everything that boots has booted. @throws Error with the console's end */
  boot(): Promise<void>;
  /** An orderly shutdown. */
  powerOff(): Promise<void>;
  /** kill -9 of everything at once. */
  powerCut(): Promise<void>;
  /** Runs a program inside. Arguments are passed as they are. */
  run(command: readonly string[], options?: RunInside): Promise<Outcome>;
  /** As run(), but a status other than 0 is an error. @returns what it printed, trimmed */
  well(command: readonly string[], options?: RunInside): Promise<string>;
  /** Off for good; its folder goes. */
  close(): Promise<void>;
}

/** As whom, and with what, a program runs inside. */
export interface RunInside {
  /** User; root unless given. */
  readonly as?: string;
  readonly cwd?: string;
  /** Besides PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Somebody who may log in, is nobody special, and has a clone of this repository. */
export const USER = 'ann';
/** The clone in the home of a user inside. */
export const CLONE = `/home/${USER}/larder`;
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const NPM = '/usr/local/lib/node_modules/npm';
/** Hierarchies in which each machine gets a group of its own: several systemds in one would end each other's processes. */
const PATIENCE = { mostMs: 60_000, lookMs: 100 };
const CGROUPS = ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup/unified'].filter(existsSync);

/** Makes one, switched off. Close it. */
export function makeMachine(): Machine {
  const { LARDER_E2E_FOLDER = '', LARDER_E2E_ROOT = '' } = process.env;
  const machines = join(LARDER_E2E_FOLDER, 'machines');
  const folder = mkdtempSync(join(machines, 'machine-'));
  const name = folder.slice(folder.lastIndexOf('-') + 1).toLowerCase();
  const [root, upper, work] = ['root', 'upper', 'work'].map((one) => join(folder, one)) as [string, string, string];
  for (const each of [root, upper, work]) mkdirSync(each);
  const layers = `lowerdir=${join(machines, 'clone')}:${LARDER_E2E_ROOT},upperdir=${upper},workdir=${work}`;
  execFileSync('mount', ['-t', 'overlay', '-o', layers, 'larder', root]);
  mkdirSync(join(root, NPM), { recursive: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'));
  writeFileSync(join(root, 'usr/local/bin/node'), '');
  // Never a console to wait for, nor timers that look for updates in mid-test.
  for (const unit of ['console-getty.service', 'apt-daily.timer', 'apt-daily-upgrade.timer', 'dpkg-db-backup.timer'])
    symlinkSync('/dev/null', join(root, 'etc/systemd/system', unit));
  const cable = layCable(name);
  const groups = (CGROUPS.length > 0 ? CGROUPS : ['/sys/fs/cgroup']).map((hierarchy) => join(hierarchy, `larder-${name}`));
  let nspawn: ChildProcess | undefined;

  const leader = (): number => (nspawn?.pid === undefined ? 0 : Number(childrenOf(nspawn.pid)[0] ?? 0));
  const inside = (command: readonly string[], options: RunInside = {}): Promise<Outcome> => {
    const pid = leader();
    if (pid === 0) throw new Error(`the machine is off: ${command.join(' ')}`);
    const { as = 'root', cwd = '/', env = {}, timeoutMs = 120_000 } = options;
    const home = as === 'root' ? '/root' : `/home/${as}`;
    const variables = Object.entries({ PATH, HOME: home, LC_ALL: 'C.UTF-8', ...env }).map(([key, value]) => `${key}=${value}`);
    const user = as === 'root' ? [] : ['runuser', '-u', as, '--'];
    const enter = ['nsenter', '-t', String(pid), '-m', '-u', '-i', '-n', '-p', '-C', '-r', '-w'];
    const words = [...enter, 'env', '-i', `--chdir=${cwd}`, ...variables, ...user, ...command];
    return run(words, { cwd: folder, env: process.env, timeoutMs });
  };
  const gone = async (): Promise<void> => {
    const process = nspawn;
    await until('the machine is off', () => process === undefined || process.exitCode !== null || process.signalCode !== null, PATIENCE);
    nspawn = undefined;
    await until('all its processes are gone', () => groups.filter((group) => !removeGroup(group)).length === 0, PATIENCE);
  };
  const cut = async (): Promise<void> => {
    for (const pid of [leader(), nspawn?.pid ?? 0]) kill(pid);
    await gone();
  };

  return {
    root,
    cable,
    async boot() {
      for (const group of groups) mkdirSync(group, { recursive: true });
      const console = openSync(join(folder, 'console'), 'w');
      // From within its groups; the first argument is how many of them there are.
      const join_ = 'n=$1; shift; while [ "$n" -gt 0 ]; do echo $$ >"$1/cgroup.procs"; shift; n=$((n - 1)); done; exec "$@"';
      nspawn = spawn('sh', ['-c', join_, 'sh', String(groups.length), ...groups, ...nspawnCommand(name, root, cable)], {
        stdio: ['ignore', console, console],
      });
      closeSync(console);
      await until(
        'the machine has booted',
        async () => {
          if (nspawn?.exitCode !== null)
            throw new Error(`the machine does not boot: ${readFileSync(join(folder, 'console'), 'utf8').slice(-500)}`);
          if (leader() === 0) return false;
          const { stdout } = await inside(['systemctl', 'is-system-running']);
          return /^(?:running|degraded)/.test(stdout);
        },
        PATIENCE,
      );
    },
    async powerOff() {
      await inside(['systemctl', 'poweroff']);
      await gone();
    },
    powerCut: cut,
    run: inside,
    async well(command, options) {
      const outcome = await inside(command, options);
      if (outcome.code !== 0) throw new Error(failureText(command, outcome));
      return outcome.stdout.trim();
    },
    async close() {
      if (nspawn) await cut();
      cable.cut();
      execFileSync('umount', ['--lazy', root]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function nspawnCommand(name: string, root: string, cable: Cable): string[] {
  const npm = dirname(dirname(realpathSync(execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim())));
  return [
    'systemd-nspawn',
    '--quiet',
    '--boot',
    `--directory=${root}`,
    `--machine=larder-${name}`,
    `--network-namespace-path=${cable.namespace}`,
    '--register=no',
    '--keep-unit',
    '--link-journal=no',
    `--bind-ro=${realpathSync(process.execPath)}:/usr/local/bin/node`,
    `--bind-ro=${npm}:${NPM}`,
  ];
}

function childrenOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
  } catch {
    return [];
  }
}

function kill(pid: number): void {
  try {
    if (pid > 0) process.kill(pid, 'SIGKILL');
  } catch {
    // ESRCH: it ended by itself.
  }
}

/** From the innermost on. @returns whether it is gone: processes that are still dying keep it */
function removeGroup(group: string): boolean {
  if (!existsSync(group)) return true;
  for (const entry of readdirSync(group, { withFileTypes: true })) if (entry.isDirectory()) removeGroup(join(group, entry.name));
  try {
    rmdirSync(group);
    return true;
  } catch {
    return false;
  }
}
