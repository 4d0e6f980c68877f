/** The committer's jobs that only concern the ledger. */
import type { Ledger } from './catalogue/ledger';
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
