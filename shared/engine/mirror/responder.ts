/** Makes answers: of what is held, of what is arriving, of what is passed on. */
import { randomBytes } from 'node:crypto';
import * as policy from '../../rfc9111/cache-policy';
import type { Fields, ReceivedResponse, StoredResponse } from '../../rfc9111/message';
import type { RelayedResponse } from '../../upstream/types';
import type { Outcome } from '../answer';
import { memorySource, type BodySource } from '../bodies/body-source';
import { SMALL_BYTES, type HeldBodies } from '../bodies/held-body';
import type { EngineRooms } from '../rooms';
import { fieldOf, pairsOf, without } from './fields';
import type { Intake } from './intake';
import { relocated } from './locations';
import { readyOf } from './ready';
import { joined, multipart, placeOf } from './segments';
import type { Held } from './shelf';
import { streamSource } from './stream-source';
import type { MirrorAnswer, MirrorRequest } from './types';

type Member = Omit<Parameters<typeof policy.withCacheStatus>[1], 'cache'>;

/** What is said of an answer besides what it is. */
export interface About {
  readonly outcome: Outcome;
  readonly member: Member;
  /** It was confirmed by the origin for this very request. */
  readonly validated?: boolean;
}

/** Statuses without content (RFC 9110 §6.4.1). */
const EMPTY: ReadonlySet<number> = new Set([204, 205, 304]);

export class Responder {
  constructor(
    private readonly rooms: EngineRooms,
    private readonly bodies: HeldBodies,
  ) {}

  /** @throws LarderError integrity: the bytes are gone or damaged, look again */
  async fromHeld(request: MirrorRequest, { entry, stored }: Held, answer: policy.Answer, about: About): Promise<MirrorAnswer> {
    this.rooms.store.used(entry.key);
    const open = async (): Promise<BodySource> =>
      entry.size <= SMALL_BYTES ? memorySource(await this.bodies.readSmall(entry)) : this.bodies.open(entry);
    return this.made(request, stored, answer, about, open);
  }

  /** What is fresh, and small: all of it, to be said again. @throws LarderError as `fromHeld` */
  async fromSmall(request: MirrorRequest, found: Held, verdict: policy.Reuse, nowMs: number, about: About): Promise<MirrorAnswer> {
    const { entry, stored } = found;
    this.rooms.store.used(entry.key);
    const body = await this.bodies.readSmall(entry);
    const answer = await this.made(request, stored, { status: 'stored' }, about, () => memorySource(body));
    const ready = readyOf(request, found, answer, body, verdict, nowMs);
    return ready ? { ...answer, ready } : answer;
  }

  /** Of a response that is arriving, for a client that reads along or whose own conditions were not sent on. */
  fromIntake(request: MirrorRequest, intake: Intake, stored: StoredResponse, about: About): Promise<MirrorAnswer> {
    return this.made(request, stored, policy.answerOf(request, stored), about, () => intake.reader());
  }

  /** As it came, while it is kept: what the client asked of it, the origin has judged (RFC 9111 §4.3.2). */
  arriving(request: MirrorRequest, intake: Intake, received: ReceivedResponse, response: RelayedResponse, about: About): MirrorAnswer {
    const fields = policy.passedFields(received);
    if (EMPTY.has(received.status)) return this.finish(request, { ...received, fields, about });
    return this.finish(request, { ...received, fields, body: intake.reader(), about, response });
  }

  /** What is not kept, as it came. */
  passed(request: MirrorRequest, received: ReceivedResponse, response: RelayedResponse, about: About): MirrorAnswer {
    const fields = policy.passedFields(received);
    if (request.method === 'HEAD' || EMPTY.has(received.status)) {
      response.body.resume();
      return this.finish(request, { ...received, fields, about });
    }
    const length = fieldOf(fields, 'content-length');
    const body = streamSource(response.body, length === undefined ? undefined : Number(length));
    return this.finish(request, { ...received, fields, body, about, response });
  }

  private async made(
    request: MirrorRequest,
    stored: StoredResponse,
    answer: policy.Answer,
    about: About,
    open: () => BodySource | Promise<BodySource>,
  ): Promise<MirrorAnswer> {
    const nowMs = this.rooms.now();
    const validated = about.validated === true;
    const parts = answer.status === 206 ? answer.parts : [];
    const boundary = parts.length > 1 ? randomBytes(12).toString('hex') : undefined;
    const shown = answer.status === 'forward' ? ({ status: 'stored' } as const) : answer;
    const fields = policy.outgoingFields(stored, shown, { nowMs, validated, ...(boundary === undefined ? {} : { boundary }) });
    const status = shown.status === 'stored' ? stored.status : shown.status;
    const isAll = shown.status === 'stored';
    const message = { status, reason: isAll ? stored.reason : undefined, fields, about, trailers: isAll ? stored.trailers : undefined };
    const hasContent = request.method !== 'HEAD' && !EMPTY.has(status) && status !== 416;
    if (!hasContent) return this.finish(request, message);
    const source = await open();
    const [only] = parts;
    if (!only) return this.finish(request, { ...message, body: source });
    const place = (part: typeof only): typeof only => placeOf(part, stored.held);
    if (boundary === undefined) return this.finish(request, { ...message, body: joined(source, [place(only)]) });
    const whole = { boundary, contentType: fieldOf(stored.fields, 'content-type'), length: stored.length };
    return this.finish(request, { ...message, body: joined(source, multipart(parts, whole, place)) });
  }

  private finish(
    request: MirrorRequest,
    message: {
      readonly status: number;
      readonly reason?: string | undefined;
      readonly fields: Fields;
      readonly body?: BodySource;
      readonly about: About;
      readonly response?: RelayedResponse;
      readonly trailers?: Fields | undefined;
    },
  ): MirrorAnswer {
    const { status, reason, body, about, response } = message;
    const { plan, url, here } = request;
    // Trailers need chunks, and these a client of HTTP/1.1.
    const trailers = request.httpVersion === '1.0' ? undefined : message.trailers;
    let fields = relocated(message.fields, { bases: plan.origin.bases, asked: url, here });
    fields = policy.withVia(fields, response?.httpVersion ?? '1.1', 'larder');
    fields = policy.withCacheStatus(fields, { cache: 'Larder', ...about.member });
    fields = [...without(fields, 'x-cache'), ['X-Cache', about.outcome]];
    const size = trailers ? undefined : body?.size;
    const isChunked = body !== undefined && size === undefined && request.httpVersion !== '1.0';
    if (!isChunked) fields = without(fields, 'trailer');
    if (body) fields = [...without(fields, 'content-length'), ...(size === undefined ? [] : [['Content-Length', String(size)] as const])];
    else if (EMPTY.has(status) && status !== 304) fields = without(fields, 'content-length');
    else if (status === 416) fields = [...without(fields, 'content-length'), ['Content-Length', '0']];
    const detail = about.member.detail ?? about.member.fwd;
    return {
      status,
      reason,
      fields,
      outcome: about.outcome,
      ...(body ? { body } : {}),
      ...(detail === undefined ? {} : { detail }),
      ...(isChunked ? { trailers: () => trailers ?? pairsOf(response?.trailers() ?? []) } : {}),
    };
  }
}
