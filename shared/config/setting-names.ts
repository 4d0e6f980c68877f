/** Which names are settings of this appliance, and what a mistyped one was meant to be. */
import type { Module } from '../../caches/module';
import { LarderError } from '../errors';
import { mirrorNames } from './mirror-settings';
import { variableName } from './setting-reader';
import { isSettingOf, SETTING_NAMES } from './settings';
import type { Source } from './sources';

/** UPSTREAM_<c>_<name>, also with _AUTH and _FILE behind. In the name, `_` stands for `-`. */
const NAMED_UPSTREAM = /^UPSTREAM_([a-z0-9]+)_(.+?)(?:_AUTH)?(?:_FILE)?$/;
/** What an upstream's name may look like: it is a part of URLs. */
const ORIGIN_NAME = /^[a-z0-9][a-z0-9-]*$/;
/** `PORT_`, `UPSTREAM_`, …: what stands before a cache's name. */
const FAMILIES = SETTING_NAMES.flatMap((name) => /^([A-Z_]+_)<c>$/.exec(name)?.[1] ?? []);

/** The names of the upstreams that the sources give a cache beside its default one, sorted. @throws LarderError config: not a good name */
export function namedUpstreams(sources: readonly Source[], cache: string): string[] {
  const names = new Set<string>();
  for (const { values } of sources) {
    for (const variable of Object.keys(values)) {
      const found = NAMED_UPSTREAM.exec(variable);
      if (!values[variable]?.trim() || found?.[1] !== cache || !found[2] || found[2] === 'AUTH' || found[2] === 'FILE') continue;
      const name = found[2].replaceAll('_', '-');
      // A name in both spellings at once would not be found again.
      if (!isOriginName(name) || (found[2].includes('-') && found[2].includes('_'))) {
        throw new LarderError('config', {
          name: variable,
          value: variable.includes('_AUTH') ? '(hidden)' : values[variable],
          allowed: `a name is lower-case letters, digits and - (or _ for every -), e.g. UPSTREAM_${cache}_corp`,
        });
      }
      names.add(name);
    }
  }
  return [...names].sort();
}

/** Whether this can be the name of an upstream. */
export function isOriginName(name: string): boolean {
  return ORIGIN_NAME.test(name);
}

/**
 * Stops at names that look like settings and are none. The environment belongs to others too, so there only what is
 * unmistakably meant for us counts; in our own file anything close does.
 * @throws LarderError config: names the nearest setting
 */
export function refuseUnknown(sources: readonly Source[], modules: readonly Module[]): void {
  const caches = modules.map((module) => module.name);
  const known = knownNames(modules, sources);
  for (const { label, values } of sources) {
    const own = label !== 'environment';
    for (const variable of Object.keys(values)) {
      const plain = variable.replace(/_FILE$/, '');
      if (!values[variable]?.trim() || known.has(variable) || known.has(plain)) continue;
      const named = NAMED_UPSTREAM.exec(variable);
      if (named?.[1] && caches.includes(named[1])) continue;
      const family = FAMILIES.find((prefix) => isOfFamily(variable, prefix, own));
      const relatives = family ? [...known].filter((name) => name.startsWith(family)) : [];
      const others = family || own ? [...known] : [...known].filter((name) => name.length >= 8 && name.includes('_'));
      if (own && isOfAnotherCache(plain, caches)) {
        throw new LarderError('config', {
          name: variable,
          value: '…',
          allowed: 'this cache has no such setting; its clients name no archives',
        });
      }
      const without = family && withoutUpstream(plain, modules);
      if (without) throw new LarderError('config', { name: variable, value: '…', allowed: `it goes with ${without}, which is not set` });
      const nearest = nearestName(plain, relatives.length > 0 ? relatives : others, family ? Number.POSITIVE_INFINITY : own ? 2 : 1);
      if (!nearest) continue;
      throw new LarderError('config', {
        name: variable,
        value: '…',
        allowed: `there is no such setting; did you mean ${nearest}? (caches: ${caches.join(', ')})`,
      });
    }
  }
}

/** Whether a name begins as a family does; in our own file also one that leaves the cache out (`TTL`). */
function isOfFamily(variable: string, prefix: string, own: boolean): boolean {
  if (own && `${variable}_` === prefix) return true;
  return variable.startsWith(prefix) && (own || /^[a-z]/.test(variable.slice(prefix.length)));
}

/** The `UPSTREAM_<c>_<name>` that a setting of a named upstream is about, if it is one of those that the cache can have. */
function withoutUpstream(variable: string, modules: readonly Module[]): string | undefined {
  for (const name of SETTING_NAMES) {
    if (!name.endsWith('_<name>')) continue;
    for (const module of modules) {
      const prefix = variableName(name, module.name);
      if (isSettingOf(name, module) && variable.startsWith(prefix) && variable.length > prefix.length)
        return `UPSTREAM_${module.name}_${variable.slice(prefix.length)}`;
    }
  }
  return undefined;
}

/** A setting with a cache's name in capitals that only other caches have: `NPM_HOSTS`. */
function isOfAnotherCache(variable: string, caches: readonly string[]): boolean {
  return SETTING_NAMES.some((name) => name.includes('<C>') && caches.some((cache) => variableName(name, cache) === variable));
}

function knownNames(modules: readonly Module[], sources: readonly Source[]): Set<string> {
  const names = new Set<string>();
  for (const name of SETTING_NAMES) {
    if (name.includes('<N>')) {
      for (const mirror of mirrorNames(sources)) names.add(variableName(name, '', mirror));
      continue;
    }
    if (name.includes('<name>')) {
      // Those of UPSTREAM_ are recognised by their form, the others only if there is such an upstream.
      const having = name.startsWith('UPSTREAM_') ? [] : modules.filter((module) => isSettingOf(name, module));
      for (const module of having)
        for (const origin of namedUpstreams(sources, module.name))
          for (const spelling of [origin, origin.replaceAll('-', '_')]) names.add(variableName(name, module.name, spelling));
      continue;
    }
    if (!/<c>/i.test(name)) names.add(name);
    else for (const module of modules) if (isSettingOf(name, module)) names.add(variableName(name, module.name));
  }
  return names;
}

/**
 * The closest of some names by edit distance (insertions, deletions, substitutions, swaps of neighbours), if it is at most
 * `most` away. Most variables of an environment differ in length already, so that the check costs next to nothing.
 */
export function nearestName(wrong: string, names: readonly string[], most = Number.POSITIVE_INFINITY): string | undefined {
  let best: string | undefined;
  let least = most + 1;
  for (const name of names) {
    if (Math.abs(name.length - wrong.length) >= least || (most === 1 && !almostAgree(wrong, name))) continue;
    const distance = editDistance(wrong, name);
    if (distance >= least) continue;
    best = name;
    least = distance;
  }
  return best;
}

// One edit leaves all but two letters in a common beginning or end. Cheap, since it meets every variable of the environment.
function almostAgree(a: string, b: string): boolean {
  const longest = Math.max(a.length, b.length);
  let head = 0;
  while (head < longest && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < longest && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  return head + tail >= longest - 2;
}

// Optimal string alignment (Damerau 1964): a swap of two neighbours is the commonest slip, so it counts as one.
function editDistance(a: string, b: string): number {
  let older: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      let cost = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, (older[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    older = previous;
    previous = row;
  }
  return previous[b.length] ?? 0;
}
