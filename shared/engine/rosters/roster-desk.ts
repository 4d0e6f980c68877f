/** Rosters: which generation is shown now, and one look at a time for a newer one. */
import type { RosterRoute } from '../../../caches/module';
import { errorText, isLarderError, LarderError } from '../../errors';
import type { Answer, EngineRequest } from '../answer';
import { memorySource } from '../bodies/body-source';
import { isAbsence } from '../files/file-places';
import { judge, lifetimeSeconds, mayServeStale } from '../freshness';
import { dateOf, folderOf, type Generation } from './generation';
import type { HeldBodies } from '../bodies/held-body';
import type { NegativeCache } from '../negative';
import { originDown, within } from '../patience';
import { keyPrefix, planTarget, type Plan } from '../plan';
import { renew, type RenewalRooms, type Renewed } from './roster-renewal';
import { strongEtag } from '../rooms';
import type { Witness } from './witness';

/** One line a roster and minute says that its upstream fails. */
const COMPLAIN_MS = 60_000;
const MOST_COMPLAINTS = 1_000;

export interface Shown {
  readonly generation: Generation;
  readonly outcome: 'hit' | 'miss' | 'stale' | 'revalidated';
  /** Why it is stale. */
  readonly detail?: string;
}

export class RosterDesk {
  private readonly flights = new Map<string, Promise<Renewed>>();
  private readonly complaints = new Map<string, number>();

  constructor(
    private readonly about: RenewalRooms,
    private readonly negative: NegativeCache,
    private readonly bodies: HeldBodies,
    private readonly witness: Witness,
  ) {}

  /** Looks under way. */
  get underWay(): number {
    return this.flights.size;
  }

  /** The answer to a request for a roster. @throws LarderError when no generation can be shown */
  async get(plan: Plan, request: EngineRequest): Promise<Answer> {
    const { generation, outcome, detail } = await this.shown(plan);
    const { entry } = generation;
    this.witness.saw(request.client, request.address, folderKey(this.about.rooms.module.name, plan), {
      roster: plan.path,
      integrity: entry.integrity,
    });
    if (!generation.unstored) this.about.rooms.store.used(entry.key);
    return {
      outcome,
      contentType: (plan.route as RosterRoute).contentType,
      etag: strongEtag(entry.integrity),
      lastModified: dateOf(entry),
      cacheControl: `public, max-age=${lifetimeSeconds(plan.route, this.about.rooms.cache)}`,
      vary: '',
      weakDate: true,
      confirmedAt: entry.checkedAt,
      body: generation.unstored ? memorySource(generation.unstored) : await this.bodies.open(entry),
      ...(detail === undefined ? {} : { detail }),
    };
  }

  /** The generation to show now. @throws LarderError when there is none */
  async shown(plan: Plan): Promise<Shown> {
    const { rooms, generations } = this.about;
    const held = await generations.current(plan);
    const verdict = judge(held?.entry, plan.route, rooms.cache, rooms.config, rooms.now());
    if (verdict.do === 'serve-and-revalidate' || verdict.do === 'revalidate') this.negative.check(plan.key);
    if (!held || verdict.do === 'fetch') return this.firstLook(plan);
    if (verdict.do === 'serve') return { generation: held, outcome: 'hit' };
    const stale = (detail: string): Shown => ({ generation: held, outcome: 'stale', detail });
    const usable = mayServeStale(held.entry, rooms.config, rooms.now());
    if (usable && originDown(rooms, plan)) return stale('upstream-down');
    const look = this.look(plan, held);
    if (verdict.do === 'serve-and-revalidate') {
      look.catch((error: unknown) => this.complain(plan, error));
      return stale('revalidating');
    }
    try {
      const result = usable ? await within(look, rooms.config.timeouts.staleWaitMs) : await look;
      if (result) return result;
      look.catch((error: unknown) => this.complain(plan, error));
      return stale('upstream-slow');
    } catch (error) {
      // That it does not exist any more is an answer; everything else is trouble, which what is held hides.
      if (!usable || !isLarderError(error) || isAbsence(error)) throw error;
      this.complain(plan, error);
      return stale(error.code);
    }
  }

  /** Looks for a newer generation, whatever the age of the one that is shown. Never rejects. */
  async lookAgain(plan: Plan): Promise<void> {
    await this.look(plan, await this.about.generations.current(plan)).catch((error: unknown) => this.complain(plan, error));
  }

  /** If the upstream cannot be asked and clients can go on with another roster, which is held, then this one does not exist. @throws LarderError */
  private async firstLook(plan: Plan): Promise<Shown> {
    try {
      return await this.look(plan, undefined);
    } catch (error) {
      const { rooms, generations } = this.about;
      const other = (plan.route as RosterRoute).otherwise?.(plan.params);
      if (other === undefined || !isLarderError(error) || isAbsence(error)) throw error;
      if (!(await generations.current(planTarget(rooms.module, rooms.cache, plan.origin, 'GET', other)))) throw error;
      throw new LarderError('upstream-not-found', { target: plan.path }, error);
    }
  }

  /** Single flight per roster. @throws LarderError */
  private look(plan: Plan, held: Generation | undefined): Promise<Renewed> {
    let flight = this.flights.get(plan.key);
    if (!flight) {
      flight = this.lookOnce(plan, held).finally(() => this.flights.delete(plan.key));
      this.flights.set(plan.key, flight);
    }
    return flight;
  }

  private async lookOnce(plan: Plan, held: Generation | undefined): Promise<Renewed> {
    const { rooms, generations } = this.about;
    if (rooms.config.offline) throw new LarderError('offline', { target: plan.path });
    if (!held) this.negative.check(plan.key);
    try {
      // Another process, or a look that ended between ours and now, may have brought a newer one.
      return await renew(this.about, plan, (await generations.current(plan)) ?? held);
    } catch (error) {
      this.negative.learn(plan.key, error);
      throw error;
    }
  }

  private complain(plan: Plan, error: unknown): void {
    const { now, log } = this.about.rooms;
    const at = now();
    if (Math.abs(at - (this.complaints.get(plan.key) ?? -Infinity)) < COMPLAIN_MS) return;
    if (this.complaints.size >= MOST_COMPLAINTS) this.complaints.clear();
    this.complaints.set(plan.key, at);
    log.warn('revalidation-failed', { key: plan.key, reason: errorText(error) });
  }
}

/** What tells the folder of a roster from all others. */
export function folderKey(module: string, plan: Plan): string {
  return keyPrefix(module, plan.origin.name) + folderOf(plan.path);
}
