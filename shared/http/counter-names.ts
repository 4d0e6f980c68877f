/** Counters as the ledger has them: by name; those of passes by `pass:` and the reason. */
import type { StatusCounters } from './status';

export type NamedCounts = Readonly<Record<string, number>>;

const PASS = 'pass:';

/** The names and values of counters. */
export function namedCounts({ hits, misses, stale, revalidated, errors, bytesSent, passes }: StatusCounters): NamedCounts {
  const reasons = Object.entries(passes).map(([reason, count]) => [PASS + reason, count] as const);
  return { hits, misses, stale, revalidated, errors, bytesSent, ...Object.fromEntries(reasons) };
}

/** Counters by their names; what is not named is 0. */
export function countersOf(named: NamedCounts): StatusCounters {
  const { hits = 0, misses = 0, stale = 0, revalidated = 0, errors = 0, bytesSent = 0 } = named;
  const passes = Object.entries(named).filter(([name]) => name.startsWith(PASS));
  const reasons = passes.map(([name, count]) => [name.slice(PASS.length), count] as const);
  return { hits, misses, stale, revalidated, errors, bytesSent, passes: Object.fromEntries(reasons) };
}
