/**
 * The contract of an ecosystem: data and pure functions. A module has no socket, file, clock or state; everything that
 * happens (fetching, verifying, storing, sending) happens in shared/, driven by these tables.
 *
 * Vocabulary: a **target** is the raw, still escaped path and query below the mount, beginning with `/`. A **key** is
 * module + origin + canonical upstream path; it survives a change of mirror. A **document** is a body that lives for a
 * while, is rewritten on its way out and promises digests (**pins**) of other targets. A **variant** names one rendering
 * of a document (npm: `full`, `abbreviated`, `version:1.2.3`, …). The kinds of routes, and what belongs to each, are in routes.ts.
 */
import type { ClientLine, ImageClient } from './clients';
import type { Rendered } from './documents';
import type { Params, Route } from './routes';

export * from './announcements';
export * from './clients';
export * from './documents';
export * from './rosters';
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

/** What an error looks like to this ecosystem's clients. */
export interface ErrorView {
  readonly status: number;
  readonly code: string;
  /** One sentence: what happened, to which thing. */
  readonly text: string;
  /** What to do about it; may be ''. */
  readonly remedy: string;
}

/** What a cache knows of itself, for its own pages. Times are ISO 8601. */
export interface About {
  /** Of this program. */
  readonly version: string;
  /** URL under which the client sees this cache, no trailing slash. */
  readonly base: string;
  readonly startedAt: string;
  /** Base URLs of the default upstream's mirrors, without credentials. */
  readonly upstreams: readonly string[];
  /** Most memory that the process had, in bytes. */
  readonly memoryBytes: number;
  readonly requests: { readonly hits: number; readonly misses: number; readonly errors: number };
  /** Requests by the module's `label`. */
  readonly labels: Readonly<Record<string, { readonly count: number; readonly seconds: number }>>;
  /** Bodies only. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Files held of the default origin, by canonical path; `used` counts how often each was served since the start, its fetch included. */
  readonly files: ReadonlyArray<{ readonly path: string; readonly size: number; readonly used: number; readonly usedAt: string }>;
  /** When a list of announcements was confirmed last by an upstream; undefined: never. */
  readonly announcedAt: string | undefined;
  /** How often a list showed something new, since the start. */
  readonly announcements: number;
}

export interface Module {
  /** Folder, mount, store prefix, metric label, unit name and configuration suffix: one word for all. */
  readonly name: string;
  /** For people: `npm (npm, Yarn, pnpm, bun)`. */
  readonly title: string;
  readonly defaultPort: number;
  /** purl type with which the package-URL library is asked for the default upstream; absent: none, or `defaultUpstream`. */
  readonly purlType?: string;
  /** Base URL of the public upstream, where no library knows it. */
  readonly defaultUpstream?: string;
  /** What becomes of a verified file whose promise changes (CHANGED_<c>); `refuse` unless given. */
  readonly changed?: 'follow';
  /** Targets that have nothing to do with this ecosystem: people who lost their way (REDIRECT_INVALID_TO_<c>). */
  readonly foreign?: RegExp;
  /**
   * The mirrors of an origin are equal, so that of the healthy ones the fastest is asked first (by the time to their first answers); absent:
   * in the operator's order.
   */
  readonly mirrors?: 'fastest';
  /** What of the URLs that the library gives belongs to the module's paths, and not to the registry's base: `/p2`. */
  readonly purlPath?: string;
  /** Its documents name files at the files' own hosts, and here only with DIST_URLS_<c>=rewrite: `Asked.distUrls` says which. */
  readonly distUrls?: true;
  readonly routes: readonly Route[];
  /** What stands before the names of named upstreams in targets, with a slash before it: `/mirror` of `/mirror/<name>/…`; absent: nothing. */
  readonly mounts?: string;
  /**
   * Targets (canonical) that belong to a package name, for `make purge p=`: documents, and all that begin with `prefix` ('': none).
   * `anywhere` matches the others, which no prefix is common to; for it all that is held is looked through. @throws never
   */
  purge(packageName: string): { readonly documents: readonly string[]; readonly prefix: string; readonly anywhere?: RegExp };
  /** @returns also the reason phrase of the status line, for clients that show nothing else; the status's usual one unless given */
  error(view: ErrorView): Rendered & { readonly reason?: string };
  clients(base: string): readonly ClientLine[];
  /** How container images are led to it; absent: they are not. */
  readonly image?: ImageClient;
  /**
   * A lockfile without what stands in it only because of a cache, beyond addresses, which are put back for it. `isOurs` tells addresses of the cache. The
   * rest stays byte for byte. @throws never
   */
  unlocked?(text: string, isOurs: (url: string) => boolean): string;
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
  /** Pages about this cache that the ecosystem's tools know, by raw path: made of what the cache knows of itself. Each is pure. */
  readonly ownPages?: Readonly<Record<string, (about: About) => Rendered>>;
  /** Label of a raw target, for counts of requests in `ownPages`; one of a few. */
  label?(target: string): string;
  /**
   * Request fields (lower case) that this ecosystem's clients send besides those of HTTP: they stand in the access log, and announcements may
   * choose by them.
   */
  readonly fields?: readonly string[];
  /** What the subjects of its announcements look like; the operator may choose among them, and say at which upstream each is (REGISTRIES_<c>). */
  readonly subjects?: RegExp;
  /** Where this machine itself is told its archives, and how to read that: they become named origins (and are trusted as if configured). */
  readonly machineSources?: {
    /** Absolute paths; the last segment may have a `*` for any characters but a slash. */
    readonly files: readonly string[];
    /** @param file its path, which may tell its format @returns name (one path segment; two may have the same) and base URL, in order; never throws */
    read(file: string, text: string): ReadonlyArray<{ readonly name: string; readonly base: string; readonly suites: readonly string[] }>;
  };
  /** It also mirrors plain hosts (MIRROR_<N>_URL), each at /mirror/<n>/. */
  readonly plainMirrors?: PlainMirrors;
  /** URL of a canonical path at a mirror's base (no trailing slash), where that is not simply base + path. */
  address?(base: string, path: string): string;
}

/** The setting in which a module's upstream is named, as people are told of it: where all of them stand below `mounts`, any named one. */
export function upstreamSetting({ name, mounts }: Pick<Module, 'name' | 'mounts'>): string {
  return mounts === undefined ? `UPSTREAM_${name}` : `UPSTREAM_${name}_<name>`;
}

/** What stands between the base and the target of a named upstream: `/corp`, `/mirror/corp`. */
export function mountOf({ mounts = '' }: Pick<Module, 'mounts'>, originName: string): string {
  return `${mounts}/${originName}`;
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
    if (route.kind === 'mirrored' || methods.includes(method)) {
      const params: Record<string, string> = {};
      for (const [name, value] of Object.entries(found.groups ?? {})) if (value !== undefined) params[name] = value;
      return { route, params };
    }
    for (const other of methods) otherMethods.add(other);
  }
  return { otherMethods: [...otherMethods] };
}
