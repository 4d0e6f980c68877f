/**
 * Entry + route + now → verdict, pure. Documents follow RFC 9111 §4.2 with the route's own freshness lifetime (registries behind
 * mirrors send none) and RFC 5861 (stale-while-revalidate, stale-if-error); files whose URL names their bytes are fresh for ever.
 */
import type { Route } from '../../caches/module';
import type { CacheConfig, Config } from '../config/config';
import type { Entry } from '../store/entry';

export type Verdict =
  /** Send what is held. */
  | { readonly do: 'serve' }
  /** Send what is held at once, and ask the upstream in the background. */
  | { readonly do: 'serve-and-revalidate' }
  /** Ask the upstream first; `patient` false: send what is held if it takes longer than staleWaitMs. */
  | { readonly do: 'revalidate'; readonly patient: boolean }
  /** Nothing usable is held. */
  | { readonly do: 'fetch' }
  /** Held bytes contradict a newer promise, and the operator wants that refused. */
  | { readonly do: 'refuse'; readonly held: string; readonly promised: string };

/** Freshness lifetime of a document route in this cache, in seconds. */
export function lifetimeSeconds(route: Route, cache: CacheConfig): number {
  return cache.ttlSeconds ?? ('ttlSeconds' in route ? route.ttlSeconds : 0);
}

/** Freshness lifetime of a held document, in seconds: that there is none is remembered as long as any absence (NEGATIVE_TTL). */
export function heldLifetimeSeconds({ absent }: Entry, route: Route, cache: CacheConfig, config: Config): number {
  return absent ? config.negativeTtlSeconds : lifetimeSeconds(route, cache);
}

/** @param nowMs ms since the epoch */
export function judge(entry: Entry | undefined, route: Route, cache: CacheConfig, config: Config, nowMs: number): Verdict {
  if (!entry) return { do: 'fetch' };
  if (route.kind === 'immutable') return judgeFile(entry, cache);
  if (config.offline) return { do: 'serve' };
  // A successful write through us made it stale: the writer expects to see it.
  if (entry.stale) return { do: 'revalidate', patient: true };
  const ageSeconds = (nowMs - entry.checkedAt) / 1000;
  const lifetime = heldLifetimeSeconds(entry, route, cache, config);
  // A clock that went backwards makes ages negative: then nothing is known, so ask.
  if (ageSeconds >= 0 && ageSeconds < lifetime) return { do: 'serve' };
  // Whoever waits for something new to appear is not told once more that there is nothing.
  if (ageSeconds >= 0 && ageSeconds < 2 * lifetime && !entry.absent) return { do: 'serve-and-revalidate' };
  return { do: 'revalidate', patient: false };
}

/** Whether a held document may stand in for an upstream that fails (STALE_MAX; RFC 5861 §4). */
export function mayServeStale(entry: Entry, config: Config, nowMs: number): boolean {
  return config.staleMaxSeconds === undefined || (nowMs - entry.checkedAt) / 1000 <= config.staleMaxSeconds;
}

function judgeFile(entry: Entry, cache: CacheConfig): Verdict {
  if (entry.contradicted === undefined || cache.changed === 'keep') return { do: 'serve' };
  if (cache.changed === 'follow') return { do: 'fetch' };
  return { do: 'refuse', held: entry.pin ?? entry.integrity, promised: entry.contradicted };
}
