/** Counters of a cache since ever: what the ledger has of earlier processes, and what this one counted. */
import { errorText } from '../errors';
import type { Log } from '../log/types';
import type { Counters } from './counters';
import { lastKnown } from './last-known';
import { countersOf, namedCounts, type NamedCounts } from './counter-names';
import type { StatusCounters } from './status';

/** How often they are written, ms: a process that is killed loses no more than what it counted since. */
const SAVE_MS = 60_000;

/** What of the store is needed. */
export interface CounterBook {
  addCounters(cache: string, deltas: NamedCounts): Promise<void>;
  counters(): Promise<Readonly<Record<string, NamedCounts>>>;
}

export interface DurableCounters {
  /** Since ever, as far as the ledger could be read in that time. Never rejects. */
  total(): Promise<StatusCounters>;
  /** Writes what was counted since the last time. Never rejects. */
  save(): Promise<void>;
  /** Writes for the last time. Never rejects. */
  close(): Promise<void>;
}

/**
 * Nothing is read or written before somebody asks for a total, or there is something to write.
 * @param waitMs how long a total waits for the ledger
 */
export function keepCounters(book: CounterBook, cache: string, counters: Counters, log: Log, waitMs: number): DurableCounters {
  let before: Promise<NamedCounts> | undefined;
  let saved: NamedCounts = {};
  let saving: Promise<void> | undefined;
  const load = (): Promise<NamedCounts> => {
    // Read once, and before anything is added: else this process's own would count twice.
    before ??= book.counters().then((all) => all[cache] ?? {});
    before.catch(() => (before = undefined));
    return before;
  };
  const write = async (): Promise<void> => {
    const now = namedCounts(counters);
    const deltas = difference(now, saved);
    if (Object.keys(deltas).length === 0) return;
    try {
      await load();
      await book.addCounters(cache, deltas);
      saved = now;
    } catch (error) {
      log.warn('counters-not-kept', { cache, reason: errorText(error) });
    }
  };
  const save = (): Promise<void> => (saving ??= write().finally(() => (saving = undefined)));
  const timer = setInterval(() => void save(), SAVE_MS).unref();
  const known = lastKnown(load, {}, waitMs);
  return {
    save,
    total: async () => countersOf(sum((await known()).value, namedCounts(counters))),
    close: async () => {
      clearInterval(timer);
      await saving;
      await save();
    },
  };
}

function difference(now: NamedCounts, before: NamedCounts): NamedCounts {
  return Object.fromEntries(
    Object.entries(now).flatMap(([name, count]) => (count === (before[name] ?? 0) ? [] : [[name, count - (before[name] ?? 0)]])),
  );
}

function sum(one: NamedCounts, other: NamedCounts): NamedCounts {
  const result: Record<string, number> = { ...one };
  for (const [name, count] of Object.entries(other)) result[name] = (result[name] ?? 0) + count;
  return result;
}
