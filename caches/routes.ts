/** The part of the contract that is about routes: what the URLs of an ecosystem mean. Imported by way of module.ts. */
import type { AnnouncementRoute, DescriptionRoute } from './announcements';
import type { DocumentRoute } from './documents';
import type { ListedRoute, RosterRoute } from './rosters';

/** Named groups of a route's RegExp, exactly as they stood in the target (still escaped); unmatched groups are absent. */
export type Params = Readonly<Record<string, string>>;

/** What all routes have. */
export interface RouteBase {
  /**
   * What a client of this protocol survives when there is no answer: a status (default); nothing, the connection being closed (`close`); or
   * nothing for any error, also that there is no such thing, since it takes whatever body comes for the thing itself (`close-always`; HEAD,
   * which has no body, is told).
   */
  readonly failure?: 'status' | 'close' | 'close-always';
  /**
   * What it means that the upstream's answer has a Content-Encoding which nobody asked for. Absent: it is passed on. `itself`: the encoded bytes
   * are the file (object stores label .tar.gz so), which clients must not decode. `refused`: it is not the file.
   */
  readonly encoded?: 'itself' | 'refused';
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
  /**
   * Addresses besides the one that its promise names, which another document, if it is held, gives for all files of the origin: those that are preferred are
   * asked first, the others last. Only for files of which promises say where they are (`onlyWhereSaid`).
   */
  alsoAt?(params: Params): readonly (Elsewhere & { readonly isPreferred: boolean })[];
  /** The upstream itself has no such path: where the file is, only a promise says. */
  readonly onlyWhereSaid?: true;
  /** Its documents often name it at another host than their own: without one nobody can say where it is. */
  readonly oftenElsewhere?: true;
  /** Its documents often promise no digest: then the first that was seen counts, which the ledger keeps; another one is a digest change. */
  readonly firstSeen?: true;
  /** What its bytes must look like: of what no digest is known, that much can be seen. undefined: anything. */
  shape?(params: Params): FileShape | undefined;
  /** Digest that the URL itself carries, as SRI. */
  integrity?(params: Params): string | undefined;
  /**
   * Git tree hash that the URL itself carries: 40 lower-case hexadecimal digits. The file is then a tar archive, compressed with gzip or
   * zstd, and is judged by what it unpacks to, whichever way empty directories are counted. `undefined`: this URL carries none.
   */
  tree?(params: Params): string | undefined;
  /**
   * Encodings in which this URL is another file besides the usual one (RFC 9110 §12.5.3): a client that accepts one of them means that
   * file, each is held under a key of its own, and the bytes are passed on as they came, without a Content-Encoding. An upstream that has
   * only the usual one may answer with it. Best first; none for a spelling of the URL that always means the usual one.
   */
  encodings?(params: Params): readonly FileEncoding[];
  /**
   * Mirrors have it or not, each for itself, and the URL says what bytes are meant: that one does not have it is no answer as long as another
   * was not asked.
   */
  readonly scattered?: true;
  /** purl of the file, e.g. `pkg:npm/lodash@4.17.21`. */
  purl?(params: Params): string;
  /**
   * Promised by the indexes of rosters (see ListedRoute) instead of one document: their names by the file's own path, to be looked
   * for if no held index promises it. Such a file follows its promise: when a newer index names other bytes, they are fetched.
   */
  listedIn?(params: Params): IndexGuess;
  /** If the upstream does not have it: it is this member of that zip archive (canonical target of an immutable route). */
  memberOf?(params: Params): ArchiveMember | undefined;
  /** The upstream may answer with a small stub whose header names the place of the bytes. */
  readonly pointer?: FilePointer;
}

/**
 * What can be seen of bytes that nothing promises a digest of: `zip`, the end and the directory of a zip archive; `gzip`, how gzipped bytes
 * begin (RFC 1952 §2.3.1); `line`, one line of text of at most 4,096 bytes that is no page or error of HTML or XML.
 */
export type FileShape = 'zip' | 'gzip' | 'line';

/** How a response says that the bytes are at another place. Followed once, to the upstream's own hosts and those of FILE_HOSTS_<c>; never sent on. */
export interface FilePointer {
  /** Name of the response header, lower case: its value is a path below the base, or an absolute URL. */
  readonly header: string;
  /** The digest that a place names its bytes by, as SRI; undefined if it is no place that may be followed. @param place as the header has it */
  integrity(place: string): string | undefined;
}

/** Another file at the same URL, for clients that accept this coding. */
export interface FileEncoding {
  readonly coding: 'zstd';
  readonly contentType: string;
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

/** Where a document says that something is: another document, or what is only passed on. */
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

/**
 * Any resource of an origin, cached by what its own responses say, to the letter of RFC 9111. Nothing is known of it beforehand, so nothing
 * judges or rewrites it. Asked with any method; which ones are sent on is the operator's to say (METHODS_<c>).
 */
export interface MirroredRoute extends RouteBase {
  readonly kind: 'mirrored';
  /**
   * `signed`: the URL itself is a credential, so nothing of it is ever kept; `listing`: it changes whenever something else does, so it is kept
   * only as long as the response itself says; `plain`: all else.
   */
  policy(params: Params): 'plain' | 'listing' | 'signed';
}

export type Route =
  ImmutableRoute | DocumentRoute | RosterRoute | ListedRoute | AnnouncementRoute | DescriptionRoute | MirroredRoute | PassthroughRoute;
