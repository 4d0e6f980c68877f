/** What the rest of the house sees of the documents room: codecs run off the event loop. */
import type { Announced, DocumentPage, Roster } from '../../caches/module';
import type { Digested } from '../integrity/digest';
import type { PinList } from '../integrity/pin-list';
import type { TreeJob } from './trees/tree-threads';

export type { TreeJob, TreeVerdict } from './trees/tree-threads';

export interface RenderJob {
  readonly module: string;
  /** Name of the document route whose codec is run. */
  readonly route: string;
  /** The document's canonical path, as its route's `path()` gives it. */
  readonly path: string;
  /** Where the bytes came from, and the mirror's base: see DocumentPlace. */
  readonly url: string;
  readonly home: string;
  /** Targets that it promises and the upstream does not have. */
  readonly absent?: readonly string[];
  /** Where the document's bytes are: a file (then `integrity` is its SRI sha256/512, checked by the worker before parsing), or memory. */
  readonly source: { readonly file: string; readonly integrity: string } | { readonly body: Buffer };
  /** How they are encoded (gzip, br or undefined). */
  readonly contentEncoding?: string;
  /** Which rendering is wanted; absent: none, only pins. */
  readonly variant?: string;
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
    /** What is to be stored beside the bytes: SHA-256 and checksums. */
    readonly digested: { readonly identity: Digested; readonly gzip?: Digested };
  };
  readonly pins?: PinList;
}

/** Reads a roster. */
export interface RosterJob {
  readonly module: string;
  /** Name of the roster route. */
  readonly route: string;
  readonly path: string;
  readonly source: RenderJob['source'];
  readonly maxBytes: number;
}

/** Reads what an index of a roster promises. */
export interface IndexJob {
  readonly module: string;
  /** Name of the listed route. */
  readonly route: string;
  /** Canonical path of the roster, and the index's name in it. */
  readonly rosterPath: string;
  readonly name: string;
  /** The held file; its SRI is checked while it is read. */
  readonly source: { readonly file: string; readonly integrity: string };
  /** Largest decompressed size. */
  readonly maxBytes: number;
}

/** Reads one page of a document that comes in pages. */
export interface PageJob {
  readonly module: string;
  /** Name of the document route. */
  readonly route: string;
  readonly path: string;
  /** Which form it is read as. */
  readonly form: string;
  readonly source: RenderJob['source'];
  /** How it is encoded (gzip, br or undefined). */
  readonly contentEncoding?: string;
  readonly maxBytes: number;
}

/** Judges an announced object by a member of its archive. */
export interface EssentialJob {
  readonly module: string;
  /** Name of the announcement route. */
  readonly route: string;
  readonly announced: Announced;
  /** The held archive; its SRI is checked while it is read. */
  readonly source: { readonly file: string; readonly integrity: string };
  /** Largest member that is read. */
  readonly maxBytes: number;
}

export interface DocumentPool {
  /** @returns undefined if the page is not of that form @throws LarderError as render */
  readPage(job: PageJob): Promise<DocumentPage | undefined>;
  /** @throws LarderError as render; document-invalid if the object is of no use */
  checkEssential(job: EssentialJob): Promise<void>;
  /** @throws LarderError as render */
  readRoster(job: RosterJob): Promise<Roster>;
  /**
   * Reads an index piece by piece with bounded memory. @returns the bytes of a pin table (integrity/pin-table.ts)
   * @throws LarderError as render
   */
  readIndex(job: IndexJob): Promise<Buffer>;
  /** @throws LarderError integrity (the held file is damaged) | held-unreadable (fact `reason`: ENOENT when it is gone) | document-invalid | document-too-large | internal (the worker died: memory limit) */
  render(job: RenderJob): Promise<RenderResult>;
  /** Begins to unpack and hash an archive that is still on its way. @throws LarderError internal if no thread can be had */
  openTree(): TreeJob;
  close(): Promise<void>;
}
