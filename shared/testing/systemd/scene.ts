/**
 * A machine on which somebody has a clone of Larder, and upstreams that it can reach: a registry of npm and an archive of Debian. What a test does
 * there is what an administrator types.
 */
import { chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startArchive, type FakeArchive } from '../apt-archive';
import { ask, type Asked, type AskOptions } from '../ask';
import type { Outcome } from '../clients/run';
import { startRegistry, type FakeRegistry } from '../registry';
import { until } from '../until';
import { CLONE, makeMachine, type Machine, type RunInside } from './machine';

/** Settings by name. */
export type Settings = Readonly<Record<string, string>>;

/** A machine with Larder on it. */
export interface Scene extends Machine {
  readonly registry: FakeRegistry;
  readonly archive: FakeArchive;
  /** The settings of the clone; those given change what was said at the start. */
  configure(settings: Settings): void;
  /** `make` in the clone. */
  make(words: readonly string[], options?: RunInside): Promise<Outcome>;
  /** The same; a failure is an error. @returns what it printed */
  made(words: readonly string[], options?: RunInside): Promise<string>;
  /** Asks a cache over the cable. */
  ask(cache: CacheName, target: string, options?: AskOptions): Asked;
  /** A property of a unit, as systemctl shows it. */
  show(unit: string, property: string): Promise<string>;
  /** Waits until a unit is in a state (`active`, `inactive`, `failed`, …). */
  comesTo(unit: string, state: string): Promise<void>;
  /** The names of all processes there. */
  processes(): Promise<string[]>;
  /** The journal's lines of a unit. */
  journal(unit: string): Promise<string>;
}

/** Where caches listen here, on every address. */
export const PORTS = { npm: 4801, apt: 4802, pip: 4803 } as const;
/** Caches of the scene. */
export type CacheName = keyof typeof PORTS;
/** How long a cache waits for a request before it sleeps, ms, unless a test says otherwise. */
export const NAP_MS = 1500;
/** Boots it. Close it. */
export async function openScene(settings: Settings = {}): Promise<Scene> {
  const machine = makeMachine();
  const { root, cable } = machine;
  const host = cable.here;
  const registry = await startRegistry({ host });
  const archive = await startArchive({ host });
  const clone = join(root, CLONE);
  let said: Settings = {
    CACHES: Object.keys(PORTS).join(' '),
    ...Object.fromEntries(Object.entries(PORTS).map(([cache, port]) => [`PORT_${cache}`, String(port)])),
    GLOBAL_IP: `127.0.0.1 ${cable.there}`,
    CLIENT_NETS: '127.0.0.0/8 ::1/128 10.0.0.0/8 198.18.0.0/15',
    ALLOW_NETS: '198.18.0.0/15',
    UPSTREAM_npm: registry.url,
    UPSTREAM_pip: `${registry.url}/simple`,
    APT_SOURCES: 'no',
    UPSTREAM_PROXY: 'none',
    CACHE_SIZE: '1GB',
    MIN_FREE: '1MB',
    WORKERS: '1',
    IDLE_EXIT: `${NAP_MS}ms`,
    ...settings,
  };
  const configure = (changed: Settings): void => {
    said = { ...said, ...changed };
    writeFileSync(
      join(clone, '.env'),
      Object.entries(said)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
    );
  };
  configure({});
  chownSync(join(clone, '.env'), 1000, 1000);
  await machine.boot();

  const make = ['make', '--silent', '-C', CLONE];
  const show = (unit: string, property: string): Promise<string> =>
    machine.well(['systemctl', 'show', '--value', `--property=${property}`, unit]);
  return {
    ...machine,
    registry,
    archive,
    configure,
    make: (words, options) => machine.run([...make, ...words], options),
    made: (words, options) => machine.well([...make, ...words], options),
    ask: (cache, target, options) => ask(PORTS[cache], target, { host: cable.there, ...options }),
    show,
    comesTo: async (unit, state) => {
      await until(`${unit} is ${state}`, async () => (await show(unit, 'ActiveState')) === state, { mostMs: 60_000, lookMs: 50 });
    },
    processes: async () => (await machine.well(['sh', '-c', 'cat /proc/[0-9]*/comm'])).split('\n'),
    journal: (unit) => machine.well(['journalctl', '--no-pager', '--output=cat', `--unit=${unit}`]),
    async close() {
      await machine.close();
      await registry.close();
      await archive.close();
    },
  };
}
