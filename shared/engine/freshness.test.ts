import type { DocumentRoute, ImmutableRoute } from '../../caches/module';
import type { CacheConfig, Config } from '../config/config';
import type { Entry } from '../store/entry';
import { judge, lifetimeSeconds, mayServeStale } from './freshness';

const document = { kind: 'document', ttlSeconds: 100 } as unknown as DocumentRoute;
const file = { kind: 'immutable' } as unknown as ImmutableRoute;
const cache = { changed: 'refuse' } as CacheConfig;
const config = { offline: false } as Config;
const NOW = 1_000_000_000;

function entry(ageSeconds: number, more: Partial<Entry> = {}): Entry {
  return { checkedAt: NOW - ageSeconds * 1000, storedAt: 0, integrity: 'sha512-held', ...more } as Entry;
}

it.each([
  [0, 'serve'],
  [99.9, 'serve'],
  [100, 'serve-and-revalidate'],
  [199.9, 'serve-and-revalidate'],
  [200, 'revalidate'],
  [1e9, 'revalidate'],
  // The clock went backwards: nothing is known.
  [-1, 'revalidate'],
])('a document confirmed %d s ago: %s', (age, verdict) => {
  expect(judge(entry(age), document, cache, config, NOW).do).toBe(verdict);
});

it('the operator’s lifetime beats the route’s, also when it is none', () => {
  expect(lifetimeSeconds(document, cache)).toBe(100);
  expect(lifetimeSeconds(document, { ...cache, ttlSeconds: 5 })).toBe(5);
  expect(judge(entry(0), document, { ...cache, ttlSeconds: 0 }, config, NOW)).toEqual({ do: 'revalidate', patient: false });
});

it('what is not held is fetched; what was written through us is asked for patiently', () => {
  expect(judge(undefined, document, cache, config, NOW)).toEqual({ do: 'fetch' });
  expect(judge(entry(1, { stale: true }), document, cache, config, NOW)).toEqual({ do: 'revalidate', patient: true });
});

it('offline everything that is held is served', () => {
  for (const held of [entry(1e9), entry(-5), entry(0, { stale: true })]) {
    expect(judge(held, document, cache, { ...config, offline: true }, NOW)).toEqual({ do: 'serve' });
  }
});

it('a file is fresh for ever; a contradicted one goes by the policy', () => {
  expect(judge(entry(1e9), file, cache, config, NOW)).toEqual({ do: 'serve' });
  const contradicted = entry(0, { contradicted: 'sha512-new', pin: 'sha1-old' });
  expect(judge(contradicted, file, cache, config, NOW)).toEqual({ do: 'refuse', held: 'sha1-old', promised: 'sha512-new' });
  expect(judge(contradicted, file, { ...cache, changed: 'keep' }, config, NOW)).toEqual({ do: 'serve' });
  expect(judge(contradicted, file, { ...cache, changed: 'follow' }, config, NOW)).toEqual({ do: 'fetch' });
});

it('stale copies stand in without limit unless STALE_MAX sets one', () => {
  expect(mayServeStale(entry(1e9), config, NOW)).toBe(true);
  expect(mayServeStale(entry(60), { ...config, staleMaxSeconds: 60 }, NOW)).toBe(true);
  expect(mayServeStale(entry(61), { ...config, staleMaxSeconds: 60 }, NOW)).toBe(false);
});
