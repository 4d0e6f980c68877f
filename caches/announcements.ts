/** The part of the contract that is about lists of newest revisions, and texts about held files. Imported by way of module.ts. */
import type { Params, RouteBase } from './routes';

/** An object that a list announces. */
export interface Announced {
  /** What it is a revision of (a registry's UUID): a list shows one revision of each. */
  readonly subject: string;
  /** Canonical target of the object: a file whose URL says what its bytes are. */
  readonly target: string;
}

/**
 * A list that names the newest revision of each of a few objects (Julia's registries). What several servers list is merged; a new revision
 * becomes visible only when its object is held and verified, and an older one never comes back because one of the servers lags.
 */
export interface AnnouncementRoute extends RouteBase {
  readonly kind: 'announcement';
  /** A list that is older waits for one look at the servers, but not for long; a younger one is served at once. */
  readonly ttlSeconds: number;
  readonly contentType: string;
  /** What a server's list names; lines of unknown kinds are left out. @throws DocumentError if it is no such list */
  read(body: Buffer): readonly Announced[];
  /** The list as clients see it. */
  write(announced: readonly Announced[]): Buffer;
  /**
   * Canonical path of the list that this client is led to (302), by its request fields (lower-case names of `Module.fields`). If the
   * upstream has no such list, this one is served.
   */
  prefers?(field: (name: string) => string | undefined): string;
  /** Canonical path of the list that is asked of an upstream of the operator's (REGISTRIES_<c>) that has none of this name. */
  otherwise?(params: Params): string;
  /** Canonical paths of lists of the same subjects: one that is held is shown while no server can be asked and this one was never held. */
  instead?(params: Params): readonly string[];
  /** Value of Vary where `prefers` is. */
  readonly vary?: string;
  /** The member of an object's archive without which it is of no use, and how it is judged: such an object is not shown. Runs in a worker thread. */
  readonly essential?: {
    readonly member: RegExp;
    /** What it is called, for people. */
    readonly name: string;
    /** @throws DocumentError */
    check(body: Buffer, announced: Announced): void;
  };
}

/** A small text about a held file, made when it is asked for. */
export interface DescriptionRoute extends RouteBase {
  readonly kind: 'description';
  readonly contentType: string;
  /** Canonical target of the file: an immutable route whose digest is SHA-256. */
  file(params: Params): string;
  /** @param about `url`: where the client gets the file from this cache; `sha256`: hexadecimal */
  write(params: Params, about: { readonly url: string; readonly sha256: string; readonly size: number }): Buffer;
}
