/** What the engine hands to http/: everything about a response but its framing. */
import type { Origin } from '../config/config';
import type { BodySource } from './bodies/body-source';

export type Outcome = 'hit' | 'miss' | 'stale' | 'revalidated' | 'pass';

export interface Answer {
  readonly outcome: Outcome;
  /** Why it is stale, or passed through, or fetched in vain. */
  readonly detail?: string;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  /** Strong, ours; absent while the bytes are not known. */
  readonly etag?: string;
  readonly lastModified?: string;
  /** It is the newest of several revisions that no date tells from each other (RFC 9110 §8.8.2.2): no range without their tag. */
  readonly weakDate?: boolean;
  readonly cacheControl: string;
  /** Value of Vary; '' for none. */
  readonly vary: string;
  /** When the upstream last confirmed it, ms since the epoch; for Age. */
  readonly confirmedAt?: number;
  /** Set for a part that the upstream sent itself: `body` has only these bytes. */
  /** The upstream gives no parts of it: none are offered. */
  readonly wholeOnly?: true;
  readonly part?: { readonly first: number; readonly last: number; readonly total: number };
  /** Where the client is led instead (302): path below the root of the client's host; the body is empty. */
  readonly location?: string;
  readonly body: BodySource;
  /** May be kept as a ready response: its bytes, how long (ms since the epoch), and whose it is. */
  readonly ready?: { readonly bytes: Buffer; readonly freshUntil: number; readonly usedKey: string };
  /** The target is several files: which one, that depends on whether the client accepts zstd, and on no other coding. */
  readonly hasForms?: true;
  /** Where Accept chooses among renderings of this target: which one. Pure. */
  readonly variantOf?: (accept: string | undefined) => string;
}

export interface EngineRequest {
  readonly method: string;
  /** Raw target below the root of the listener; with `origin`, below that. */
  readonly target: string;
  /** The archive that the client named, or that a name of the configuration stands for. */
  readonly origin?: Origin;
  /** External base URL of the listener (without mount, without trailing slash). */
  readonly base: string;
  /** Overrides base and mount in documents: what a forward-proxy client calls the registry. */
  readonly documentBase?: string;
  readonly accept?: string;
  /** The target was sent with empty segments (`//`), which are gone in `target`. */
  readonly collapsed?: boolean;
  readonly gzip: boolean;
  /** The client accepts zstd. */
  readonly zstd?: boolean;
  /** Range header, if any. */
  readonly range?: string;
  /** If-Range header, if any. */
  readonly ifRange?: string;
  /** Only what is held is wanted: nobody is to be asked (RFC 9111 §5.2.1.7). */
  readonly onlyIfCached?: boolean;
  /** Whether credentials came with it. */
  readonly authorization?: string;
  /** The client's request fields, by lower-case name. */
  readonly field?: (name: string) => string | undefined;
  /** The client's connection, for what a client must see the same of while it lasts. */
  readonly client?: object;
  /** The client's address. */
  readonly address?: string;
}
