/** What a page of a project says, whatever form it came in. */
import { asWritten } from './file-url';

/** Digests by the names that Python's hashlib has, as the HTML form writes them: `sha256=<hex>`, more than one joined by `&`; '' for none. */
export type Hashes = string;

/** One file of a page. */
export interface PageFile {
  readonly name: string;
  /** Absolute, without fragment: where the upstream says that it is. */
  readonly url: string;
  /** Canonical target under which it is offered; undefined: offered at its own URL, as nothing that is known here. */
  readonly target: string | undefined;
  readonly hashes: Hashes;
  /** PEP 658: what is said of its `.metadata`: digests, or `true` if it is only there. */
  readonly metadata: Hashes | 'true' | undefined;
  readonly requiresPython: string | undefined;
  /** PEP 592: the reason, or '' for none; undefined: not yanked. */
  readonly yanked: string | undefined;
  readonly isSigned: boolean | undefined;
  readonly uploadTime: string | undefined;
  /** In bytes. */
  readonly size: number | undefined;
  /** PEP 740: URL as the upstream gives it. */
  readonly provenance: string | undefined;
  /** HTML: further `data-` attributes, decoded. */
  readonly further: ReadonlyArray<readonly [name: string, value: string | undefined]>;
}

/** What a page says of the project. */
export interface PageFacts {
  /** `Major.Minor` (PEP 629). */
  readonly apiVersion: string;
  /** PEP 708. */
  readonly tracks: readonly string[];
  readonly alternateLocations: readonly string[];
  /** PEP 792. */
  readonly status: string | undefined;
  readonly statusReason: string | undefined;
  /** The upstream's own counter of changes, which both forms of the public index carry. */
  readonly serial: string | undefined;
}

export interface Page extends PageFacts {
  readonly files: readonly PageFile[];
}

/** How the files of one request's page are named. */
export interface Naming {
  /** What stands before a target: the way from the page to the root, or an absolute base. */
  readonly prefix: string;
  /** Base of absolute URLs, for what may not be relative. */
  readonly base: string;
  /** Root of the index at the upstream, with trailing slash: what lies below it is offered below the base. */
  readonly upstreamRoot: string;
  /** Targets that are promised and not there. */
  readonly absent: ReadonlySet<string>;
}

/** The URL under which a file is offered. */
export function hrefOf({ target, url }: Pick<PageFile, 'target' | 'url'>, { prefix }: Pick<Naming, 'prefix'>): string {
  return target === undefined ? url : prefix + asWritten(target, url);
}

/** What is offered of a file's metadata: what the upstream says; of a wheel, which has them in it, at least that they are there. */
export function metadataOf(file: PageFile, absent: ReadonlySet<string>): Hashes | 'true' | undefined {
  const { target, metadata } = file;
  if (target === undefined) return metadata;
  if (absent.size > 0 && absent.has(`${target}.metadata`)) return undefined;
  return metadata ?? (isWheel(file.name) ? 'true' : undefined);
}

/** Whether a file of this name is a wheel. */
export function isWheel(name: string): boolean {
  return name.endsWith('.whl') || name.toLowerCase().endsWith('.whl');
}

/** The parts of digests. */
export function readHashes(hashes: Hashes): [algorithm: string, hex: string][] {
  if (hashes === '' || hashes === 'true') return [];
  return hashes.split('&').map((hash) => {
    const at = hash.indexOf('=');
    return [hash.slice(0, at), hash.slice(at + 1)];
  });
}

/** The one digest that fits into a URL or attribute: the recommended one, else the strongest. */
export function bestHash(hashes: Hashes): Hashes {
  if (!hashes.includes('&')) return hashes;
  const all = hashes.split('&');
  for (const algorithm of ['sha256=', 'sha512=', 'sha384=', 'blake', 'sha', 'md5=']) {
    const found = all.find((hash) => hash.startsWith(algorithm));
    if (found !== undefined) return found;
  }
  return all[0] ?? '';
}
