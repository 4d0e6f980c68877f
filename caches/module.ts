/**
 * The contract of an ecosystem: data and pure functions. A module has no socket, file, clock or state; everything that
 * happens (fetching, verifying, storing, sending) happens in shared/, driven by these tables.
 *
 * Vocabulary: a **target** is the raw, still escaped path and query below the mount, beginning with `/`. A **key** is
 * module + origin + canonical upstream path; it survives a change of mirror. A **document** is a body that lives for a
 * while, is rewritten on its way out and promises digests (**pins**) of other targets. A **variant** names one rendering
 * of a document (npm: `full`, `abbreviated`, `version:1.2.3`, …). The kinds of routes, and what belongs to each, are in routes.ts.
 */
import type { Params, Rendered, Route } from './routes';

export * from './routes';

/** An upstream that only the client knows: it stands in the target (apt's archives). */
export interface Archive {
  readonly scheme: 'http' | 'https';
  /** `host` or `host:port`, lower case. */
  readonly host: string;
  /** Raw target at that host, duplicate slashes collapsed, beginning with `/`. */
  readonly target: string;
}

/** An answer that the cache itself gives to a target, whatever the upstream has there. */
export interface OwnAnswer {
  readonly status: number;
  /** Reason phrase of the status line, where a client reads it. */
  readonly reason: string;
  /** Where it leads, relative to the root of the listener (also a link in the text). */
  readonly leadsTo: string;
}

/** Mirrors of plain hosts, beside the registries: nothing of theirs is rewritten, and nothing promises digests. */
export interface PlainMirrors {
  readonly routes: readonly Route[];
  /** Raw target at which clients learn of them … */
  readonly list: string;
  /** … and what they are told. `path` has a slash at both ends, `base` none. */
  describe(mirrors: readonly { readonly base: string; readonly path: string }[]): Rendered;
}

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
  /** What of the URLs that the library gives belongs to the module's paths, and not to the registry's base: `/p2`. */
  readonly purlPath?: string;
  /** Its documents name files at the files' own hosts, and here only with DIST_URLS_<c>=rewrite: `Asked.distUrls` says which. */
  readonly distUrls?: true;
  readonly routes: readonly Route[];
  /**
   * Targets (canonical) that belong to a package name, for `make purge p=`: documents, and all that begin with `prefix` ('': none).
   * `anywhere` matches the others, which no prefix is common to; for it all that is held is looked through. @throws never
   */
  purge(packageName: string): { readonly documents: readonly string[]; readonly prefix: string; readonly anywhere?: RegExp };
  /** @returns also the reason phrase of the status line, for clients that show nothing else; the status's usual one unless given */
  error(view: ErrorView): Rendered & { readonly reason?: string };
  clients(base: string): readonly ClientLine[];
  /** Whether the plain forward-proxy form (absolute targets) is accepted, for configured and allowed hosts. */
  readonly forwardProxy?: { readonly connectRefusal: string };
  /**
   * The client names the archive. `absolute` is the scheme and host of an absolute-form target; `rawPath` is as it was sent (`//` not collapsed).
   * @returns undefined if no archive stands in it: then it is a target below the default or a named origin
   */
  archive?(rawPath: string, absolute: { readonly scheme: string; readonly host: string } | undefined): Archive | undefined;
  /** Host (and port) that a CONNECT may tunnel to besides being an allowed host; absent: CONNECT is refused. */
  readonly tunnels?: { readonly port: number };
  /** Own answers by raw target. */
  readonly ownAnswers?: Readonly<Record<string, OwnAnswer>>;
  /** Where this machine itself is told its archives, and how to read that: they become named origins (and are trusted as if configured). */
  readonly machineSources?: {
    /** Absolute paths; the last segment may have a `*` for any characters but a slash. */
    readonly files: readonly string[];
    /** @param file its path, which may tell its format @returns name (one path segment; two may have the same) and base URL, in order; never throws */
    read(file: string, text: string): ReadonlyArray<{ readonly name: string; readonly base: string; readonly suites: readonly string[] }>;
  };
  /** It also mirrors plain hosts (MIRROR_<N>_URL), each at /mirror/<n>/. */
  readonly mirrors?: PlainMirrors;
  /** URL of a canonical path at a mirror's base (no trailing slash), where that is not simply base + path. */
  address?(base: string, path: string): string;
}

/** The first route whose methods and RegExp match; of the module unless given. @returns undefined if none does (404, or 405 if `otherMethods`) */
export function matchRoute(
  module: Module,
  method: string,
  target: string,
  routes: readonly Route[] = module.routes,
): { route: Route; params: Params } | { route?: undefined; otherMethods: string[] } {
  const otherMethods = new Set<string>();
  for (const route of routes) {
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
