/** The part of the contract that is about routes: what the URLs of an ecosystem mean. Imported by way of module.ts. */

/** Named groups of a route's RegExp, exactly as they stood in the target (still escaped); unmatched groups are absent. */
export type Params = Readonly<Record<string, string>>;

/** What a document promises about another target of the same origin. */
export interface Pin {
  /** Canonical target of the pinned file, as its route's `path()` would give it. */
  readonly target: string;
  /** SRI string (`sha512-… sha1-…`), strongest algorithm first or alone; absent when the document gives none. */
  readonly integrity?: string;
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

interface RouteBase {
  /** What a client of this protocol survives when there is no answer: a status (default), or nothing, the connection being closed. */
  readonly failure?: 'status' | 'close';
  /**
   * Its clients revalidate by date only. What is listed, and files, carry a Last-Modified of ours where the upstream gives none; documents
   * always do, and it moves with everything that makes a rendering another one.
   */
  readonly dated?: true;
  /** Unique in the module; metric label and heading in the generated docs. */
  readonly name: string;
  /** What it is for, one line, for the generated docs. */
  readonly purpose: string;
  /** Two or more example targets; the laws check that they hit this route and no earlier one. */
  readonly examples: readonly string[];
  /** Anchored RegExp over the raw target (path and query). */
  readonly target: RegExp;
  /** Methods; GET and HEAD unless given. */
  readonly methods?: readonly string[];
  /**
   * The canonical upstream path and query (begins with `/`), which is also the last part of the key: every spelling of
   * one thing gives one string. @throws never; parameters were matched by `target`
   */
  path(params: Params): string;
}

/** The URL names its bytes for ever (tarballs). */
export interface ImmutableRoute extends RouteBase {
  readonly kind: 'immutable';
  /** Digest to compute while no pin is known yet; what this ecosystem's documents usually promise. */
  readonly digest: 'sha256' | 'sha512';
  readonly contentType: string;
  /** Canonical target of the document whose pins judge this file, fetched beside it when it is not held. */
  pinnedBy?(params: Params): string;
  /** Where else its promise may stand, in the order in which to look, when the document that usually pins it does not name it. */
  elsewhere?(params: Params): readonly Elsewhere[];
  /** The upstream itself has no such path: where the file is, only a promise says. */
  readonly onlyWhereSaid?: true;
  /** Its documents often promise no digest: then the first that was seen counts, which the ledger keeps; another one is a digest change. */
  readonly firstSeen?: true;
  /** Whether it must be a zip archive: of what no digest is known of, that much can be seen. */
  isZip?(params: Params): boolean;
  /** Digest that the URL itself carries, as SRI. */
  integrity?(params: Params): string | undefined;
  /** purl of the file, e.g. `pkg:npm/lodash@4.17.21`. */
  purl?(params: Params): string;
  /**
   * Promised by the indexes of rosters (see ListedRoute) instead of one document: their names by the file's own path, to be looked
   * for if no held index promises it. Such a file follows its promise: when a newer index names other bytes, they are fetched.
   */
  listedIn?(params: Params): IndexGuess;
  /** If the upstream does not have it: it is this member of that zip archive (canonical target of an immutable route). */
  memberOf?(params: Params): ArchiveMember | undefined;
}

/** Where an index may be that promises a file. */
export interface IndexGuess {
  /** Canonical path below which the rosters of this archive are, with trailing slash: `/debian/dists/`. */
  readonly rosters: string;
  /** Names of indexes in a roster without their compression, most probable first: `main/binary-amd64/Packages`. */
  readonly names: readonly string[];
  /** Folders above, with trailing slash, nearest first, whose own roster may list such an index too. */
  readonly above?: readonly string[];
}

/** Where a promise may stand that judges a file, or one that tells where files like it are. */
export interface Elsewhere {
  /** Canonical target of the document. */
  readonly document: string;
  /** What it promises there, if it is not the file itself but one like it. */
  readonly target?: string;
  /** The file's address, out of that of the one like it. */
  source?(said: string): string;
}

/** Where a document says that something is which is only passed on. */
export interface Said {
  /** Canonical target of the document. */
  readonly document: string;
  /** What the document promises there: its `source` is what was said. */
  readonly target: string;
  /** The address to ask, out of what was said. */
  address(said: string): string;
}

/** A file inside a zip archive. */
export interface ArchiveMember {
  readonly archive: string;
  /** Matches the member's name; the first that does is meant. */
  readonly name: RegExp;
}

/** One file that a roster lists. */
export interface Listed {
  /** Name relative to the roster's folder. */
  readonly name: string;
  /** Hex digests, lower case. The weak ones are only names for the bytes: what judges them is SHA-256. */
  readonly md5?: string;
  readonly sha1?: string;
  readonly sha256?: string;
  readonly sha512?: string;
  readonly size: number;
}

/** What a roster says. */
export interface Roster {
  /** When it was made, ms since the epoch; undefined if it does not say. */
  readonly date?: number;
  /** Whether the upstream serves its files by digest too. */
  readonly byHash: boolean;
  readonly files: readonly Listed[];
}

/**
 * A signed list of files that belong together (apt: InRelease, or Release with Release.gpg). All that is served of it is one
 * **generation**: a newer roster is shown only when what clients use of it can be served with exactly the bytes it names.
 */
export interface RosterRoute extends RouteBase {
  readonly kind: 'roster';
  readonly ttlSeconds: number;
  readonly contentType: string;
  /** Where its OpenPGP signature is: in it, or in another file (canonical path), which is fetched and shown with it. */
  signature(params: Params): 'inline' | { readonly detached: string };
  /**
   * Canonical path of the roster that clients go on with if this one does not exist. If that one is held, this one never was, and nobody can
   * be asked, then it does not exist: else whoever has no choice but to ask for this one first would get neither.
   */
  otherwise?(params: Params): string | undefined;
  /** Runs in a worker thread. @throws DocumentError */
  read(body: Buffer): Roster;
  /**
   * Of the listed files those that nearly every client will ask for next, so that they can be had of the same generation although nobody
   * asked yet. `architecture` is Node's name of this machine's.
   */
  likely?(files: Iterable<Listed>, architecture: string): readonly Listed[];
}

/** A file that belongs to a roster's generation: by its plain name, by its digest, or the roster's detached signature. */
export interface ListedRoute extends RouteBase {
  readonly kind: 'listed';
  readonly contentType: string;
  /** Canonical paths of the rosters that may list it, best first. */
  rosters(params: Params): readonly string[];
  /** `name`: as the roster lists it; `digest`: asked by its digest (SRI); `signature`: the detached one. */
  asked(params: Params): { readonly name: string } | { readonly digest: string } | 'signature';
  /** Canonical path of these bytes by their digest: one object, whatever it is called. */
  object(params: Params, sha256Hex: string): string;
  /** What reads this file's own promises, if it has any. `name` is as the roster lists it. */
  index?(name: string): ListedIndex | undefined;
}

/** An index of a roster that promises files itself (apt: Packages, Sources, the Index of pdiffs). */
export interface ListedIndex {
  /** Its name without compression: what tells revisions of one index from each other. */
  readonly stem: string;
  /** How it is compressed. */
  readonly compression: 'none' | 'gzip' | 'xz' | 'bzip2' | 'zstd' | 'lz4';
  /**
   * Reads it piece by piece, in a worker thread, with memory that does not grow with it. `root` is the canonical path of the folder
   * that the promised names are relative to, without trailing slash. `add` takes a canonical target, its SHA-256 as 32 bytes, its size.
   * @throws DocumentError
   */
  read(chunks: AsyncIterable<Buffer>, root: string, add: (target: string, sha256: Buffer, size: number) => void): Promise<void>;
  /** Folder that the names in it are relative to, from the roster's canonical path and the index's name; no trailing slash. */
  root(rosterPath: string): string;
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
}

/** Never stored: login, search, audit, publish. */
export interface PassthroughRoute extends RouteBase {
  readonly kind: 'passthrough';
  /** Needs the client's credentials to make sense: refused with a remedy while credentials are stripped. */
  readonly needsCredentials?: boolean;
  /** Where the upstream has it, if only a document says so; what no document says does not exist. Unless given, at the origin. */
  saidBy?(params: Params): Said;
  /** Documents (canonical targets) that a successful request with an unsafe method makes stale. */
  stales?(params: Params): readonly string[];
}

export type Route = ImmutableRoute | DocumentRoute | RosterRoute | ListedRoute | PassthroughRoute;
