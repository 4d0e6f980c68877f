/** Announcements: which list to show now, one look at a time, and which of several lists a client means. */
import type { AnnouncementRoute } from '../../../caches/module';
import { errorText, isLarderError, LarderError } from '../../errors';
import type { ShownList } from './announcement-lists';
import { renewList, type RenewalOfLists, type RenewedList } from './announcement-renewal';
import type { Answer, EngineRequest } from '../answer';
import { memorySource } from '../bodies/body-source';
import { isAbsence } from '../files/file-places';
import { judge, lifetimeSeconds, mayServeStale } from '../freshness';
import type { NegativeCache } from '../negative';
import { originDown, within } from '../patience';
import { planTarget, type Plan } from '../plan';
import { strongEtag } from '../rooms';

interface ListToShow {
  readonly shown: ShownList;
  readonly outcome: 'hit' | 'miss' | 'stale' | 'revalidated';
  /** Why it is stale. */
  readonly detail?: string;
}

export class AnnouncementDesk {
  private readonly flights = new Map<string, { readonly result: Promise<RenewedList>; readonly began: number }>();

  constructor(
    private readonly about: RenewalOfLists,
    private readonly negative: NegativeCache,
  ) {}

  /** Looks under way. */
  get underWay(): number {
    return this.flights.size;
  }

  /** @throws LarderError when there is no list to show */
  async get(list: Plan, request: EngineRequest): Promise<Answer> {
    return (await this.led(list, request)) ?? this.answer(list, await this.toShow(list));
  }

  /** Leads a client to the list that it prefers, if the upstream has such. @throws LarderError if nobody can tell, and nothing is held */
  private async led(list: Plan, request: EngineRequest): Promise<Answer | undefined> {
    const { rooms, lists } = this.about;
    const route = list.route as AnnouncementRoute;
    if (!route.prefers) return undefined;
    const preferred = route.prefers((name) => request.field?.(name));
    try {
      await this.toShow(planTarget(rooms.module, rooms.cache, list.origin, 'GET', preferred));
    } catch (error) {
      if (!isLarderError(error) || (!isAbsence(error) && !(await lists.current(list)))) throw error;
      return undefined;
    }
    // A path: scheme and host stay what the client called us.
    const root = URL.canParse(request.base) ? new URL(request.base).pathname.replace(/\/$/, '') : '';
    return {
      outcome: 'hit',
      location: root + list.mount + preferred,
      cacheControl: 'no-cache',
      vary: route.vary ?? '',
      body: memorySource(Buffer.alloc(0)),
    };
  }

  private answer(list: Plan, { shown, outcome, detail }: ListToShow): Answer {
    const { rooms } = this.about;
    const { entry, body } = shown;
    const route = list.route as AnnouncementRoute;
    rooms.store.used(entry.key);
    const lifetime = lifetimeSeconds(route, rooms.cache);
    const freshUntil = rooms.config.offline ? Infinity : entry.checkedAt + lifetime * 1000;
    // Which list a client means, and whether what is old may be shown, is decided anew each time.
    const isLasting = outcome !== 'stale' && !route.prefers && !rooms.store.notStoring();
    return {
      outcome,
      contentType: route.contentType,
      etag: strongEtag(entry.integrity),
      cacheControl: `public, max-age=${lifetime}`,
      vary: route.vary ?? '',
      confirmedAt: entry.checkedAt,
      body: memorySource(body),
      ...(detail === undefined ? {} : { detail }),
      ...(isLasting ? { ready: { bytes: body, freshUntil, usedKey: entry.key } } : {}),
    };
  }

  /** @throws LarderError when there is none */
  private async toShow(list: Plan): Promise<ListToShow> {
    const { rooms, lists } = this.about;
    const held = await lists.current(list);
    const verdict = judge(held?.entry, list.route, rooms.cache, rooms.config, rooms.now());
    if (!held) return this.look(list).catch((error: unknown) => this.instead(list, error));
    if (verdict.do === 'serve') return { shown: held, outcome: 'hit' };
    const stale = (detail: string): ListToShow => ({ shown: held, outcome: 'stale', detail });
    const usable = mayServeStale(held.entry, rooms.config, rooms.now());
    const isDown = this.about.origins(list).every(({ origin }) => originDown(rooms, { ...list, origin }));
    if (usable && isDown) {
      for (const { origin } of this.about.origins(list))
        this.about.watch.failed(list, origin.name, 'no server can be reached', held.entry.checkedAt);
      return stale('upstream-down');
    }
    const look = this.look(list);
    try {
      const result = usable ? await within(look, this.patienceMs(list)) : await look;
      if (result) return result;
      look.catch(() => undefined);
      return stale('upstream-slow');
    } catch (error) {
      // Whatever the servers say now: what was good stays, until there is something newer.
      if (!usable || !isLarderError(error)) throw error;
      return stale(error.code);
    }
  }

  /** While nobody can tell, another list of the same subjects is better than none. @throws the error */
  private async instead(list: Plan, error: unknown): Promise<ListToShow> {
    const { rooms, lists } = this.about;
    if (!isLarderError(error) || isAbsence(error)) throw error;
    for (const path of (list.route as AnnouncementRoute).instead?.(list.params) ?? []) {
      const shown = await lists.current(planTarget(rooms.module, rooms.cache, list.origin, 'GET', path));
      if (shown && mayServeStale(shown.entry, rooms.config, rooms.now())) return { shown, outcome: 'stale', detail: error.code };
    }
    throw error;
  }

  /** Single flight per list. @throws LarderError */
  private look(list: Plan): Promise<ListToShow> {
    let flight = this.flights.get(list.key);
    if (!flight) {
      flight = { result: this.lookOnce(list).finally(() => this.flights.delete(list.key)), began: performance.now() };
      this.flights.set(list.key, flight);
    }
    return flight.result;
  }

  /** How long the look that is under way is still waited for: a large object may take minutes, and nobody waits anew for it. */
  private patienceMs(list: Plan): number {
    const elapsed = performance.now() - (this.flights.get(list.key)?.began ?? performance.now());
    return Math.max(0, this.about.rooms.config.timeouts.staleWaitMs - elapsed);
  }

  private async lookOnce(list: Plan): Promise<RenewedList> {
    const { rooms, lists } = this.about;
    if (rooms.config.offline) throw new LarderError('offline', { target: list.path });
    this.negative.check(list.key);
    try {
      return await renewList(this.about, list);
    } catch (error) {
      this.negative.learn(list.key, error);
      if (await lists.current(list)) rooms.log.warn('revalidation-failed', { key: list.key, reason: errorText(error) });
      throw error;
    }
  }
}
