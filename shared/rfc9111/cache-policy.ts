/** SIGNATURES ONLY for an hour: the bodies follow, names and shapes stay. */
import type { ByteRange, CacheRequest, Fields, ReceivedResponse, Rules, StoredResponse } from './message';
export * from './message';

/** Response directives that hold for us: the first valid targeted field, else Cache-Control. */
export interface Directives {
  readonly noStore: boolean;
  readonly noCache: boolean; // unqualified
  readonly noCacheFields: readonly string[]; // qualified, lower case
  readonly isPrivate: boolean;
  readonly privateFields: readonly string[];
  readonly isPublic: boolean;
  readonly mustRevalidate: boolean;
  readonly proxyRevalidate: boolean;
  readonly mustUnderstand: boolean;
  readonly onlyIfCached: boolean;
  readonly immutable: boolean;
  readonly noTransform: boolean;
  /** Seconds; 0 where invalid (stale); undefined where absent. maxStale: Infinity without argument. */
  readonly maxAge?: number | undefined;
  readonly sMaxage?: number | undefined;
  readonly maxStale?: number | undefined;
  readonly minFresh?: number | undefined;
  readonly staleWhileRevalidate?: number | undefined;
  readonly staleIfError?: number | undefined;
}

// ── storing ────────────────────────────────────────────────────────────────────────────────────────────────
/** §3: may this response be stored? (GET; HEAD: only to answer HEADs.) `why`: short words for logs. 206 as part of a 200. */
export declare function storable(
  request: CacheRequest,
  response: ReceivedResponse,
  rules?: Rules,
): { readonly store: boolean; readonly why: string };
/** §3.1, §3.3: the record to store, when storable() said so. */
export declare function toStored(request: CacheRequest, response: ReceivedResponse): StoredResponse;
/** §3.3: the body ended early after `bytes` bytes. undefined: not to be kept. */
export declare function cutShort(stored: StoredResponse, bytes: number): StoredResponse | undefined;
/** Does `newer` take the place of `older` (same URL, method and selecting fields)? */
export declare function replaces(newer: StoredResponse, older: StoredResponse): boolean;

// ── choosing and reusing ───────────────────────────────────────────────────────────────────────────────────
/** §4, §4.1: which of those stored for this URL. */
export declare function choose(
  request: CacheRequest,
  stored: readonly StoredResponse[],
): {
  readonly chosen?: StoredResponse | undefined;
  /** for Cache-Status fwd */ readonly miss?: 'uri-miss' | 'vary-miss' | 'method' | undefined;
};
export declare function selects(request: CacheRequest, stored: StoredResponse): boolean;
export declare function ageMs(stored: StoredResponse, nowMs: number): number;
export declare function lifetimeMs(stored: StoredResponse, rules?: Rules): number;
/** §4: of a chosen response. 'stale-while-revalidate': send it, validate behind it. 'gateway-timeout': only-if-cached → 504. */
export declare function reuse(
  request: CacheRequest,
  stored: StoredResponse,
  nowMs: number,
  rules?: Rules,
): {
  readonly use: 'fresh' | 'stale' | 'stale-while-revalidate' | 'validate' | 'gateway-timeout';
  readonly ageMs: number;
  readonly lifetimeMs: number;
  /** for Cache-Status when forwarded */
  readonly fwd: 'stale' | 'request' | 'miss';
  readonly why: string;
};
/** only-if-cached with nothing chosen → 504 (§5.2.1.7). */
export declare function wantsOnlyStored(request: CacheRequest): boolean;
/** §4.2.4, §4.3.3, RFC 5861 §4: the server could not be reached (status undefined) or answered `status` ≥ 500. */
export declare function onFailure(
  request: CacheRequest,
  stored: StoredResponse,
  nowMs: number,
  failure: { readonly status?: number | undefined },
  rules?: Rules,
): { readonly send: 'stale' | 'failure' | 'gateway-timeout'; readonly why: string };

/** RFC 9110 §13, §14, RFC 9111 §3.3, §4.3.2: what a usable stored response answers. Conditions, then If-Range, Range, then what is held. */
export type Answer =
  | { readonly status: 'stored' } // all of it, with its own status (HEAD: without content)
  | { readonly status: 304 }
  | { readonly status: 206; readonly parts: readonly ByteRange[] } // one part: Content-Range; several: multipart/byteranges
  | { readonly status: 416 }
  | { readonly status: 'forward'; readonly why: string; readonly missing?: readonly ByteRange[] | undefined }; // If-Match…, or not all held
export declare function answerOf(request: CacheRequest, stored: StoredResponse): Answer;

// ── asking ─────────────────────────────────────────────────────────────────────────────────────────────────
/** Fields to forward on a miss: end-to-end ones; the client's preconditions stay (§4.3.2 they are the origin's then). */
export declare function forwardedFields(request: CacheRequest): Fields;
/** §4.3.1: fields of the validation request for these stored responses (client's own If-None-Match joined; Range kept off). */
export declare function validationFields(request: CacheRequest, stored: readonly StoredResponse[]): Fields;
/** §3.3: fields of a range request with If-Range that completes `stored`; undefined without a strong validator. */
export declare function completionFields(request: CacheRequest, stored: StoredResponse, range: ByteRange): Fields | undefined;

// ── what came back ─────────────────────────────────────────────────────────────────────────────────────────
/** §4.3.4: those of `stored` (chosen-able for the request) that the 304 updates, updated; empty: ask again without conditions. */
export declare function freshened(
  stored: readonly StoredResponse[],
  notModified: ReceivedResponse,
): readonly { readonly before: StoredResponse; readonly after: StoredResponse }[];
/** §4.3.5: each GET response that could have been chosen: updated, or marked invalid. */
export declare function headUpdates(
  stored: readonly StoredResponse[],
  head: ReceivedResponse,
): readonly { readonly before: StoredResponse; readonly after: StoredResponse }[];
/** §3.4: a 206 joined to what is held; undefined: not the same strong validator, keep them apart. */
export declare function combine(stored: StoredResponse, part: ReceivedResponse): StoredResponse | undefined;
/** RFC 9110 §14.4: of a 206; undefined: invalid, or multipart. */
export declare function contentRange(response: {
  readonly fields: Fields;
}): { readonly range: ByteRange; readonly length?: number | undefined } | undefined;
/** §4.4: URLs whose stored responses are to be invalidated (or removed). */
export declare function invalidated(
  request: CacheRequest,
  response: { readonly status: number; readonly fields: Fields },
): readonly string[];
/** 304, 200: does the 304 that came for the client's own precondition answer him (ETag in his list), or is he sent 200? §4.3.2 */
export declare function clientAsked(request: CacheRequest, after: StoredResponse): Answer;

// ── sending ────────────────────────────────────────────────────────────────────────────────────────────────
/** Fields of an answer made of a stored response: Age (unless validated just now), Content-Range, 304's subset, no-cache="…" names out. */
export declare function outgoingFields(
  stored: StoredResponse,
  answer: Answer,
  options: { readonly nowMs: number; readonly validated?: boolean | undefined; readonly boundary?: string | undefined },
): Fields;
/** Fields of a response that is passed on as it came (hop-by-hop out, Date in). */
export declare function passedFields(response: ReceivedResponse): Fields;
/** RFC 9110 §7.6.3. */
export declare function withVia(fields: Fields, protocol: string, name: string): Fields;
/** RFC 9211: the field with our member appended to those that came. */
export declare function withCacheStatus(
  fields: Fields,
  member: {
    readonly cache: string;
    readonly hit?: boolean | undefined;
    readonly fwd?: 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'miss' | 'request' | 'stale' | 'partial' | undefined;
    readonly fwdStatus?: number | undefined;
    readonly ttlMs?: number | undefined;
    readonly stored?: boolean | undefined;
    readonly collapsed?: boolean | undefined;
    readonly key?: string | undefined;
    readonly detail?: string | undefined;
  },
): Fields;
/** RFC 9110 §5.6.7: all three forms; undefined: invalid. ms since the epoch. `nowMs` only for two-digit years. */
export declare function httpDate(text: string, nowMs?: number): number | undefined;
