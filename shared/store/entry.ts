/**
 * The versioned record of one held object, kept as the metadata of a cacache index line. The index is the truth for
 * entries; the catalogue can be rebuilt from it.
 */

import type { StoredResponse } from '../rfc9111/message';

/** Bytes per checksum in `Entry.chunks`. */
export const CHUNK_BYTES = 256 * 1024;

/** The format written by this version; other versions are kept, counted and evictable, never served. */
export const ENTRY_VERSION = 1;

export interface EntryFacts {
  readonly module: string;
  /** `file` immutable · `document` mutable · `derived` a rendering that can be made again · `response` kept by what it says itself. */
  readonly kind: 'file' | 'document' | 'derived' | 'response';
  /** Upstream URL without credentials; '' for derived ones. */
  readonly url: string;
  /** Documents: base URL of the mirror that gave these bytes, without credentials; absent in records of earlier versions. */
  readonly home?: string;
  readonly contentType?: string;
  /** Content-Encoding of the bytes held, as the upstream (or, for derived, we) made them. */
  readonly contentEncoding?: string;
  /** The upstream's ETag; for derived entries our own. */
  readonly etag?: string;
  readonly lastModified?: string;
  /** Rosters: the Last-Modified that clients are given, which tells a revision from those just before it. */
  readonly shownDate?: string;
  /** When these bytes came, ms since the epoch. */
  readonly storedAt: number;
  /** Documents: the date that clients are told of this revision, ms since the epoch in whole seconds; of routes with `dated` only. */
  readonly revisedAt?: number;
  /** When the upstream last confirmed them, ms since the epoch. */
  readonly checkedAt: number;
  /** Documents: the upstream had none; these bytes stand for that. */
  readonly absent?: true;
  /** Marked stale by a write through us: revalidate before the next answer. */
  readonly stale?: boolean;
  /** What these bytes were verified against: a pin (SRI), of rosters the key that signed them (`openpgp-<fingerprint>`); absent: nothing. */
  readonly pin?: string;
  /** A newer pin that contradicts these bytes (digest change). */
  readonly contradicted?: string;
  /** Responses: what was said with these bytes. */
  readonly response?: StoredResponse;
  /** Responses: no bytes, but the lists of request fields that choose among the responses of this URL (RFC 9111 §4.1), newest first. */
  readonly variesBy?: readonly (readonly string[])[];
  /** Derived: integrity of the document it was made from. */
  readonly source?: string;
}

export interface Entry extends EntryFacts {
  readonly v: typeof ENTRY_VERSION;
  readonly key: string;
  /** SRI of the bytes with exactly one algorithm: the content address. */
  readonly integrity: string;
  readonly size: number;
  /** base64 of little-endian CRC-32s, one per CHUNK_BYTES; '' for empty bodies. */
  readonly chunks: string;
}

/** What a caller hands over with the bytes; the store adds key and version. */
export interface NewEntry extends EntryFacts {
  readonly integrity: string;
  readonly size: number;
  readonly chunks: string;
}
