/** The form of a row of ecosystems.ts. */
import type { HouseOptions } from './house';
import type { FakeUpstream, Reply } from './upstream';

/** What an upstream offers. */
export interface Offer {
  /** The file's bytes, as the document promises them. */
  readonly body: Buffer;
  /** What is answered for the file, where that is not simply the bytes. */
  readonly file?: Reply;
  /** The same for the document. */
  readonly document?: Reply;
  /** Something that the document says: `1.0.0` unless given. Later ones are larger. */
  readonly revision?: string;
}

/** One ecosystem as the tests that are about all see it. */
export interface Ecosystem {
  /** Name of its module. */
  readonly module: string;
  /** Where the cache offers the document, the file, and two things that no upstream has. */
  readonly document: string;
  readonly file: string;
  readonly noDocument: string;
  readonly noFile: string;
  /** While the upstream cannot be asked, another name of the document stands in for it. */
  readonly hasStandIn?: true;
  /** What a client reads before it asks for the file: the document, and what stands between them. */
  readonly reads: readonly string[];
  /** Where the upstream is asked for the document and for the file. */
  readonly documentPath: string;
  readonly filePath: string;
  /** Where the upstream is asked for what promises the file, and what it answers there. */
  readonly promisePath: string;
  promise(upstream: FakeUpstream, what: Offer): Reply;
  /** Bytes that can be the file, which are not just any: of this length, others for each seed. */
  readonly bytes?: (length: number, seed?: string) => Buffer;
  /** The file's URL says what its bytes must be, so no document does; where it is depends on what is offered. */
  readonly isNamedByContent?: true;
  /** Only its promise tells where the file is: it is never asked for before that. */
  readonly isFoundByPromise?: true;
  /** What a client gets that asks in vain for a document: a status, or a closed connection. */
  readonly failure: 'status' | 'close';
  /** The same for a file. */
  readonly fileFailure: 'status' | 'close';
  /** What GET gets where the upstream says that there is no such thing: 0 if the connection is closed. */
  readonly missing: { readonly document: number; readonly file: number };
  /** What becomes of a held file when its promise changes (CHANGED_<c> as it is by default). */
  readonly changed: 'refuse' | 'follow';
  /** Why nothing judges its files, if nothing does: then laws of promises are not for it. */
  readonly unjudged?: string;
  /** How a house finds its upstreams: mirrors of each other, in order of preference. */
  house(...mirrors: readonly FakeUpstream[]): Pick<HouseOptions, 'module' | 'upstream' | 'env'>;
  offer(upstream: FakeUpstream, what: Offer): void;
  /** What a document that was sent says. */
  revision(body: Buffer): string | undefined;
}
