/** Messages as the cache policy sees them: plain data, RFC 9110 §6. Nothing here is read from a socket or kept anywhere. */

/** Field lines in the order they came, names as they came (RFC 9110 §5.3: order of lines of one name is part of their meaning). */
export type Fields = readonly (readonly [name: string, value: string])[];

/**
 * Fields of one connection (RFC 9110 §7.6.1), or of one proxy and its client (§11.7), in lower case. Beside them are those that say how a message
 * ends (`transfer-encoding`, `trailer`): who passes a message on decides about them.
 */
export const OF_ONE_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'upgrade',
] as const;

/** A request that a cache is to answer. */
export interface CacheRequest {
  /** Case-sensitive (RFC 9110 §9.1). */
  readonly method: string;
  /** Target URI, absolute and without fragment (RFC 9110 §7.1): the key together with the method (RFC 9111 §2). */
  readonly url: string;
  readonly fields: Fields;
}

/** A response as it came from the next server inbound, before anything was removed. */
export interface ReceivedResponse {
  readonly status: number;
  readonly reason?: string | undefined;
  readonly fields: Fields;
  /** Clock when the request was sent, ms since the epoch (RFC 9111 §4.2.3 request_time). */
  readonly requestTimeMs: number;
  /** Clock when the header section had come, ms since the epoch (RFC 9111 §4.2.3 response_time). */
  readonly responseTimeMs: number;
  /** Never combined with the header fields (RFC 9111 §3.1). */
  readonly trailers?: Fields | undefined;
}

/** Bytes of a representation, both ends inclusive, from 0 (RFC 9110 §14.1.2). */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** What the policy needs to know of a response that is held. JSON: no undefined values are needed to write it down and read it again. */
export interface StoredResponse {
  /** Of the request that it answered: GET, or HEAD (then it answers only HEAD). */
  readonly method: string;
  readonly url: string;
  /** A 206 is stored as an incomplete 200 (RFC 9111 §3.3). */
  readonly status: number;
  readonly reason?: string | undefined;
  /** As received, without those that may not be stored (RFC 9111 §3.1); always with a valid Date (RFC 9110 §6.6.1). */
  readonly fields: Fields;
  readonly requestTimeMs: number;
  readonly responseTimeMs: number;
  /** The request fields that Vary names, normalised, by lower-case name; null: absent from the request (RFC 9111 §4.1). */
  readonly selecting: Readonly<Record<string, string | null>>;
  readonly trailers?: Fields | undefined;
  /** Length of the whole representation, in bytes, where it is known. */
  readonly length?: number | undefined;
  /** What of the content is held, ascending, apart; absent: all of it (RFC 9111 §3.3). */
  readonly held?: readonly ByteRange[] | undefined;
  /** Something of it was the answer to a request with Authorization: it is shared only as long as it says that it may be (RFC 9111 §3.5). */
  readonly isAuthorised?: boolean | undefined;
  /** Must be validated before its next use, whatever its lifetime (RFC 9111 §4.3.5, §4.4). */
  readonly invalid?: boolean | undefined;
}

/** What the RFCs leave to the cache. */
export interface Rules {
  /** Names of targeted fields, lower case, the one that counts most first (RFC 9213 §2.2). */
  readonly targets: readonly string[];
  /** Share of the time since Last-Modified that makes a heuristic lifetime (RFC 9111 §4.2.2). */
  readonly heuristicShare: number;
  /** Longest heuristic lifetime, ms. */
  readonly heuristicMaxMs: number;
  /** Lifetime of what may have a heuristic one, set by the operator instead of the heuristic, ms. */
  readonly lifetimeMs?: number | undefined;
  /** 500, 502, 503 and 504 count as if the server had not answered, so that stale is sent where nothing forbids it (RFC 9111 §4.3.3). */
  readonly serverErrorIsNoAnswer: boolean;
  /** Longest time after its lifetime that a response may be sent because the server does not answer, ms; absent: no limit. */
  readonly staleMaxMs?: number | undefined;
}

/** The defaults: as the RFCs suggest. */
export const RULES: Rules = {
  targets: ['larder-cache-control', 'cdn-cache-control'],
  heuristicShare: 0.1,
  heuristicMaxMs: 86_400_000,
  serverErrorIsNoAnswer: true,
};
