/** The part of the contract that is about signed lists of files that belong together. Imported by way of module.ts. */
import type { Params, RouteBase } from './routes';

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
