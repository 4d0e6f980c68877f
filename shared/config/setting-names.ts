/** Which names are settings of this appliance, and what a mistyped one was meant to be. */
import { LarderError } from '../errors';
import { SETTING_NAMES } from './settings';
import type { Source } from './sources';

/** UPSTREAM_<c>_<name>, also with _AUTH and _FILE behind. */
const NAMED_UPSTREAM = /^UPSTREAM_([a-z0-9]+)_([^_]+)(?:_AUTH)?(?:_FILE)?$/;
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
      if (!ORIGIN_NAME.test(found[2])) {
        throw new LarderError('config', {
          name: variable,
          value: values[variable],
          allowed: `a name is lower-case letters, digits and -, e.g. UPSTREAM_${cache}_corp`,
        });
      }
      names.add(found[2]);
    }
  }
  return [...names].sort();
}

/**
 * Stops at names that look like settings and are none. The environment belongs to others too, so there only what is
 * unmistakably meant for us counts; in our own file anything close does.
 * @throws LarderError config: names the nearest setting
 */
export function refuseUnknown(sources: readonly Source[], caches: readonly string[]): void {
  const known = knownNames(caches);
  for (const { label, values } of sources) {
    const own = label !== 'environment';
    for (const variable of Object.keys(values)) {
      const plain = variable.replace(/_FILE$/, '');
      if (!values[variable]?.trim() || known.has(variable) || known.has(plain)) continue;
      const named = NAMED_UPSTREAM.exec(variable);
      if (named?.[1] && caches.includes(named[1])) continue;
      const family = FAMILIES.find((prefix) => variable.startsWith(prefix) && (own || /^[a-z]/.test(variable.slice(prefix.length))));
      const candidates = family || own ? [...known] : [...known].filter((name) => name.length >= 8 && name.includes('_'));
      const nearest = nearestName(plain, candidates, family ? Number.POSITIVE_INFINITY : own ? 2 : 1);
      if (!nearest) continue;
      throw new LarderError('config', {
        name: variable,
        value: '…',
        allowed: `there is no such setting; did you mean ${nearest}? (caches: ${caches.join(', ')})`,
      });
    }
  }
}

function knownNames(caches: readonly string[]): Set<string> {
  const names = new Set<string>();
  for (const name of SETTING_NAMES) {
    if (name.includes('<name>')) continue;
    if (!name.includes('<c>')) names.add(name);
    else for (const cache of caches) names.add(name.replace('<c>', cache));
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
