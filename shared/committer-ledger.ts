/** The committer's jobs that only concern the ledger. */
import type { Ledger } from './catalogue/ledger';
import type { Outbox } from './committer-outbox';
import { errorText } from './errors';
import type { Job } from './store/jobs';

/** @param jobs one job, or several notes to be written together @throws SqliteError if the ledger cannot be had */
export function performOnLedger(ledger: Ledger, jobs: readonly Job[]): unknown {
  const [job] = jobs;
  switch (job?.op) {
    case 'addCounters':
      return ledger.addCounters(job.cache, job.deltas);
    case 'counters':
      return ledger.counters();
    case 'digestChanges':
      return ledger.digestChanges();
    case 'note':
      return ledger.note(job.name);
    case 'notes':
      return ledger.notes(job.prefix);
    case 'setNote':
      return ledger.setNotes(jobs.filter((one) => one.op === 'setNote'));
    case 'firstSeen':
      return ledger.firstSeen(job.key);
    case 'setFirstSeen':
      return ledger.setFirstSeen(job.key, job.integrity, job.at);
    case 'dropFirstSeen':
      return ledger.dropFirstSeen(job.prefix);
    case 'addDigestChange':
      return ledger.addDigestChange(job.change);
    case 'dropNote':
      return ledger.dropNote(job.name);
    default:
      throw new Error(`not a job for the ledger: ${job?.op}`);
  }
}

/**
 * Tells the beginnings of keys that are not evicted: what notes of the kind `kept` list; if the ledger cannot be read, what they listed when
 * it could be read last.
 */
export function keptKeys(ledger: Ledger, outbox: Outbox): () => readonly string[] {
  let last: readonly string[] = [];
  return () => {
    try {
      last = ledger.notes('kept|').flatMap(({ value }) => JSON.parse(value) as string[]);
    } catch (error) {
      outbox.notice('error', 'ledger-unreadable', { reason: errorText(error) });
    }
    return last;
  };
}
