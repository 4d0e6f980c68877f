/** Documents: which one to serve now, one fetch per key, and what they promise. */
import type { Pin } from '../../caches/module';
import { isLarderError, LarderError } from '../errors';
import type { Entry } from '../store/entry';
import { fetchDocument, type DocumentResult, type Wanted } from './document-flight';
import { judge, mayServeStale } from './freshness';
import type { HeldBodies } from './held-body';
import type { NegativeCache } from './negative';
import type { Plan } from './plan';
import { Recall } from './recall';
import type { EngineRooms } from './rooms';

/** How long a document that could not be stored stays in memory for the requests that belong to it. */
const UNSTORED_MS = 30_000;
const MOST_UNSTORED_BYTES = 64 * 1024 * 1024;

export interface DocumentAnswer extends Omit<DocumentResult, 'outcome'> {
  readonly outcome: 'hit' | 'miss' | 'stale' | 'revalidated';
  /** Why it is stale. */
  readonly detail?: string;
}

export class DocumentDesk {
  private readonly flights = new Map<string, Promise<DocumentResult>>();
  private readonly recall: Recall;
  private readonly unstored = new Map<string, { readonly result: DocumentResult; readonly untilMs: number }>();

  constructor(
    private readonly rooms: EngineRooms,
    private readonly negative: NegativeCache,
    bodies: HeldBodies,
  ) {
    this.recall = new Recall(rooms, bodies, (key) => this.flights.get(key));
  }

  /** Fetches under way. */
  get underWay(): number {
    return this.flights.size;
  }

  /** What to answer with now. @throws LarderError when nothing can be served */
  async get(plan: Plan, wanted: Wanted | undefined): Promise<DocumentAnswer> {
    const recent = this.recentUnstored(plan.key);
    const held = (await this.rooms.store.find(plan.key)) ?? recent?.entry;
    const verdict = judge(held, plan.route, this.rooms.cache, this.rooms.config, this.rooms.now());
    const serve = (outcome: 'hit' | 'stale', detail?: string): DocumentAnswer => {
      const bytes = held && recent?.entry.integrity === held.integrity && recent.unstored ? { unstored: recent.unstored } : {};
      return { entry: held as Entry, outcome, ...bytes, ...(detail === undefined ? {} : { detail }) };
    };
    switch (verdict.do) {
      case 'serve':
        return serve('hit');
      case 'serve-and-revalidate':
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
    if (unstored) return unstored.pins.find((pin) => pin.target === target);
    return this.rooms.store.pin(plan.key, target).then(
      (found) => found?.pin,
      () => undefined,
    );
  }

  /** Single flight per key; everybody who asks meanwhile gets the same result. @throws LarderError */
  fetch(plan: Plan, held: Entry | undefined, wanted: Wanted | undefined): Promise<DocumentResult> {
    const under = this.flights.get(plan.key);
    if (under) return under;
    const flight = this.fetchOnce(plan, held, wanted).finally(() => this.flights.delete(plan.key));
    this.flights.set(plan.key, flight);
    return flight;
  }

  private async fetchOnce(plan: Plan, held: Entry | undefined, wanted: Wanted | undefined): Promise<DocumentResult> {
    if (this.rooms.config.offline) throw new LarderError('offline', { target: plan.path });
    if (!held) this.negative.check(plan.key);
    try {
      // Another process, or a flight that ended between our look and now, may have brought it: look again before fetching.
      // What is only in memory is confirmed only while it cannot be stored; else it is fetched once more, to be kept.
      const now = (await this.rooms.store.find(plan.key)) ?? (this.rooms.store.notStoring() ? held : undefined);
      const result = this.withUnstored(plan.key, await fetchDocument(this.rooms, plan, now, wanted));
      if (result.unstored) this.remember(plan.key, result);
      return result;
    } catch (error) {
      this.negative.learn(plan.key, error);
      throw error;
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
    if (usable && this.originDown(plan)) return serve('stale', 'upstream-down');
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

  /** Every mirror failed a moment ago and none is due for a probe. */
  private originDown(plan: Plan): boolean {
    const health = this.rooms.upstream.health();
    const now = this.rooms.now();
    return plan.origin.bases.every((base) => health.some((mirror) => mirror.base === base && !mirror.healthy && mirror.retryAt > now));
  }

  private complain(plan: Plan, error: unknown): void {
    this.rooms.log.warn('revalidation-failed', {
      key: plan.key,
      reason: error instanceof Object && 'message' in error ? String(error.message) : String(error),
    });
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

/** The result, or undefined if it takes longer. */
function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), ms);
    promise.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error as Error);
      },
    );
  });
}
