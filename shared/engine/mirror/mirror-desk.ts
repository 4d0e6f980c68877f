/**
 * A mirror of any HTTP origin, as a shared cache (RFC 9111). What may be kept and sent is decided by shared/rfc9111, which knows neither
 * store nor network; here is what follows from it: looking, asking, joining who asks for the same, keeping, forgetting.
 */
import type { MirroredRoute } from '../../../caches/module';
import { isLarderError, LarderError } from '../../errors';
import * as policy from '../../rfc9111/cache-policy';
import { RULES, type CacheRequest, type Rules } from '../../rfc9111/message';
import { SMALL_BYTES, type HeldBodies } from '../bodies/held-body';
import { assertSentOn, type Plan } from '../plan';
import type { EngineRooms } from '../rooms';
import { Asker } from './asker';
import { fieldOf, PARTICULAR, without } from './fields';
import { Keeper, type Kept } from './keeper';
import { ownAnswer } from './others';
import { Reception, type Asking, type Reason } from './reception';
import { Responder, type About } from './responder';
import { Shelf, type Held } from './shelf';
import type { MirrorAnswer, MirrorRequest } from './types';

/** How long it is remembered that a URL's responses cannot be shared, so that nobody waits to learn it again. */
const UNSHARED_MS = 10_000;
const MOST_UNSHARED = 1000;
/** Times that held bytes may turn out damaged within one request. */
const MOST_DAMAGES = 2;
export class MirrorDesk {
  private readonly shelf: Shelf;
  private readonly keeper: Keeper;
  private readonly reception: Reception;
  private readonly responder: Responder;
  private readonly flights = new Map<string, Promise<Kept | undefined>>();
  private readonly unshared = new Map<string, number>();
  private readonly confirming = new Set<string>();

  constructor(
    private readonly rooms: EngineRooms,
    bodies: HeldBodies,
  ) {
    this.shelf = new Shelf(rooms);
    this.responder = new Responder(rooms, bodies);
    const asker = new Asker(rooms);
    this.keeper = new Keeper(rooms, asker, this.shelf, bodies);
    this.reception = new Reception(rooms, asker, this.shelf, this.keeper, this.responder, (request) => this.rulesFor(request));
  }

  /** Responses that are being kept: a cache with some is not idle. */
  get underWay(): number {
    return this.keeper.underWay + this.confirming.size;
  }

  /** @param listener told of keys whose ready messages are the newest no more, before the store says so */
  whenArriving(listener: (key: string) => void): void {
    this.keeper.onArrival = listener;
  }

  /** @throws LarderError */
  async answer(request: MirrorRequest): Promise<MirrorAnswer> {
    const { method, plan } = request;
    if (method === 'GET' || method === 'HEAD') {
      if (policyOf(plan) === 'signed' && policy.wantsOnlyStored(request)) throw new LarderError('only-if-cached', { target: plan.path });
      if (policyOf(plan) === 'signed') return this.ask(request, { fwd: 'bypass', keeps: false });
      return this.read(request);
    }
    assertSentOn(method, plan, this.rooms.cache);
    return ownAnswer(request) ?? this.ask(request, { fwd: 'method', keeps: false });
  }

  /** What would be done with a GET of a target, for people who wonder. Asks nobody. */
  async why(plan: Plan): Promise<Record<string, unknown>> {
    const entry = await this.rooms.store.find(plan.key);
    const request: CacheRequest = { method: 'GET', url: plan.path, fields: [] };
    const verdict = entry?.response && policy.reuse(request, entry.response, this.rooms.now(), this.rulesFor({ plan }));
    return { verdict: verdict ? { do: verdict.use, ...verdict } : { do: 'fetch' }, entry: entry ?? null, arriving: this.underWay };
  }

  /** Stops what is under way; nothing of it is kept. */
  async close(): Promise<void> {
    await this.keeper.close();
  }

  private rulesFor({ plan }: { readonly plan: Plan }): Rules {
    const { staleMaxSeconds } = this.rooms.config;
    const staleMax = staleMaxSeconds === undefined ? {} : { staleMaxMs: staleMaxSeconds * 1000 };
    // Nothing tells for how long a list of things stays true but the list itself.
    if (policyOf(plan) === 'listing') return { ...RULES, heuristicShare: 0, heuristicMaxMs: 0, ...staleMax };
    const { ttlSeconds } = plan.origin;
    return { ...RULES, ...staleMax, ...(ttlSeconds === undefined ? {} : { lifetimeMs: ttlSeconds * 1000 }) };
  }

  private async read(request: MirrorRequest): Promise<MirrorAnswer> {
    const { key } = request.plan;
    let mayWait = request.method === 'GET' && isPlain(request);
    let hasWaited = false;
    for (let damages = 0; ;) {
      const arriving = await this.keeper.arrivingOf(key);
      const held = await this.shelf.find(request, key);
      // Of two of one moment the first is taken: what has just come.
      const { chosen, miss } = policy.choose(
        request,
        [...arriving, ...held].map(({ stored }) => stored),
      );
      const found = held.find(({ stored }) => stored === chosen);
      const coming = arriving.find(({ stored }) => stored === chosen);
      try {
        if (coming?.intake.isComplete === true) {
          // A moment later it is held, and its bytes are checked when they are read.
          await coming.intake.settled;
          continue;
        }
        const answer = found ? await this.fromShelf(request, found) : coming && (await this.join(request, coming));
        if (answer) return answer;
        if (policy.wantsOnlyStored(request)) throw new LarderError('only-if-cached', { target: request.plan.path });
        const flight = mayWait && !this.isUnshared(key) ? this.flights.get(key) : undefined;
        // Confirmed for another and still not for this one (no-cache): to wait for that again would only be slow.
        if (hasWaited && found) this.leaveUnshared(key);
        if (!flight)
          return await this.ask(
            request,
            { ...this.reasonFor(request, found, held.varies ? 'vary-miss' : miss), held, keeps: true },
            mayWait,
          );
        mayWait = false;
        hasWaited = true;
        const decided = await flight;
        const joined = decided && (await this.join(request, decided, true));
        if (joined) return joined;
      } catch (error) {
        // The bytes are gone, or were damaged and quarantined: once more, without them.
        if (!isLarderError(error) || error.code !== 'integrity' || damages++ === MOST_DAMAGES) throw error;
      }
    }
  }

  /** @returns undefined if the origin must be asked. @throws LarderError only-if-cached */
  private async fromShelf(request: MirrorRequest, found: Held): Promise<MirrorAnswer | undefined> {
    const nowMs = this.rooms.now();
    const verdict = policy.reuse(request, found.stored, nowMs, this.rulesFor(request));
    if (verdict.use === 'gateway-timeout') throw new LarderError('only-if-cached', { target: request.plan.path });
    if (verdict.use === 'validate') return undefined;
    const answer = policy.answerOf(request, found.stored);
    if (answer.status === 'forward') return undefined;
    if (verdict.use === 'stale-while-revalidate') this.confirmBehind(request);
    const isFresh = verdict.use === 'fresh';
    const about: About = {
      outcome: isFresh ? 'hit' : 'stale',
      member: { hit: true, ttlMs: verdict.lifetimeMs - verdict.ageMs, ...(isFresh ? {} : { detail: verdict.use }) },
    };
    // What is said again must be the newest, also for who selects what is still arriving.
    const isSmall = found.entry.size <= SMALL_BYTES && request.method === 'GET' && !this.keeper.isArriving(request.plan.key);
    if (isFresh && isSmall && answer.status === 'stored') return this.responder.fromSmall(request, found, verdict, nowMs, about);
    return this.responder.fromHeld(request, found, answer, about);
  }

  private reasonFor(request: MirrorRequest, found: Held | undefined, miss: 'uri-miss' | 'vary-miss' | 'method' | undefined): Reason {
    if (!found) return { fwd: miss === 'vary-miss' ? miss : 'uri-miss' };
    const answer = policy.answerOf(request, found.stored);
    if (answer.status === 'forward') {
      const { held = [] } = found.stored;
      const [rest, ...more] = answer.missing ?? [];
      const isBeginning = held.length === 1 && held[0]?.first === 0 && fieldOf(request.fields, 'range') === undefined;
      const completes = rest && more.length === 0 && isBeginning ? { completes: rest } : {};
      return { fwd: answer.missing ? 'partial' : 'request', found, ...completes };
    }
    const { fwd } = policy.reuse(request, found.stored, this.rooms.now(), this.rulesFor(request));
    return { fwd, found, validates: true };
  }

  /** @param shares whether others may wait for what comes of it */
  private async ask(request: MirrorRequest, asking: Asking, shares = false): Promise<MirrorAnswer> {
    const { key } = request.plan;
    if (!shares || this.flights.has(key)) return this.reception.ask(request, asking);
    let decide!: (kept: Kept | undefined) => void;
    this.flights.set(key, new Promise((resolve) => (decide = resolve)));
    let kept: Kept | undefined;
    try {
      // Who waits for it must not lose it because the first client leaves.
      const signal = new AbortController().signal;
      const answer = await this.reception.ask({ ...request, signal }, { ...asking, onKept: (each) => (kept = each) });
      if (!kept && answer.outcome !== 'revalidated' && answer.outcome !== 'stale') this.leaveUnshared(key);
      return answer;
    } finally {
      this.flights.delete(key);
      decide(kept);
    }
  }

  /** Reads along with what is arriving, if it may be reused. @param waited for it: then it is known to be of no use to others */
  private async join(request: MirrorRequest, { intake, stored }: Kept, waited = false): Promise<MirrorAnswer | undefined> {
    if (!intake.joinable || !policy.selects(request, stored)) return undefined;
    const { use, lifetimeMs, ageMs } = policy.reuse(request, stored, this.rooms.now(), this.rulesFor(request));
    if (use !== 'fresh') {
      if (waited) this.leaveUnshared(request.plan.key);
      return undefined;
    }
    if (policy.answerOf(request, stored).status === 'forward') return undefined;
    const member = { fwd: 'uri-miss', collapsed: true, ttlMs: lifetimeMs - ageMs } as const;
    return this.responder.fromIntake(request, intake, stored, { outcome: 'miss', member });
  }

  /** Sends the client on with what is held, and asks behind his back, once for all (RFC 5861 §3). */
  private confirmBehind(request: MirrorRequest): void {
    const { key } = request.plan;
    if (this.confirming.has(key)) return;
    this.confirming.add(key);
    const { body: _body, onInformation: _tell, ...rest } = request;
    const plain: MirrorRequest = {
      ...rest,
      method: 'GET',
      fields: without(request.fields, ...PARTICULAR),
      signal: new AbortController().signal,
    };
    void this.confirm(plain)
      .catch((error: unknown) => this.rooms.log.info('not-confirmed', { key, reason: String(error) }))
      .finally(() => this.confirming.delete(key));
  }

  private async confirm(request: MirrorRequest): Promise<void> {
    const held = await this.shelf.find(request, request.plan.key);
    const { chosen, miss } = policy.choose(
      request,
      held.map(({ stored }) => stored),
    );
    const found = held.find(({ stored }) => stored === chosen);
    let kept: Kept | undefined;
    const asking = { ...this.reasonFor(request, found, miss), held, keeps: true, onKept: (each: Kept) => (kept = each) };
    const answer = await this.reception.ask(request, asking);
    // What is kept goes on without a reader; until it is held, the next one would begin it anew. What is only in memory would wait for this one.
    if (kept?.intake.inFile) await kept.intake.settled;
    answer.body?.close();
  }

  private leaveUnshared(key: string): void {
    if (this.unshared.size >= MOST_UNSHARED) this.unshared.clear();
    this.unshared.set(key, this.rooms.now() + UNSHARED_MS);
  }

  private isUnshared(key: string): boolean {
    const until = this.unshared.get(key);
    if (until === undefined || until > this.rooms.now()) return until !== undefined;
    this.unshared.delete(key);
    return false;
  }
}

function policyOf({ route, params }: Plan): ReturnType<MirroredRoute['policy']> {
  return (route as MirroredRoute).policy(params);
}

function isPlain({ fields, body }: MirrorRequest): boolean {
  return body === undefined && PARTICULAR.every((name) => fieldOf(fields, name) === undefined);
}
