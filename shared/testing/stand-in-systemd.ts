/**
 * Programs that stand in for systemd's, and a root folder of their own: what commands would do to a machine, without one. They note what they
 * are told, remember which units are active, and refuse what a test wants refused.
 */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Module } from '../../caches/module';
import { runCommand, type Said } from './command-line';

/** Who stands for the user `larder`: somebody without rights where tests are root's, else whoever runs them. */
export const STAND_IN_UID = process.getuid?.() === 0 ? 65_534 : (process.getuid?.() ?? 0);

const SYSTEMCTL = `#!/bin/sh
echo "$*" >>"$STAGE/calls"
units="$STAGE/root/etc/systemd/system"
[ "$1" = --user ] && { units="$HOME/.config/systemd/user"; shift; }
[ "$1" = --no-ask-password ] && shift
verb=$1; shift
case $verb in
  --version) echo "systemd 252 (252.1)"; exit ;;
  show)
    shift; [ "$1" = -- ] && shift
    for unit; do
      load=not-found; active=inactive; sub=dead
      [ -e "$units/$unit" ] && load=loaded
      [ -e "$STAGE/active/$unit" ] && { active=active; sub=listening; }
      printf 'Id=%s\\nLoadState=%s\\nActiveState=%s\\nSubState=%s\\nResult=success\\n' "$unit" "$load" "$active" "$sub"
      [ -e "$units/$unit" ] && sed -n 's/^ListenStream=\\(.*\\)/Listen=\\1 (Stream)/p' "$units/$unit"
      echo
    done
    exit ;;
esac
now=
for unit; do
  case $unit in --quiet) continue ;; --now) now=1; continue ;; esac
  if [ -e "$STAGE/refused/$verb-$unit" ]; then echo "Job for $unit failed." >&2; exit 1; fi
  wants="$units/$(sed -n 's/^WantedBy=//p' "$units/$unit" 2>/dev/null).wants"
  case $verb in
    start) : >"$STAGE/active/$unit" ;;
    stop) rm -f "$STAGE/active/$unit" ;;
    enable) mkdir -p "$wants"; : >"$wants/$unit" ;;
    disable) rm -f "$units"/*.wants/"$unit"; rmdir "$units"/*.wants 2>/dev/null; [ -n "$now" ] && rm -f "$STAGE/active/$unit" ;;
  esac
done
exit 0
`;
const OTHERS: Readonly<Record<string, string>> = {
  systemctl: SYSTEMCTL,
  'systemd-sysusers': '#!/bin/sh\n: >"$STAGE/user"\n',
  getent: `#!/bin/sh
[ "$2" = larder ] && [ ! -e "$STAGE/user" ] && exit 2
[ "$2" = larder ] || [ "$2" = ${STAND_IN_UID} ] || { echo "alice:x:$2:$2::/:/bin/sh"; exit; }
echo "larder:x:${STAND_IN_UID}:${STAND_IN_UID}::/:/bin/sh"
`,
  loginctl: '#!/bin/sh\ncat "$STAGE/linger" 2>/dev/null || echo no\n',
};

/** A machine made of folders. */
export class Stage {
  readonly folder = mkdtempSync(join(tmpdir(), 'larder-units-'));
  readonly root = join(this.folder, 'root');
  readonly home = join(this.folder, 'home');
  readonly userUnits = join(this.home, '.config/systemd/user');
  readonly systemUnits = join(this.root, 'etc/systemd/system');

  /** @param modules caches that there are, each with a default port that nobody else has */
  constructor(private readonly modules: readonly Module[]) {
    for (const name of ['bin', 'active', 'refused', 'root/run/systemd/system', 'root/etc/systemd/system', 'home'])
      mkdirSync(join(this.folder, name), { recursive: true });
    chmodSync(this.folder, 0o755);
    writeFileSync(join(this.folder, 'calls'), '');
    writeFileSync(join(this.folder, '.env'), '');
    for (const [name, text] of Object.entries(OTHERS)) writeFileSync(join(this.folder, 'bin', name), text, { mode: 0o755 });
  }

  env(): Record<string, string> {
    return {
      PATH: `${this.folder}/bin:${process.env.PATH}`,
      HOME: this.home,
      XDG_RUNTIME_DIR: join(this.folder, 'run'),
      LARDER_ROOT: this.root,
      LARDER_ENV_FILE: join(this.folder, '.env'),
      STAGE: this.folder,
    };
  }

  /** Runs a command as `make` would. */
  run(args: readonly string[], env: Readonly<Record<string, string | undefined>> = {}): Promise<Said> {
    return runCommand({ args, env: { ...this.env(), ...env }, modules: this.modules });
  }

  /** Writes .env. */
  settings(text: string): void {
    writeFileSync(join(this.folder, '.env'), text);
  }

  /** What systemctl was told since this was last asked, without questions. */
  told(): string[] {
    const calls = readFileSync(join(this.folder, 'calls'), 'utf8').split('\n');
    writeFileSync(join(this.folder, 'calls'), '');
    return calls
      .map((call) => call.replace(/^(?:--user )?--no-ask-password /, ''))
      .filter((call) => call !== '' && !/^(?:show|--version)/.test(call));
  }

  /** From now on systemctl fails in doing this to a unit. */
  refuse(verb: string, unit: string): void {
    writeFileSync(join(this.folder, 'refused', `${verb}-${unit}`), '');
  }

  isActive(unit: string): boolean {
    return existsSync(join(this.folder, 'active', unit));
  }

  /** Every file below root and home, as paths in the stage. */
  files(): string[] {
    return ['root', 'home']
      .flatMap((top) => readdirSync(join(this.folder, top), { recursive: true, withFileTypes: true }))
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name).slice(this.folder.length + 1))
      .sort();
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A cache that is in name only. */
export function standInModule(name: string, defaultPort: number): Module {
  return {
    name,
    title: name,
    defaultPort,
    routes: [],
    purge: () => ({ documents: [], prefix: '' }),
    error: () => ({ contentType: '', body: Buffer.alloc(0) }),
    clients: (base) => [{ client: 'tool', on: `tool use ${base}/`, off: 'tool forget' }],
  };
}
