/**
 * The committer: one worker thread through which every change of the store goes. It groups what is queued into one write
 * transaction of the catalogue, which is the store's lock over processes and containers, and answers after COMMIT.
 * Waiting for another process blocks this thread and nobody else. Composes the rooms store, catalogue and integrity.
 */
import { existsSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { Catalogue, isCorrupt, isFull, isSqlite } from './catalogue/catalogue';
import { Ledger } from './catalogue/ledger';
import { keptKeys, performOnLedger } from './committer-ledger';
import { answerOf, Outbox } from './committer-outbox';
import { errorText } from './errors';
import { heldAgrees } from './integrity/held';
import { groups, isFullDisk, isOfLedger, isUnlocked, needsWhole, roomFor, settled, takeAlone, type Attempt } from './store/batch';
import { bucketFile } from './store/bucket';
import { EpochWriter } from './store/epoch';
import { Eviction, type Need } from './store/evict';
import type { CommitterData, Job, Request, ToCommitter } from './store/jobs';
import { applyLesson, prepareLesson, type Lesson } from './store/learn';
import { PinBook } from './store/pin-book';
import { Rebuild } from './store/rebuild';
import { Writer } from './store/writer';

/** Jobs of one transaction at most: another process waits that long. */
const BATCH = 128;
/** Length of a slice of rebuilding, ms. */
const SLICE_MS = 20;

class Committer {
  private readonly catalogue: Catalogue;
  private readonly ledger: Ledger;
  private readonly writer: Writer;
  private readonly rebuild: Rebuild;
  private readonly eviction: Eviction;
  private readonly book: PinBook;
  private readonly queue: Request[] = [];
  private needs: Need[] = [];
  private running = false;
  private closing = false;
  /** The catalogue file whose surroundings were compared. */
  private compared = '';

  constructor(
    private readonly data: CommitterData,
    private readonly outbox: Outbox,
    private readonly end: () => void,
  ) {
    this.catalogue = new Catalogue(data.cacheDir);
    this.ledger = new Ledger(data.ledgerFile);
    this.writer = new Writer(data.cacheDir, this.catalogue, new EpochWriter(data.cacheDir, data.modules, data.ownBumps));
    this.rebuild = new Rebuild(this.catalogue, this.writer);
    this.eviction = new Eviction(this.catalogue, this.writer, data.limits, keptKeys(this.ledger, outbox));
    this.book = new PinBook(this.catalogue);
  }

  receive(message: ToCommitter): void {
    if (message === 'close') this.closing = true;
    else this.queue.push(message);
    if (!this.running) void this.run();
  }

  /** Until nothing is left: jobs first, then one slice of eviction or rebuilding, then jobs that came meanwhile. */
  private async run(): Promise<void> {
    this.running = true;
    for (let more = true; more;) {
      // Lets the messages in that are waiting, so that they share a transaction.
      await new Promise((resolve) => setImmediate(resolve));
      if (this.queue.length > 0) await this.runBatch();
      else if (this.closing) break;
      else more = await this.tidy();
    }
    this.running = false;
    if (!this.closing) return;
    this.catalogue.close();
    this.ledger.close();
    this.end();
  }

  private async runBatch(): Promise<void> {
    // What only reads does not wait in line behind transactions, which may have to wait for another process.
    const reading = this.queue.findIndex(({ job }) => isUnlocked(job));
    if (reading >= 0 || this.queue[0]?.job.op === 'gc') {
      return this.runAlone(takeAlone(this.queue, Math.max(0, reading)));
    }
    const until = this.queue.findIndex(({ job }) => job.op === 'gc');
    const requests = this.queue.splice(0, Math.min(BATCH, until < 0 ? this.queue.length : until));
    try {
      if (requests.some(({ job }) => needsWhole(job))) await this.completeRebuild();
      await this.runTransaction(requests);
    } catch (error) {
      for (const request of requests) this.outbox.answer(answerOf(request.id, undefined, error));
    }
  }

  /** One transaction for several jobs. A full disk gets one eviction, a damaged catalogue is made anew, each once. */
  private async runTransaction(requests: readonly Request[]): Promise<void> {
    for (let again = false; ; again = true) {
      let attempts: Attempt[] = [];
      try {
        attempts = requests.map((request) => ({ request, lesson: this.prepare(request.job) }));
        const answers = await this.locked(async () => {
          for (const group of groups(attempts)) await settled(group.map((attempt) => this.attempt(attempt, again)));
          const full = attempts.filter(({ error }) => isFullDisk(error));
          if (full.length > 0 && (await this.eviction.free(full.reduce((sum, { request }) => sum + roomFor(request.job), 0)))) {
            for (const attempt of full) await this.attempt(attempt, true);
          }
          this.needs = this.rebuild.state() ? [] : this.eviction.needs();
          return attempts.map(({ request, value, error }) => answerOf(request.id, value, error));
        });
        const changes = [...this.writer.changes];
        // The first answer carries what the whole transaction changed, so that listeners hear it before anybody goes on.
        answers.forEach((answer, index) => this.outbox.answer(index === 0 ? { ...answer, changes } : answer));
        return;
      } catch (error) {
        this.book.clear();
        if (again || !(isFull(error) || isCorrupt(error))) throw error;
        if (isCorrupt(error)) this.replaceCatalogue(error);
        else await this.locked(() => this.eviction.free(requests.reduce((sum, { job }) => sum + roomFor(job), 0)));
      }
    }
  }

  /** Runs `work` inside the store's lock. @throws what it throws, after a rollback */
  private async locked<T>(work: () => Promise<T> | T): Promise<T> {
    this.catalogue.begin();
    try {
      this.compareSurroundings();
      this.writer.begin();
      const result = await work();
      this.writer.beforeCommit();
      this.catalogue.commit();
      this.writer.afterCommit();
      return result;
    } catch (error) {
      this.catalogue.rollback();
      this.writer.afterRollback();
      this.compared = ''; // What was noted of them is rolled back too.
      throw error;
    }
  }

  /** After a reboot (power may have failed) and in a copy of the store, rows and files need not agree: look at all of them. */
  private compareSurroundings(): void {
    const surroundings = this.catalogue.surroundings();
    if (surroundings === this.compared) return;
    const kept = this.catalogue.meta('surroundings');
    if (kept !== surroundings) {
      this.catalogue.setMeta('surroundings', surroundings);
      if (kept !== undefined) this.rebuild.start();
    }
    this.rebuild.skipIfEmpty();
    this.compared = surroundings;
    this.book.clear();
  }

  private replaceCatalogue(error: unknown): void {
    this.outbox.notice('warn', 'catalogue-rebuilt', { file: this.catalogue.file, reason: errorText(error) });
    this.catalogue.discard();
  }

  private prepare(job: Job): Lesson | undefined {
    if (job.op !== 'learn') return undefined;
    this.catalogue.open();
    const fresh = this.rebuild.state()?.fresh ?? false;
    const inIndex = (keys: readonly string[]): string[] => keys.filter((key) => existsSync(bucketFile(this.data.cacheDir, key)));
    const held = fresh ? inIndex : (keys: readonly string[]): string[] => this.catalogue.heldAmong(keys);
    return prepareLesson(job, this.data.cacheDir, this.book, { held, agrees: heldAgrees });
  }

  private async attempt(attempt: Attempt, again: boolean): Promise<void> {
    delete attempt.error;
    try {
      attempt.value = await this.perform(attempt, again);
    } catch (error) {
      if (isSqlite(error)) throw error; // The transaction is spoilt for all.
      attempt.error = error;
    }
  }

  private async perform({ request: { job }, lesson }: Attempt, again: boolean): Promise<unknown> {
    switch (job.op) {
      case 'commit':
        return this.writer.commit(job.key, job.entry, job.body, again);
      case 'amend':
        return this.writer.amend(job.key, job.integrity, job.patch);
      case 'remove':
        this.catalogue.deletePins(job.keys);
        return (await this.writer.remove(job.keys)).removed;
      case 'removePrefix':
        this.catalogue.deletePinsWithPrefix(job.prefix);
        return (await this.writer.remove(this.catalogue.keysWithPrefix(job.prefix))).removed;
      case 'quarantine':
        return this.writer.quarantine(job.integrity);
      case 'uses':
        return this.catalogue.touch(job.keys, job.now);
      case 'learn': {
        if (!lesson) throw new Error('a lesson that was not prepared');
        const { conflicts, changes } = await applyLesson(lesson, this.writer, this.book, Date.now());
        for (const change of changes)
          this.outbox.trying('ledger-unwritable', this.data.ledgerFile, () => this.ledger.addDigestChange(change));
        return conflicts;
      }
      default:
        throw new Error(`not a job for a transaction: ${job.op}`);
    }
  }

  /** One job, or several notes to be written. */
  private async runAlone(requests: readonly Request[]): Promise<void> {
    try {
      const jobs = requests.map(({ job }) => job);
      const value = jobs.every(isOfLedger) ? performOnLedger(this.ledger, jobs) : await this.performAlone(jobs[0] as Job);
      for (const { id } of requests) this.outbox.answer({ id, value });
    } catch (error) {
      // A damaged ledger is none of the catalogue's business, and cannot be made anew.
      if (isCorrupt(error) && !requests.some(({ job }) => isOfLedger(job))) this.replaceCatalogue(error);
      for (const { id } of requests) this.outbox.answer(answerOf(id, undefined, error));
    }
  }

  private async performAlone(job: Job): Promise<unknown> {
    switch (job.op) {
      case 'pin': {
        this.catalogue.open();
        const sheet = this.book.sheet(job.document);
        const pin = sheet?.pins.get(job.target);
        return sheet && { revision: sheet.revision, ...(pin ? { pin } : {}) };
      }
      case 'counts': {
        await this.completeRebuild();
        const total = this.catalogue.totals().find(({ module }) => module === job.module);
        return { entries: total?.entries ?? 0, bytes: total?.bytes ?? 0 };
      }
      case 'gc':
        return this.collect();
      case 'keys':
        this.catalogue.open();
        return this.catalogue.heldBelow(job.prefix, job.after);
      default:
        throw new Error(`not a job to be run alone: ${job.op}`);
    }
  }

  /** A whole round of rebuilding, which collects orphans, then eviction until the limits hold. */
  private async collect(): Promise<{ removed: number; bytes: number }> {
    await this.locked(() => this.rebuild.start());
    while (await this.rebuildSlice());
    this.needs = await this.locked(() => this.eviction.needs());
    const sum = { removed: 0, bytes: 0 };
    for (let gone = await this.evictSlice(); gone.removed > 0; gone = await this.evictSlice()) {
      sum.removed += gone.removed;
      sum.bytes += gone.bytes;
    }
    return sum;
  }

  /** Waits for a rebuild of a catalogue that is missing rows; one that only checks them may go on meanwhile. */
  private async completeRebuild(): Promise<void> {
    this.catalogue.open();
    while (this.rebuild.state()?.fresh && (await this.rebuildSlice()));
  }

  /** One slice of what can wait. @returns whether there is more */
  private async tidy(): Promise<boolean> {
    try {
      if (this.needs.length > 0 && (await this.evictSlice()).removed > 0) return true;
      this.needs = [];
      this.catalogue.open();
      return this.rebuild.state() !== undefined && (await this.rebuildSlice());
    } catch (error) {
      if (isCorrupt(error)) this.replaceCatalogue(error);
      else this.outbox.notice('warn', 'store-tidying-failed', { reason: errorText(error) });
      return false;
    }
  }

  private async rebuildSlice(): Promise<boolean> {
    const more = await this.locked(() => this.rebuild.slice(SLICE_MS));
    this.tellChanges();
    return more;
  }

  private async evictSlice(): Promise<{ removed: number; bytes: number }> {
    const gone = await this.locked(() => this.eviction.slice(this.needs));
    if (gone.removed > 0) this.outbox.notice('info', 'evicted', { entries: gone.removed, bytes: gone.bytes });
    this.tellChanges();
    return gone;
  }

  /** Changes that nobody asked for: sent under an id that nobody waits for. */
  private tellChanges(): void {
    if (this.writer.changes.size > 0) this.outbox.answer({ id: 0, changes: [...this.writer.changes] });
  }
}

const port = parentPort;
if (port) {
  const committer = new Committer(workerData as CommitterData, new Outbox((message) => port.postMessage(message)), () => port.close());
  port.on('message', (message: ToCommitter) => committer.receive(message));
}
