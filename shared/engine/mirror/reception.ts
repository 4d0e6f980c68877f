/** Asks the origin, and does with what comes back as the policy says: update, keep, join, forget, pass on, or do without it. */
import { errorText, isLarderError, LarderError } from '../../errors';
import * as policy from '../../rfc9111/cache-policy';
import type { ByteRange, ReceivedResponse, Rules } from '../../rfc9111/message';
import type { RelayedResponse } from '../../upstream/types';
import { planTarget } from '../plan';
import type { EngineRooms } from '../rooms';
import { fieldOf, pairsOf } from './fields';
import type { Asker } from './asker';
import type { Keeper, Kept } from './keeper';
import { pathBelow } from './locations';
import type { About, Responder } from './responder';
import type { Held, Shelf } from './shelf';
import type { MirrorAnswer, MirrorRequest } from './types';

type Forwarded = NonNullable<About['member']['fwd']>;

/** Why the origin is asked. */
export interface Reason {
  readonly fwd: Forwarded;
  /** What is held and would be chosen. */
  readonly found?: Held;
  /** It is asked whether what is held is still right; else what is held does not matter to it. */
  readonly validates?: true;
  /** It is asked for what lacks of what is held, from there to the end. */
  readonly completes?: ByteRange;
}

export interface Asking extends Reason {
  /** What is held of the URL, as far as the request selects it. */
  readonly held?: readonly Held[];
  /** The answer may be kept, if it allows that. */
  readonly keeps: boolean;
  /** It is being kept: others may read along. */
  onKept?(kept: Kept): void;
}

/** With the keeper's moment at which it was asked. */
interface Begun extends Asking {
  readonly begun: number;
}

const CONDITIONS = ['if-none-match', 'if-modified-since', 'if-match', 'if-unmodified-since', 'if-range'];
export class Reception {
  constructor(
    private readonly rooms: EngineRooms,
    private readonly asker: Asker,
    private readonly shelf: Shelf,
    private readonly keeper: Keeper,
    private readonly responder: Responder,
    private readonly rulesFor: (request: MirrorRequest) => Rules,
  ) {}

  /** @throws LarderError */
  async ask(request: MirrorRequest, asking: Asking): Promise<MirrorAnswer> {
    const { found } = asking;
    // What it waits for a connection is no age of the response (RFC 9111 §4.2.3).
    let requestTimeMs = this.rooms.now();
    const onSent = (): void => void (requestTimeMs = this.rooms.now());
    const begun = this.keeper.moment;
    let response: RelayedResponse;
    try {
      if (this.rooms.config.offline) throw new LarderError(found ? 'offline' : 'offline-pass', { target: request.plan.path });
      response = await this.relay(request, asking, onSent);
    } catch (error) {
      return this.without(request, asking, {}, error);
    }
    const { status, reason } = response;
    const received = { status, reason, fields: pairsOf(response.fields), requestTimeMs, responseTimeMs: this.rooms.now() };
    try {
      return await this.receive(request, { ...asking, begun }, received, response);
    } catch (error) {
      response.body.destroy();
      throw error;
    }
  }

  private relay(request: MirrorRequest, { found, validates, completes }: Asking, onSent: () => void): Promise<RelayedResponse> {
    const fields =
      found && completes
        ? policy.completionFields(request, found.stored, completes)
        : found && validates && policy.validationFields(request, [found.stored]);
    return this.asker.ask(request, fields || policy.forwardedFields(request), onSent);
  }

  private async receive(
    request: MirrorRequest,
    asking: Begun,
    received: ReceivedResponse,
    response: RelayedResponse,
  ): Promise<MirrorAnswer> {
    const { found, validates, keeps, fwd, begun } = asking;
    const { status } = received;
    if (status === 304) return this.notModified(request, asking, received, response);
    if (status >= 500 && found && validates) {
      const { send } = policy.onFailure(request, found.stored, this.rooms.now(), { status }, this.rulesFor(request));
      if (send !== 'failure') {
        response.body.destroy();
        const cause = new LarderError('upstream-failed', { host: request.plan.origin.name, reason: `status ${status}` });
        return this.without(request, asking, { status }, cause);
      }
    }
    if (asking.completes && status !== 200) return this.completed(request, asking, received, response);
    if (request.method === 'GET' && status === 206 && fieldOf(request.fields, 'range') === undefined) {
      throw new LarderError('upstream-failed', {
        host: request.plan.origin.name,
        reason: 'it sends a part (206) of what was asked for whole',
      });
    }
    const about: About = { outcome: keeps ? 'miss' : 'pass', member: { fwd, fwdStatus: status } };
    if (keeps && request.method === 'GET') {
      const { store, why } = policy.storable(request, received, this.rulesFor(request));
      const kept = store ? await this.keeper.take(request, received, response, { found, begun }) : undefined;
      if (kept) {
        if (kept.isWhole) asking.onKept?.(kept);
        const stored = { ...about, member: { ...about.member, stored: true } };
        // Only where the cache asked with conditions of its own are the client's still to be judged. Who gets all of it gets it as it came.
        const judged = validates && !kept.stored.held ? policy.answerOf(request, kept.stored).status : 'stored';
        if (judged === 'stored' || judged === 'forward') return this.responder.arriving(request, kept.intake, received, response, stored);
        return this.responder.fromIntake(request, kept.intake, kept.stored, { ...stored, validated: true });
      }
      if (found && validates && (status === 200 || status === 404 || status === 410)) await this.shelf.drop(found);
      return this.responder.passed(request, received, response, { ...about, member: { ...about.member, detail: why } });
    }
    if (request.method === 'HEAD') await this.learnOfHead(request, asking, received);
    else if (request.method !== 'GET') await this.forget(request, received);
    return this.responder.passed(request, received, response, about);
  }

  /** What lacked of what is held has come; else it is asked for the whole. */
  private async completed(
    request: MirrorRequest,
    asking: Begun,
    received: ReceivedResponse,
    response: RelayedResponse,
  ): Promise<MirrorAnswer> {
    const { found, fwd, completes, begun: _begun, ...rest } = asking;
    const kept = found && completes && (await this.keeper.takeRest(request, received, response, { found, rest: completes }));
    if (!kept) {
      response.body.destroy();
      return this.ask(request, { ...rest, fwd });
    }
    asking.onKept?.(kept);
    const member = { fwd, fwdStatus: received.status, stored: true };
    return this.responder.fromIntake(request, kept.intake, kept.stored, { outcome: 'miss', validated: true, member });
  }

  private async notModified(
    request: MirrorRequest,
    asking: Begun,
    received: ReceivedResponse,
    response: RelayedResponse,
  ): Promise<MirrorAnswer> {
    const { found, validates, fwd, begun } = asking;
    const [update] = found && validates ? policy.freshened(request, [found.stored], received, this.rulesFor(request)) : [];
    if (found && update) {
      response.body.resume();
      const now = await this.updated(request, found, update, begun);
      const answer = await this.responder.fromHeld(request, now, policy.answerOf(request, now.stored), {
        outcome: 'revalidated',
        validated: true,
        member: { fwd, fwdStatus: 304 },
      });
      // Its bytes are on their way, or open.
      if (isToGo(update)) await this.shelf.drop(found);
      return answer;
    }
    const isConditional = CONDITIONS.some((name) => fieldOf(request.fields, name) !== undefined);
    if (validates) {
      // It speaks of something else than what is held: what is held is of no use.
      response.body.resume();
      const { validates: _not, found: _nothing, ...rest } = asking;
      return this.ask(request, rest);
    }
    if (isConditional) return this.responder.passed(request, received, response, { outcome: 'pass', member: { fwd, fwdStatus: 304 } });
    throw new LarderError('upstream-failed', { host: request.plan.origin.name, reason: 'it answers 304 to a request without a condition' });
  }

  /** The origin did not answer, or not to the point: what is held, if it may be sent. @throws LarderError */
  private async without(
    request: MirrorRequest,
    { found, validates, fwd }: Asking,
    failure: { readonly status?: number },
    error: unknown,
  ): Promise<MirrorAnswer> {
    if (!found || !validates || !isLarderError(error) || request.signal.aborted) throw error;
    const rules = this.rulesFor(request);
    const { send, why } = policy.onFailure(request, found.stored, this.rooms.now(), failure, rules);
    if (send === 'failure') throw error;
    if (send === 'gateway-timeout') throw new LarderError('unconfirmed', { target: request.plan.path, reason: error.message }, error);
    const answer = policy.answerOf(request, found.stored);
    if (answer.status === 'forward') throw error;
    const { status } = failure;
    const member = { fwd, detail: why, ...(status === undefined ? {} : { fwdStatus: status }) };
    return this.responder.fromHeld(request, found, answer, { outcome: 'stale', member });
  }

  private async learnOfHead(request: MirrorRequest, asking: Begun, received: ReceivedResponse): Promise<void> {
    const { held = [] } = asking;
    const updates = policy.headUpdates(
      request,
      held.map(({ stored }) => stored),
      received,
      this.rulesFor(request),
    );
    for (const update of updates) {
      const found = held.find(({ stored }) => stored === update.before);
      if (found && isToGo(update)) await this.shelf.drop(found);
      else if (found) await this.updated(request, found, update, asking.begun);
    }
  }

  /** Writes down what changed. @returns what is to be sent now, whatever becomes of it in the store */
  private async updated({ plan }: MirrorRequest, found: Held, update: policy.Update, begun: number): Promise<Held> {
    const { after } = update;
    const now = { entry: found.entry, stored: after };
    try {
      const isToStay = update.store === 'update' && !isToGo(update) && !this.keeper.isOutdated(plan.key, begun);
      if (isToStay) return (await this.shelf.amend(found, after)) ?? now;
    } catch (error) {
      this.rooms.log.warn('not-storing', { key: found.entry.key, reason: errorText(error) });
    }
    return now;
  }

  /** An unsafe request went through: what it may have changed is forgotten, also what is still arriving (RFC 9111 §4.4). */
  private async forget(request: MirrorRequest, received: ReceivedResponse): Promise<void> {
    const { module, cache } = this.rooms;
    const { origin } = request.plan;
    const keys = new Set<string>();
    for (const url of policy.invalidated(request, received)) {
      const path = pathBelow(url, origin.bases);
      if (path !== undefined) keys.add(planTarget(module, cache, origin, 'GET', path).key);
    }
    for (const key of keys) {
      await this.keeper.doom(key);
      await this.shelf.invalidate(key).catch((error: unknown) => this.rooms.log.warn('not-storing', { key, reason: String(error) }));
    }
  }
}

/** Whether it cannot stay where it is: it may not be kept any more, or others select it from now on. */
function isToGo({ before, after, store }: policy.Update): boolean {
  const [was, is] = [before, after].map(({ fields }) => policy.valueOf(fields, 'vary') ?? '');
  return store === 'remove' || (store === 'update' && was !== is);
}
