/**
 * The contract of an ecosystem: data and pure functions. A module has no socket, file, clock or state; everything that
 * happens (fetching, verifying, storing, sending) happens in shared/, driven by these tables.
 *
 * Vocabulary: a **target** is the raw, still escaped path and query below the mount, beginning with `/`. A **key** is
 * module + origin + canonical upstream path; it survives a change of mirror. A **document** is a body that lives for a
 * while, is rewritten on its way out and promises digests (**pins**) of other targets. A **variant** names one rendering
 * of a document (npm: `full`, `abbreviated`, `version:1.2.3`, …).
 */

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

/** Pure functions over the body of a document. They run in a worker thread; a body may be 128 MiB. */
export interface DocumentCodec {
  /** Whether a client may be sent the rendering while a gzip copy is kept too (true for text). */
  readonly compressible: boolean;
  /**
   * Renders one variant with every URL pointing at `base` (no trailing slash). `path` is the document's canonical path: what
   * a document is about is what it was asked for, not what it says of itself, so no document can speak for another.
   * @returns undefined if the document has no such part (an unknown version: answered 404)
   * @throws DocumentError if the body is not a document of this kind
   */
  render(body: Buffer, request: { readonly variant: string; readonly base: string; readonly path: string }): Rendered | undefined;
  /** Everything the document at `path` (canonical) promises. @throws DocumentError */
  pins(body: Buffer, path: string): Pin[];
}

/** The one error that a codec throws: the body is not what its URL promises. `reason` is a short English clause. */
export class DocumentError extends Error {
  readonly code = 'document-invalid';
  constructor(readonly reason: string) {
    super(`the upstream's document is not usable: ${reason}`);
  }
}

interface RouteBase {
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
  /** Digest that the URL itself carries, as SRI. */
  integrity?(params: Params): string | undefined;
  /** purl of the file, e.g. `pkg:npm/lodash@4.17.21`. */
  purl?(params: Params): string;
}

/** A body that lives `ttlSeconds`, then is revalidated; served stale when the upstream fails. */
export interface DocumentRoute extends RouteBase {
  readonly kind: 'document';
  readonly ttlSeconds: number;
  /** Headers sent upstream besides the engine's own (lower-case names). */
  readonly ask?: Readonly<Record<string, string>>;
  /** How it is rewritten; absent: stored and served as it is. */
  readonly codec?: DocumentCodec;
  /** Which rendering this request wants; '' where there is no codec. `accept` is the client's Accept header, if any. */
  variant?(params: Params, accept: string | undefined): string;
  /** Value of Vary for its responses, besides Accept-Encoding, e.g. `Accept`. */
  readonly vary?: string;
}

/** Never stored: login, search, audit, publish. */
export interface PassthroughRoute extends RouteBase {
  readonly kind: 'passthrough';
  /** Needs the client's credentials to make sense: refused with a remedy while credentials are stripped. */
  readonly needsCredentials?: boolean;
  /** Documents (canonical targets) that a successful request with an unsafe method makes stale. */
  stales?(params: Params): readonly string[];
}

export type Route = ImmutableRoute | DocumentRoute | PassthroughRoute;

/** One client's line for the README, `make start` and the generated docs. */
export interface ClientLine {
  readonly client: string;
  /** Shell command that points the client at the cache. */
  readonly on: string;
  /** Shell command that takes it back. */
  readonly off: string;
}

/** What an error looks like to this ecosystem's clients. */
export interface ErrorView {
  readonly status: number;
  readonly code: string;
  /** One sentence: what happened, to which thing. */
  readonly text: string;
  /** What to do about it; may be ''. */
  readonly remedy: string;
}

export interface Module {
  /** Folder, mount, store prefix, metric label, unit name and configuration suffix: one word for all. */
  readonly name: string;
  /** For people: `npm (npm, Yarn, pnpm, bun)`. */
  readonly title: string;
  readonly defaultPort: number;
  /** purl type with which the package-URL library is asked for the default upstream; absent: none, or `defaultUpstream`. */
  readonly purlType?: string;
  readonly routes: readonly Route[];
  /** Targets (canonical) that belong to a package name, for `make purge p=`: documents first. @throws never */
  purge(packageName: string): { readonly documents: readonly string[]; readonly prefix: string };
  error(view: ErrorView): Rendered;
  clients(base: string): readonly ClientLine[];
  /** Whether the plain forward-proxy form (absolute targets) is accepted, for configured and allowed hosts. */
  readonly forwardProxy?: { readonly connectRefusal: string };
}

/** The first route whose methods and RegExp match. @returns undefined if none does (404, or 405 if `otherMethods`) */
export function matchRoute(
  module: Module,
  method: string,
  target: string,
): { route: Route; params: Params } | { route?: undefined; otherMethods: string[] } {
  const otherMethods = new Set<string>();
  for (const route of module.routes) {
    const found = route.target.exec(target);
    if (!found) continue;
    const methods = route.methods ?? ['GET', 'HEAD'];
    if (methods.includes(method)) {
      const params: Record<string, string> = {};
      for (const [name, value] of Object.entries(found.groups ?? {})) if (value !== undefined) params[name] = value;
      return { route, params };
    }
    for (const other of methods) otherMethods.add(other);
  }
  return { otherMethods: [...otherMethods] };
}
