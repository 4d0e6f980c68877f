/** What the rest of the house sees of the documents room: codecs run off the event loop. */
import type { Pin } from '../../caches/module';

export interface RenderJob {
  readonly module: string;
  /** Name of the document route whose codec is run. */
  readonly route: string;
  /** The document's canonical path, as its route's `path()` gives it. */
  readonly path: string;
  /** Where the document's bytes are, and how they are encoded (gzip, br or undefined). */
  readonly file: string;
  readonly contentEncoding?: string;
  readonly variant: string;
  readonly base: string;
  /** Also make the gzip copy. */
  readonly gzip: boolean;
  /** Also list the pins. */
  readonly pins: boolean;
  /** Largest decoded size. */
  readonly maxBytes: number;
}

export interface RenderResult {
  /** undefined: the document has no such part. */
  readonly rendered?: {
    readonly contentType: string;
    readonly identity: Buffer;
    readonly gzip?: Buffer;
    /** Digest of `identity`, SRI sha256, for the ETag. */
    readonly integrity: string;
  };
  readonly pins?: readonly Pin[];
}

export interface DocumentPool {
  /** @throws LarderError document-invalid | document-too-large | internal (the worker died: memory limit) */
  render(job: RenderJob): Promise<RenderResult>;
  close(): Promise<void>;
}
