/** A real apt in a folder of its own: its own sources, lists and archives, nothing of the machine's. Needs no root. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { run, type Outcome } from './clients/run';

/** A client with sources, lists and a state of its own. */
export interface AptRoot {
  readonly folder: string;
  /** In which its programs run. */
  readonly env: NodeJS.ProcessEnv;
  /** Runs apt-get (`update`) or another program of apt's, given first (`apt-cache`). */
  apt(...args: readonly string[]): Promise<Outcome>;
  /** The lists that it holds: file name → content, decompressed. */
  lists(): Map<string, string>;
  /** Versions of a package in the lists of indexes, by list; one value only if they are of one generation. */
  versions(name: string): Map<string, string | undefined>;
  /** Names of the downloaded packages. */
  archives(): string[];
  /** Forgets lists and archives. */
  clean(): void;
  close(): void;
}

/** How the client is set up. */
export interface AptRootOptions {
  /** Lines of sources.list. */
  readonly sources: readonly string[];
  /** Lines of apt.conf. */
  readonly conf?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Text of auth.conf. */
  readonly auth?: string;
}

/** Why this machine cannot run apt; '' if it can. */
export function noApt(): string {
  return spawnSync('apt-get', ['--version']).status === 0 ? '' : 'there is no apt-get';
}

/** Makes the folder. Close it. */
export function makeAptRoot(options: AptRootOptions): AptRoot {
  const folder = mkdtempSync(join(tmpdir(), 'apt-'));
  const lists = join(folder, 'var/lib/apt/lists');
  const archives = join(folder, 'var/cache/apt/archives');
  const clean = (): void => {
    for (const one of [lists, archives]) {
      rmSync(one, { recursive: true, force: true });
      mkdirSync(join(one, 'partial'), { recursive: true });
    }
  };
  clean();
  for (const one of [
    'etc/apt/apt.conf.d',
    'etc/apt/preferences.d',
    'etc/apt/sources.list.d',
    'etc/apt/trusted.gpg.d',
    'var/lib/dpkg',
    'var/log/apt',
  ])
    mkdirSync(join(folder, one), { recursive: true });
  writeFileSync(join(folder, 'var/lib/dpkg/status'), '');
  writeFileSync(join(folder, 'etc/apt/sources.list'), options.sources.map((line) => `${line}\n`).join(''));
  if (options.auth !== undefined) writeFileSync(join(folder, 'etc/apt/auth.conf'), options.auth);
  writeFileSync(
    join(folder, 'apt.conf'),
    [
      `Dir "${folder}";`,
      `Dir::State::status "${folder}/var/lib/dpkg/status";`,
      'Dir::Bin "/usr/bin";',
      'Dir::Bin::methods "/usr/lib/apt/methods";',
      'Dir::Bin::solvers:: "/usr/lib/apt/solvers";',
      'Dir::Bin::planners:: "/usr/lib/apt/planners";',
      `APT::Sandbox::User "${userInfo().username}";`,
      'APT::Architecture "amd64";',
      'APT::Architectures { "amd64"; };',
      'Acquire::Languages "en";',
      ...(options.conf ?? []),
    ]
      .map((line) => `${line}\n`)
      .join(''),
  );
  const env = { PATH: process.env['PATH'], LC_ALL: 'C', HOME: folder, APT_CONFIG: join(folder, 'apt.conf'), ...options.env };

  const held = (): Map<string, string> => {
    const found = new Map<string, string>();
    for (const one of readdirSync(lists, { withFileTypes: true }))
      if (one.isFile() && one.name !== 'lock') found.set(one.name, readFileSync(join(lists, one.name), 'utf8'));
    return found;
  };
  return {
    folder,
    env,
    apt: (...args) => {
      const [first = ''] = args;
      const command = first.startsWith('apt-') ? args : ['apt-get', '-q', '-y', ...args];
      return run(command, { cwd: folder, env });
    },
    lists: held,
    versions: (name) => {
      const stanza = new RegExp(`^Package: ${name}\\n(?:.+\\n)*?Version: (.*)\\n`, 'm');
      return new Map(
        [...held()].filter(([list]) => /_(?:Packages|Sources)$/.test(list)).map(([list, text]) => [list, stanza.exec(text)?.[1]] as const),
      );
    },
    archives: () => readdirSync(archives).filter((name) => name.endsWith('.deb')),
    clean,
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}
