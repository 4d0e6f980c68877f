/** The effective configuration for people: every setting, its value and where that comes from; secrets hidden. */
import type { Module } from '../../caches/module';
import type { Config } from './config';
import type { ConfigInput } from './load';
import { mirrorNames } from './mirror-settings';
import { namedUpstreams } from './setting-names';
import { printable, variableName } from './setting-reader';
import type { Setting, SettingName } from './settings';
import { isSettingOf, SETTINGS, SETTING_NAMES } from './settings';
import { lookUp, openSources } from './sources';

export interface EffectiveSetting {
  readonly name: string;
  readonly value: string;
  /** `default`, `environment`, `.env`, `.env, NAME_FILE`, … */
  readonly from: string;
}

/** @param config what `loadConfig` made of the same input @throws LarderError config */
export function effectiveSettings(input: ConfigInput, config: Config): EffectiveSetting[] {
  const sources = openSources(input.env, input.envFile);
  const computed = computedDefaults(config, input.modules);
  const plainMirrors = mirrorNames(sources);
  return SETTING_NAMES.flatMap((name) =>
    instances(name, config, input.modules, (cache) => (name.includes('<N>') ? plainMirrors : namedUpstreams(sources, cache))),
  ).map(({ name, variable }) => {
    const { secret, fallback } = SETTINGS[name] as Setting<unknown>;
    const found = lookUp(sources, variable);
    if (!found) return { name: variable, value: computed[variable] ?? fallback, from: 'default' };
    return { name: variable, value: secret ? '(hidden)' : printable(found.raw), from: found.from };
  });
}

function instances(
  name: SettingName,
  config: Config,
  modules: readonly Module[],
  named: (cache: string) => readonly string[],
): { name: SettingName; variable: string }[] {
  if (!/<(?:c|n)>/i.test(name)) return [{ name, variable: name }];
  const having = config.caches.filter((cache) => modules.some((module) => module.name === cache.name && isSettingOf(name, module)));
  return having.flatMap((cache) => {
    if (!/<(?:name|N)>/.test(name)) return [{ name, variable: variableName(name, cache.name) }];
    return named(cache.name).map((origin) => ({ name, variable: variableName(name, cache.name, origin) }));
  });
}

/** What a default came to on this machine. */
function computedDefaults(config: Config, modules: readonly Module[]): Record<string, string> {
  const values: Record<string, string> = {
    CACHES: config.caches.map((cache) => cache.name).join(' '),
    CACHE_DIR: config.cacheDir,
    STATE_DIR: config.stateDir,
    CACHE_SIZE: inUnits(config.sizeBytes),
    MIN_FREE: inUnits(config.minFreeBytes),
    CLIENT_NETS: config.clientNets.join(' '),
    WORKERS: String(config.workers),
    UPSTREAM_PROXY: config.upstreamProxy ? '(hidden, from the environment)' : '',
  };
  for (const cache of config.caches) {
    values[`PORT_${cache.name}`] = String(cache.port);
    values[`CHANGED_${cache.name}`] = cache.changed;
    const isOpen = modules.some((module) => module.name === cache.name && module.archive);
    values[`UPSTREAM_${cache.name}`] = cache.origins[0]?.bases.join(' ') || (isOpen ? '(what clients name)' : '(not configured)');
    const found = cache.origins.filter(({ suites }) => suites !== undefined).map(({ name, bases }) => `${name}: ${bases.join(' ')}`);
    if (found.length > 0) values[variableName('<C>_SOURCES', cache.name)] = `yes (${found.join(', ')})`;
  }
  return values;
}

/** Bytes as a person reads them, decimal: `1.5 GB`. */
export function inUnits(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}
