/** The units of caches as processes: a socket and a service for each, and the housekeeping that all share. */
import type { Config } from '../../config/config';
import { isHidden, isInHome, realPlace, SYSTEM } from './places';
import { containerUnits, filterLines, type UnitFacts } from './container-units';
import { HOUSEKEEPING, serviceOf, socketOf } from './unit-names';
import type { UnitValues } from './unit-text';
import { commandLine, quoted, renderLines, renderUnit, unitWord } from './unit-text';

/** Responses under way may take 10 s to finish, then everything pending is written. */
const STOP_SECONDS = 40;
/** The first systemd that can restart ever more slowly (RestartSteps=). */
const SLOWING_VERSION = 254;

/** What units are made of beside the configuration, in both forms. */
export interface Facts extends UnitFacts {
  /** Files that the settings name: they must be seen although homes are not. */
  readonly files: readonly string[];
  readonly systemdVersion: number;
  /** Whether the caches are containers; then who runs them, as settings. */
  readonly containers?: readonly string[];
}

/** Units by name, for these caches of the configuration. */
export function cacheUnits(config: Config, caches: readonly string[], facts: Facts): Map<string, string> {
  const units = new Map<string, string>();
  const values = commonValues(config, facts);
  for (const { name, port } of config.caches) {
    if (!caches.includes(name)) continue;
    if (facts.containers) {
      units.set(socketOf(name), socketUnit(name, config.listen, port, filterLines(config, facts.scope)));
      const own = { ...facts, environment: [...facts.environment, ...facts.containers] };
      for (const [unit, text] of containerUnits(config, name, port, own)) units.set(unit, text);
      continue;
    }
    units.set(socketOf(name), socketUnit(name, config.listen, port));
    const command = commandLine(facts.node, `${facts.program}/dist/shared/main.js`, name);
    units.set(serviceOf(name), renderUnit('cache.service', { ...values, cache: name, command }));
  }
  // In a container it is done, and kept in, by the engine.
  const free = facts.containers && { hardening: [], offNetwork: [], environment: [...facts.environment, ...facts.containers] };
  for (const name of HOUSEKEEPING) units.set(name, renderUnit(name, { ...values, ...free }));
  return units;
}

/** The unit of the socket of a cache; the form of what it wakes makes no difference. */
export function socketUnit(cache: string, addresses: readonly string[], port: number, filter: readonly string[] = []): string {
  const listen = addresses.map((address) => `ListenStream=${listenStream(address, port)}`);
  // Otherwise :: would take the port of the IPv4 addresses too.
  const isMixed = addresses.includes('::') && addresses.some((address) => !address.includes(':'));
  return renderUnit('cache.socket', { cache, listen, filter, ipv6: isMixed ? ['BindIPv6Only=ipv6-only'] : [] });
}

/** An address and port as systemd.socket(5) has them; `%` of a zone doubled. */
export function listenStream(address: string, port: number): string {
  return address.includes(':') ? `[${address.replaceAll('%', '%%')}]:${port}` : `${address}:${port}`;
}

function commonValues(config: Config, facts: Facts): UnitValues {
  const { watchdogSeconds, memoryMaxBytes } = config.service;
  return {
    environment: facts.environment,
    slowing: facts.systemdVersion >= SLOWING_VERSION ? ['RestartSteps=6', 'RestartMaxDelaySec=60s'] : [],
    stopSeconds: String(STOP_SECONDS),
    watchdog: watchdogSeconds > 0 ? [`WatchdogSec=${watchdogSeconds}s`] : [],
    memoryMax: String(memoryMaxBytes),
    housekeeping: commandLine(facts.node, `${facts.program}/dist/shared/cli/main.js`, 'gc'),
    hardening: renderLines(`hardening-${facts.scope}.conf`, { folders: folderLines(config, facts.files) }),
    offNetwork: facts.scope === 'system' ? ['PrivateNetwork=yes', 'IPAddressDeny=any'] : [],
  };
}

/**
 * What of the file system the services see and may write. Where something of ours is in a home, the rest of homes is empty to them;
 * of folders for temporary files they have their own anyway. With `-` a
 * path may be missing: else no process could even begin, and so none could say what is wrong, or pass on what it fetches.
 */
function folderLines({ cacheDir, stateDir }: Config, files: readonly string[]): string[] {
  const folders = [
    { path: cacheDir, usual: SYSTEM.cacheDir, kind: 'Cache' },
    { path: stateDir, usual: SYSTEM.stateDir, kind: 'State' },
  ].flatMap(({ path, usual, kind }) => {
    if (path === usual && realPlace(path) === path) return [`${kind}Directory=larder`, `${kind}DirectoryMode=0750`];
    return bothPlaces(path).map((each) => (isHidden(each) ? `BindPaths=${bound(each)}` : `ReadWritePaths=${unitWord(`-${each}`)}`));
  });
  const named = files.flatMap(bothPlaces);
  const seen = named.filter(isHidden).map((path) => `BindReadOnlyPaths=${bound(path)}`);
  const isHomeNeeded = [cacheDir, stateDir].flatMap(bothPlaces).concat(named).some(isInHome);
  return [...folders, ...seen, `ProtectHome=${isHomeNeeded ? 'tmpfs' : 'yes'}`];
}

/** A path, and where it leads if that is elsewhere: of a link to what is hidden both ends have to be seen. */
function bothPlaces(path: string): string[] {
  return [...new Set([path, realPlace(path)])];
}

/** A path that may be missing, as a word of BindPaths=, where a colon that is not quoted divides source and target. */
function bound(path: string): string {
  return path.includes(':') ? quoted(`-${path}`) : unitWord(`-${path}`);
}
