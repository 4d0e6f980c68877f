/**
 * What a held document promises, read from the document itself when the catalogue does not know it: the catalogue may have been
 * lost or rebuilt, and what it lost is in no other place. Without this a held document would judge nothing any more.
 */
import type { Pin } from '../../../caches/module';
import { errorText } from '../../errors';
import { packPins } from '../../integrity/pin-list';
import type { Entry } from '../../store/entry';
import { learn, placeOf, readDocument } from '../documents/document-flight';
import type { HeldBodies } from '../bodies/held-body';
import type { Plan } from '../plan';
import type { EngineRooms } from '../rooms';

export class Recall {
  private readonly under = new Map<string, Promise<void>>();

  /** @param underWay the fetch of a document under way, which teaches a newer revision */
  constructor(
    private readonly rooms: EngineRooms,
    private readonly bodies: HeldBodies,
    private readonly underWay: (key: string) => Promise<unknown> | undefined,
  ) {}

  /** What the held document promises about a target; asks no upstream. Never rejects. */
  async pin(plan: Plan, target: string): Promise<Pin | undefined> {
    const { store, log } = this.rooms;
    try {
      const entry = await store.find(plan.key);
      const known = await store.pin(plan.key, target);
      if (!entry || known?.revision === entry.integrity) return known?.pin;
      await this.once(plan, entry);
      return (await store.pin(plan.key, target))?.pin;
    } catch (error) {
      log.warn('promises-not-recalled', { entry: plan.key, reason: errorText(error) });
      return undefined;
    }
  }

  private once(plan: Plan, entry: Entry): Promise<void> {
    let job = this.under.get(plan.key);
    if (!job) {
      job = this.recall(plan, entry).finally(() => this.under.delete(plan.key));
      this.under.set(plan.key, job);
    }
    return job;
  }

  private async recall(plan: Plan, entry: Entry): Promise<void> {
    // A flight learns first and commits then: what it learnt must not be replaced by what an older revision says.
    const flight = this.underWay(plan.key);
    if (flight) return void (await flight.catch(() => undefined));
    const { store, log } = this.rooms;
    const source = { file: store.contentPath(entry.integrity), integrity: entry.integrity };
    const { pins } = await readDocument(this.rooms, plan, placeOf(plan, entry), source, entry.contentEncoding, undefined).catch(
      (error: unknown) => this.bodies.unread(entry, error),
    );
    if (this.underWay(plan.key) || (await store.find(plan.key))?.integrity !== entry.integrity) return;
    await learn(this.rooms, plan, entry.integrity, pins ?? packPins([]));
    log.info('promises-recalled', { entry: plan.key, pins: pins?.count ?? 0 });
  }
}
