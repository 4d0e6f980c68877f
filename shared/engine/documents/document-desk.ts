/** Documents: which one to serve now, one fetch per key, and what they promise. */
import type { DocumentRoute, Pin } from '../../../caches/module';
import { errorText, isLarderError, LarderError } from '../../errors';
import { findPin } from '../../integrity/pin-list';
import type { Entry } from '../../store/entry';
import { fetchDocument, type DocumentResult, type DocumentWatcher, type Wanted } from './document-flight';
import type { FileHosts } from '../files/file-hosts';
import { judge, mayServeStale } from '../freshness';
import type { HeldBodies } from '../bodies/held-body';
import type { NegativeCache } from '../negative';
import { originDown, within } from '../patience';
import { planTarget, type Plan } from '../plan';
import { Recall } from '../files/recall';
import type { EngineRooms } from '../rooms';

/** How long a document that could not be stored stays in memory for the requests that belong to it. */
const UNSTORED_MS = 30_000;
const MOST_UNSTORED_BYTES = 64 * 1024 * 1024;
/** One line a document and minute says that its upstream fails. */
const COMPLAIN_MS = 60_000;
const MOST_COMPLAINTS = 1_000;

export interface DocumentAnswer extends Omit<DocumentResult, 'outcome'> {
  readonly outcome: 'hit' | 'miss' | 'stale' | 'revalidated';
  /** Why it is stale. */
  readonly detail?: string;
}

interface Flight {
  readonly result: Promise<DocumentResult>;
  /** A write through us came after it began: what it brings may be older. */
  overtaken: boolean;
}

export class DocumentDesk {
  private readonly flights = new Map<string, Flight>();
  /** When a document's trouble was logged last. */
  private readonly complaints = new Map<string, number>();
  /** Documents that the upstream has begun to send; of several of one key, the latest. */
  private readonly arrivals = new Map<string, object>();
  private readonly recall: Recall;
  private readonly unstored = new Map<string, { readonly result: DocumentResult; readonly untilMs: number }>();
  /** Large documents that were handed out and are still being stored. */
  private readonly storing = new Map<string, Promise<void>>();

  constructor(
    private readonly rooms: EngineRooms,
    private readonly negative: NegativeCache,
    bodies: HeldBodies,
    private readonly hosts: FileHosts,
  ) {
    this.recall = new Recall(rooms, bodies, (key) => this.flights.get(key)?.result);
  }

  /** Fetches under way. */
  get underWay(): number {
    return this.flights.size + this.storing.size;
  }

  /** Waits for what is being stored. Never rejects. */
  async close(): Promise<void> {
    await Promise.all(this.storing.values());
  }

  /** What to answer with now. @throws LarderError when nothing can be served */
  async get(plan: Plan, wanted: Wanted | undefined): Promise<DocumentAnswer> {
    const recent = this.recentUnstored(plan.key);
    const held = (await this.rooms.store.find(plan.key)) ?? recent?.entry;
    const verdict = judge(held, plan.route, this.rooms.cache, this.rooms.config, this.rooms.now());
    // That it does not exist any more was the upstream's answer a moment ago, whatever is held of it.
    if (verdict.do === 'serve-and-revalidate' || verdict.do === 'revalidate') this.negative.check(plan.key);
    const serve = (outcome: 'hit' | 'stale', detail?: string): DocumentAnswer => {
      const isRecent = held && recent?.entry.integrity === held.integrity && recent.unstored;
      const bytes = isRecent ? { unstored: recent.unstored, ...(recent.storing ? { storing: recent.storing } : {}) } : {};
      return { entry: held as Entry, outcome, ...bytes, ...(detail === undefined ? {} : { detail }) };
    };
    switch (verdict.do) {
      case 'serve':
        return serve('hit');
      case 'serve-and-revalidate':
        if (originDown(this.rooms, plan)) return serve('stale', 'upstream-down');
        this.fetch(plan, held, undefined).catch((error: unknown) => this.complain(plan, error));
        return serve('stale', 'revalidating');
      case 'revalidate':
        return this.revalidate(plan, held as Entry, wanted, verdict.patient, serve);
      case 'fetch':
        return this.fetch(plan, undefined, wanted);
      case 'refuse':
        throw new LarderError('digest-changed', {
          target: plan.path,
          held: verdict.held,
          promised: verdict.promised,
          cache: this.rooms.cache.name,
        });
    }
  }

  /** The document, confirmed by the upstream now. @throws LarderError */
  async confirmed(plan: Plan): Promise<Entry> {
    const held = (await this.rooms.store.find(plan.key)) ?? this.recentUnstored(plan.key)?.entry;
    return (await this.fetch(plan, held, undefined)).entry;
  }

  /** As `pin`, but what the catalogue lost is read from the held document again, which may take a while. Never rejects. */
  async recalled(plan: Plan, target: string): Promise<Pin | undefined> {
    return this.recentUnstored(plan.key)?.unstored ? this.pin(plan, target) : this.recall.pin(plan, target);
  }

  /** What the held document promises about a target, as far as the catalogue knows. Never rejects. */
  async pin(plan: Plan, target: string): Promise<Pin | undefined> {
    const unstored = this.recentUnstored(plan.key)?.unstored;
    if (unstored) return findPin(unstored.pins, target);
    return this.rooms.store.pin(plan.key, target).then(
      (found) => found?.pin,
      () => undefined,
    );
  }

  /** The document from the upstream, whatever is held: its bytes cannot be read. @throws LarderError */
  async afresh(plan: Plan, wanted: Wanted | undefined): Promise<DocumentAnswer> {
    if (this.rooms.config.offline) throw new LarderError('offline', { target: plan.path });
    return this.watched(plan, async (watcher) =>
      fetchDocument(this.rooms, await this.placed(plan), undefined, wanted, 'in-memory', watcher),
    );
  }

  /** Single flight per key; everybody who asks meanwhile gets the same result. @throws LarderError */
  fetch(plan: Plan, held: Entry | undefined, wanted: Wanted | undefined): Promise<DocumentResult> {
    const under = this.flights.get(plan.key);
    if (under) return under.result;
    const isOvertaken = (): boolean => flight.overtaken;
    const result = this.fetchOnce(plan, held, wanted, isOvertaken).finally(() => {
      if (this.flights.get(plan.key) === flight) this.flights.delete(plan.key);
    });
    const flight: Flight = { result, overtaken: false };
    this.flights.set(plan.key, flight);
    return result;
  }

  /** A write through us changed the document: what is held, or on its way, is asked again before the next answer. @throws Error of the store */
  async wrote(plan: Plan): Promise<void> {
    this.negative.forgetPrefix(plan.key);
    this.unstored.delete(plan.key);
    const flight = this.flights.get(plan.key);
    if (flight) flight.overtaken = true;
    // Whoever asks from now on must not join it.
    this.flights.delete(plan.key);
    // What is stored after this would be fresh again.
    await this.storing.get(plan.key);
    const entry = await this.rooms.store.find(plan.key);
    if (entry) await this.rooms.store.amend(entry.key, entry.integrity, { stale: true });
  }

  private async fetchOnce(
    plan: Plan,
    held: Entry | undefined,
    wanted: Wanted | undefined,
    isOvertaken: () => boolean,
  ): Promise<DocumentResult> {
    const { store, config } = this.rooms;
    if (config.offline) throw new LarderError('offline', { target: plan.path });
    if (!held) this.negative.check(plan.key);
    await this.storing.get(plan.key);
    try {
      // Another process, or a flight that ended between our look and now, may have brought it: look again before fetching.
      // What is only in memory is confirmed only while it cannot be stored; else it is fetched once more, to be kept.
      const now = (await store.find(plan.key)) ?? (store.notStoring() ? held : undefined);
      const there = await this.placed(plan);
      const fetched = await this.watched(plan, (watcher) => fetchDocument(this.rooms, there, now, wanted, isOvertaken, watcher));
      const result = this.withUnstored(plan.key, fetched);
      // The write may have come while this was being committed.
      if (isOvertaken() && result.entry.stale !== true) await store.amend(plan.key, result.entry.integrity, { stale: true });
      if (result.unstored && !isOvertaken()) this.remember(plan.key, result);
      if (result.storing) this.await(plan.key, result, result.storing);
      return result;
    } catch (error) {
      if (!isOvertaken()) this.negative.learn(plan.key, error);
      throw error;
    }
  }

  /** The plan with the place that another document gives this one, if it does. Never rejects, but for the store. */
  private async placed(plan: Plan): Promise<Plan> {
    const said = (plan.route as DocumentRoute).saidBy?.(plan.params);
    if (!said) return plan;
    const { module, cache, store } = this.rooms;
    const teller = planTarget(module, cache, plan.origin, 'GET', said.document);
    if (!this.recentUnstored(teller.key) && !(await store.find(teller.key))) await this.confirmed(teller).catch(() => undefined);
    const source = (await this.recalled(teller, said.target))?.source;
    return source === undefined ? plan : { ...plan, places: [said.address(source)] };
  }

  /** Whether the upstream has begun to send a document that nobody can have yet. */
  isArriving(plan: Plan): boolean {
    return this.arrivals.has(plan.key);
  }

  private async watched<T>(plan: Plan, fetch: (watcher: DocumentWatcher) => Promise<T>): Promise<T> {
    const arrival = {};
    try {
      return await fetch({
        began: () => void this.arrivals.set(plan.key, arrival),
        promised: (pins) => this.hosts.learnt(plan.origin, pins),
      });
    } finally {
      if (this.arrivals.get(plan.key) === arrival) this.arrivals.delete(plan.key);
    }
  }

  private async revalidate(
    plan: Plan,
    held: Entry,
    wanted: Wanted | undefined,
    patient: boolean,
    serve: (outcome: 'stale', detail: string) => DocumentAnswer,
  ): Promise<DocumentAnswer> {
    const usable = mayServeStale(held, this.rooms.config, this.rooms.now());
    if (usable && originDown(this.rooms, plan)) return serve('stale', 'upstream-down');
    const attempt = this.fetch(plan, held, wanted);
    try {
      if (patient || !usable) return await attempt;
      const result = await within(attempt, this.rooms.config.timeouts.staleWaitMs);
      if (result) return result;
      attempt.catch((error: unknown) => this.complain(plan, error));
      return serve('stale', 'upstream-slow');
    } catch (error) {
      // That it does not exist any more is an answer; everything else is trouble, which what is held hides.
      if (!usable || !isLarderError(error) || error.code === 'upstream-not-found' || error.code === 'upstream-gone') throw error;
      this.complain(plan, error);
      return serve('stale', error.code);
    }
  }

  private complain(plan: Plan, error: unknown): void {
    const now = this.rooms.now();
    if (Math.abs(now - (this.complaints.get(plan.key) ?? -Infinity)) < COMPLAIN_MS) return;
    if (this.complaints.size >= MOST_COMPLAINTS) this.complaints.clear();
    this.complaints.set(plan.key, now);
    this.rooms.log.warn('revalidation-failed', { key: plan.key, reason: errorText(error) });
  }

  /** Once it is stored, the store has it for everybody. */
  private await(key: string, result: DocumentResult, storing: Promise<Entry | undefined>): void {
    const over = storing.then((entry) => {
      if (this.storing.get(key) === over) this.storing.delete(key);
      if (entry && this.unstored.get(key)?.result === result) this.unstored.delete(key);
    });
    this.storing.set(key, over);
  }

  private remember(key: string, result: DocumentResult): void {
    const now = this.rooms.now();
    let bytes = result.unstored?.body.length ?? 0;
    this.unstored.delete(key);
    this.unstored.set(key, { result, untilMs: now + UNSTORED_MS });
    for (const [other, kept] of [...this.unstored].reverse()) {
      if (other === key) continue;
      bytes += kept.result.unstored?.body.length ?? 0;
      if (bytes > MOST_UNSTORED_BYTES || kept.untilMs <= now) this.unstored.delete(other);
    }
    setTimeout(() => {
      if (this.unstored.get(key)?.result === result) this.unstored.delete(key);
    }, UNSTORED_MS).unref();
  }

  /** Confirmed bytes that are in memory only. */
  private withUnstored(key: string, result: DocumentResult): DocumentResult {
    const recent = this.recentUnstored(key);
    if (result.unstored || !recent?.unstored || recent.entry.integrity !== result.entry.integrity) return result;
    return { ...result, unstored: recent.unstored };
  }

  private recentUnstored(key: string): DocumentResult | undefined {
    return this.unstored.get(key)?.result;
  }
}
