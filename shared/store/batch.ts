/** How the committer treats the jobs of one transaction: which may run at once, which alone, what they need. Pure. */
import { errorCode } from '../errors';
import type { Job, Op, Request } from './jobs';
import type { Lesson } from './learn';

/** One job of a transaction that is under way. */
export interface Attempt {
  readonly request: Request;
  readonly lesson: Lesson | undefined;
  value?: unknown;
  error?: unknown;
}

/** Jobs that only concern the ledger. */
const OF_LEDGER: ReadonlySet<Op> = new Set<Op>([
  'addCounters',
  'counters',
  'digestChanges',
  'note',
  'notes',
  'setNote',
  'dropNote',
  'firstSeen',
  'setFirstSeen',
  'dropFirstSeen',
  'addDigestChange',
]);
const UNLOCKED: ReadonlySet<Op> = new Set<Op>(['pin', 'counts', 'keys', ...OF_LEDGER]);

/** Whether the job needs the ledger. */
export function isOfLedger(job: Job): boolean {
  return OF_LEDGER.has(job.op);
}

/** Jobs that only read, or that only concern the ledger: they take no part in a transaction. */
export function isUnlocked(job: Job): boolean {
  return UNLOCKED.has(job.op);
}

/**
 * Takes a job out of the queue; with a note to be written all others that may be written at the same time, since each waits for the disk:
 * up to the next job that might ask for one of them.
 */
export function takeAlone(queue: Request[], index: number): Request[] {
  const taken = queue.splice(index, 1);
  if (taken[0]?.job.op !== 'setNote') return taken;
  for (let at = index; at < queue.length;) {
    const { job } = queue[at] as Request;
    if (job.op === 'setNote') taken.push(...queue.splice(at, 1));
    else if (isOfLedger(job)) break;
    else at++;
  }
  return taken;
}

/** Neighbours that may run at once: commits of different keys. Waiting for files is most of a commit. */
export function groups(attempts: readonly Attempt[]): Attempt[][] {
  const result: Attempt[][] = [];
  let keys: Set<string> | undefined;
  for (const attempt of attempts) {
    const { job } = attempt.request;
    const last = result[result.length - 1];
    if (job.op === 'commit' && keys && last && !keys.has(job.key)) last.push(attempt);
    else {
      result.push([attempt]);
      keys = job.op === 'commit' ? new Set() : undefined;
    }
    if (job.op === 'commit') keys?.add(job.key);
  }
  return result;
}

/** Waits for all, also when one fails: a rollback must not overtake the others. @throws the first failure */
export async function settled(promises: ReadonlyArray<Promise<void>>): Promise<void> {
  for (const result of await Promise.allSettled(promises)) if (result.status === 'rejected') throw result.reason;
}

/** Jobs that ask the catalogue which keys there are. */
export function needsWhole(job: Job): boolean {
  return job.op === 'removePrefix' || job.op === 'quarantine';
}

/** Bytes to evict for a job that met a full disk: its body, and something for index and catalogue. */
export function roomFor(job: Job): number {
  return 128 * 1024 + (job.op === 'commit' ? job.entry.size : 0);
}

/** The system says that the disk or the quota is full. */
export function isFullDisk(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(errorCode(error) ?? '');
}
