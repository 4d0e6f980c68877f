/** What the versions of a document promise of their files. */
import type { Pin } from '../module';
import { familyOf, sourceOf } from './dist-url';
import { familyTarget, fileTarget } from './dist-target';
import type { Release } from './releases';

/**
 * One pin a target: where the file is, and its SHA-1 where the repository gives one (those that have GitHub make the archives do not).
 * @param isDev of a document of branches; undefined for a document that is about no single package
 */
export function distPins(releases: readonly Release[], isDev: boolean | undefined): Pin[] {
  const pins = new Map<string, Pin>();
  const families = new Map<string, Pin>();
  for (const { name, version, normalized, dist } of releases) {
    if (!dist) continue;
    const target = fileTarget(name, { ...dist, version: normalized });
    const source = sourceOf(dist.url);
    if (target === undefined || source === undefined || pins.has(target)) continue;
    const integrity = sha1(dist.shasum);
    pins.set(target, { target, ...(integrity === undefined ? {} : { integrity }), source, version });
    if (isDev === undefined || families.has(dist.type)) continue;
    const family = familyOf(source, dist.reference);
    if (family !== undefined) families.set(dist.type, { target: familyTarget(name, isDev, dist.type), source: family });
  }
  return [...pins.values(), ...[...families.values()].filter(({ target }) => !pins.has(target))];
}

function sha1(hex: string): string | undefined {
  return /^[0-9a-f]{40}$/i.test(hex) ? `sha1-${Buffer.from(hex, 'hex').toString('base64')}` : undefined;
}
