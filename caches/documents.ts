/** The part of the contract that is about documents: what they promise, how they are read and rewritten. Imported by way of module.ts. */
import type { Params, RouteBase, Said } from './routes';

/** What a document promises about another target of the same origin. */
export interface Pin {
  /** Canonical target of the pinned file, as its route's `path()` would give it. */
  readonly target: string;
  /** SRI string (`sha512-… sha1-…`), strongest algorithm first or alone; absent when the document gives none. */
  readonly integrity?: string;
  /**
   * What tells one revision of the file from another, where there is no digest: an ETag, a length and date. If a newer revision of the document
   * has another one, the file's promise has changed.
   */
  readonly mark?: string;
  /** Where the upstream has the bytes, if that is not origin base + target: an absolute URL, checked like any address. */
  readonly source?: string;
  /** Version of the package, for purls and policies. */
  readonly version?: string;
  /** ISO time of publication as the document gives it. */
  readonly published?: string;
}

/** One rendering of a document, ready to be sent. */
export interface Rendered {
  readonly contentType: string;
  readonly body: Buffer;
}

/**
 * What a document is about, and where it came from. It is about what it was asked for (`path`), not what it says of itself, so no document
 * can speak for another; `url` and `home` are what relative addresses in it are resolved with.
 */
export interface DocumentPlace {
  /** Canonical path, as its route's `path()` gives it. */
  readonly path: string;
  /** Where these bytes came from, after redirects; without credentials. */
  readonly url: string;
  /** Base URL of the mirror that was asked for them; without credentials and trailing slash. */
  readonly home: string;
}

/** What a request wants of a document, as far as it decides the variant. */
export interface Asked {
  /** The client's Accept header, if any. */
  readonly accept: string | undefined;
  /** The request's path had empty segments (`//`), so relative references would be resolved at another depth than the route's. */
  readonly collapsed: boolean;
  /** DIST_URLS_<c>, for modules that have it. */
  readonly distUrls?: 'mirrors' | 'rewrite';
}

/** Pure functions over the body of a document. They run in a worker thread; a body may be 128 MiB. */
export interface DocumentCodec {
  /** Whether a client may be sent the rendering while a gzip copy is kept too (true for text). */
  readonly compressible: boolean;
  /**
   * Content type of the renderings of a variant before which white space means nothing (HTML, JSON): while a slow upstream's document is
   * still on its way, clients are kept waiting with spaces. Absent, or undefined: no.
   */
  early?(variant: string): string | undefined;
  /**
   * Renders one variant with every URL pointing at `base` (no trailing slash). `absent` are canonical targets that this document
   * promises and the upstream turned out not to have.
   * @returns undefined if the document has no such part (an unknown version: answered 404)
   * @throws DocumentError if the body is not a document of this kind
   */
  render(
    body: Buffer,
    request: DocumentPlace & { readonly variant: string; readonly base: string; readonly absent?: readonly string[] },
  ): Rendered | undefined;
  /** Everything the document promises. @throws DocumentError */
  pins(body: Buffer, place: DocumentPlace): Pin[];
}

/** The one error that a codec throws: the body is not what its URL promises. `reason` is a short English clause. */
export class DocumentError extends Error {
  readonly code = 'document-invalid';
  constructor(readonly reason: string) {
    super(`the upstream's document is not usable: ${reason}`);
  }
}

/** A body that lives `ttlSeconds`, then is revalidated; served stale when the upstream fails. */
export interface DocumentRoute extends RouteBase {
  readonly kind: 'document';
  readonly ttlSeconds: number;
  /** Says what the origin has: an origin may have a lifetime of its own for it. */
  readonly ofOrigin?: true;
  /** Headers sent upstream besides the engine's own (lower-case names). */
  readonly ask?: Readonly<Record<string, string>>;
  /** How it is rewritten; absent: stored and served as it is. */
  readonly codec?: DocumentCodec;
  /** Which rendering this request wants; '' where there is no codec. */
  variant?(params: Params, asked: Asked): string;
  /** Value of Vary for its responses, besides Accept-Encoding, e.g. `Accept`. */
  readonly vary?: string;
  /**
   * What the clients of this protocol understand where the upstream has no such document (404, 410): answered with 200, remembered like any
   * 404. That the upstream cannot be asked is never that. `kept`: where nothing else is held it is stored as if the upstream had sent it, for
   * as long as any 404 is remembered, and served stale too, because it takes nothing from clients when it is outdated.
   */
  readonly absent?: Rendered & { readonly kept?: true };
  /**
   * Where the upstream has it, if another document says that it is elsewhere; else at its canonical path. The one that may say so is fetched
   * first if it is not held; that it cannot be had says nothing.
   */
  saidBy?(params: Params): Said;
  /** It comes page by page, in a form that depends on the upstream; an empty one is an `absent` one. What is stored are the rows of all pages. */
  readonly pages?: PagedSource;
}

/** A document that upstreams of several kinds offer, each in its own form, and in pages. */
export interface PagedSource {
  /** Names of the forms, as LISTING_<c> has them. */
  readonly forms: readonly string[];
  /** The forms that an upstream with this base URL may have, in the order in which to try them. */
  likely(base: string): readonly string[];
  /** Path and query of a page, below the base. @param path canonical path of the document @param marker what the page before said; undefined: the first */
  page(form: string, path: string, marker: string | undefined): string;
  /**
   * Reads a page, in a worker thread. @returns what it adds to the document, and the marker of the next page if there is one; undefined if
   * the body is not of this form at all @throws DocumentError
   */
  read(form: string, body: Buffer, path: string): DocumentPage | undefined;
}

export interface DocumentPage {
  readonly rows: Buffer;
  readonly next?: string;
}
