/** What http/ asks of the mirror, and what it gets: whole messages, since nothing of them is known beforehand. */
import type { Readable } from 'node:stream';
import type { CacheRequest, Fields } from '../../rfc9111/message';
import type { Outcome } from '../answer';
import type { BodySource } from '../bodies/body-source';
import type { Plan } from '../plan';

/** `url` is the origin's own; `fields` are as the client sent them. */
export interface MirrorRequest extends CacheRequest {
  readonly plan: Plan;
  /** Raw path and query below the mount, as sent: slashes and escapes may mean something to the origin. */
  readonly path: string;
  /** What the origin's base is called here, without trailing slash: `http://cache.example:8088/mirror/<name>`. */
  readonly here: string;
  /** HTTP version of the client's message, for Via. */
  readonly httpVersion: string;
  readonly body?: Readable;
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal;
  /** Told of 1xx answers of the origin. */
  onInformation?(status: number, fields: Fields): void;
}

export interface MirrorAnswer {
  readonly status: number;
  readonly reason?: string | undefined;
  /** All that is to be sent, but for what belongs to the connection. */
  readonly fields: Fields;
  /** Exactly the bytes to send, from 0; absent: none. */
  readonly body?: BodySource;
  /** What stands behind the body, once it has ended. */
  trailers?(): Fields;
  readonly outcome: Outcome;
  readonly detail?: string;
  /** Until when, and for whom, it may be said again without asking the engine. */
  readonly ready?: ReadyMessage;
}

/** A whole 200 that every plain GET of its URL is answered with as long as it is fresh: nothing selects by the request's fields. */
export interface ReadyMessage {
  /** name, value, … without Date, Age and Cache-Status; Content-Length and its value stand first. */
  readonly headers: readonly string[];
  readonly body: Buffer;
  /** Of the origin, as an IMF-fixdate. */
  readonly date: string;
  /** Now less its age, ms since the epoch. */
  readonly bornAt: number;
  /** Until then, ms since the epoch. */
  readonly freshUntil: number;
  /** Of the entry: what changes that makes it void. */
  readonly key: string;
}
