/** The service manager: systemctl with arguments as they are, and the one line for whoever has no systemd. */
import { existsSync } from 'node:fs';
import type { Environment } from '../../config/sources';
import { LarderError } from '../../errors';
import { firstLine, runNow, type Ran } from '../programs';
import type { Scope } from './places';
import { onDisk } from './places';

/** What systemd says of a unit. */
export interface UnitState {
  /** `active`, `inactive`, `failed`, … */
  readonly active: string;
  /** `listening`, `running`, `dead`, … */
  readonly sub: string;
  /** What became of it at last, `success` if nothing is wrong. */
  readonly result: string;
  /** Addresses that a socket listens on. */
  readonly listens: readonly string[];
}

/** One systemd: the machine's, or that of a user. */
export class Manager {
  constructor(
    readonly scope: Scope,
    private readonly env: Environment,
  ) {}

  /** @returns what it printed @throws LarderError start: the first line of what systemctl complained of */
  run(...args: string[]): string {
    const { code, stdout, stderr } = this.try(...args);
    if (code === 0) return stdout;
    throw new LarderError('start', { what: `systemctl ${args.join(' ')}: ${firstLine(stderr) || `status ${code}`}`, remedy: '' });
  }

  /** As run, whatever the outcome. */
  try(...args: string[]): Ran {
    return runNow(this.env, 'systemctl', [...(this.scope === 'user' ? ['--user'] : []), '--no-ask-password', ...args]);
  }

  /** The states of units, by name; those that systemd does not know are left out. Starts nothing. */
  states(units: readonly string[]): ReadonlyMap<string, UnitState> {
    if (units.length === 0) return new Map();
    const { stdout } = this.try('show', '--property=Id,LoadState,ActiveState,SubState,Result,Listen', '--', ...units);
    const states = new Map<string, UnitState>();
    for (const block of stdout.split('\n\n')) {
      const lines = block.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const);
      const value = (name: string): string => lines.find(([key]) => key === name)?.[1] ?? '';
      if (value('Id') === '' || value('LoadState') !== 'loaded') continue;
      const listens = lines.flatMap(([key, text]) => (key === 'Listen' ? [text.replace(/ \(\w+\)$/, '')] : []));
      states.set(value('Id'), { active: value('ActiveState'), sub: value('SubState'), result: value('Result'), listens });
    }
    return states;
  }

  /** The version of systemd. */
  version(): number {
    return Number(/^systemd (\d+)/.exec(this.run('--version'))?.[1] ?? 0);
  }
}

/** The manager of a scope. @throws LarderError start: there is none, or it cannot be reached */
export function openManager(env: Environment, scope: Scope): Manager {
  const manager = new Manager(scope, env);
  if (!existsSync(onDisk(env, '/run/systemd/system')) || manager.try('--version').code !== 0)
    throw new LarderError('start', { what: 'systemd does not run on this machine', remedy: 'make start runs caches without it' });
  if (scope === 'user') requireSession(env, manager);
  return manager;
}

function requireSession(env: Environment, manager: Manager): void {
  if (!env.XDG_RUNTIME_DIR)
    throw new LarderError('start', {
      what: 'XDG_RUNTIME_DIR is not set, so your own systemd cannot be found',
      remedy: 'log in as yourself (ssh, a console, machinectl shell), not by su; or export XDG_RUNTIME_DIR=/run/user/$(id -u)',
    });
  const { code, stderr } = manager.try('show', '--property=Version');
  if (code !== 0)
    throw new LarderError('start', {
      what: `your own systemd cannot be reached: ${firstLine(stderr)}`,
      remedy: 'log in as yourself, or start it: sudo systemctl start user@$(id -u).service',
    });
}
