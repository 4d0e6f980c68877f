/**
 * A local Debian-like archive for tests: signed suites with every kind of index, real packages, and every way in which real archives
 * change under their clients' hands. Anything can be overridden through `upstream.on`.
 *
 *   node dist/shared/testing/apt-archive.js --port 8642     prints its sources line and serves three packages
 */
import { generate, possible, type ArchiveFile, type Generation, type Layout } from './apt-generation';
import { debOf, poolPath, type DebSpec } from './apt-indexes';
import { sendReply, type Reply } from './reply';
import { canSign, makeSigningKey, type SigningKey } from './signing-key';
import { startUpstream, type FakeUpstream, type FakeUpstreamOptions } from './upstream';

export type { DebSpec } from './apt-indexes';
export type { Generation } from './apt-generation';

/** One server that shows generations of an archive. */
export interface Mirror {
  /** Base URL of the archive, no trailing slash. */
  readonly url: string;
  /** `127.0.0.1:<port>` */
  readonly host: string;
  readonly upstream: FakeUpstream;
  /** From now on these answer: one, or several in turn, request by request, as a load balancer has them. */
  show(...generations: [Generation, ...Generation[]]): void;
  /**
   * Once a request for this path has been answered, everything later is answered by the next generation.
   * @param path below the archive's root: its end, or a RegExp on it
   */
  switchAfter(path: string | RegExp, next: Generation): void;
  /**
   * The same, but in the middle of that very answer: so many bytes are still the old ones. `cut`: then the connection is closed;
   * `glue`: the rest is the new file's, as where files are overwritten in place.
   */
  switchWithin(path: string | RegExp, next: Generation, at: number, how: 'cut' | 'glue'): void;
  /** How many armed switches have come about. */
  readonly switches: number;
  /** Forgets armed switches. */
  disarm(): void;
  close(): Promise<void>;
}

/** An archive that tests change, publication by publication. */
export interface FakeArchive extends Mirror {
  /** Path of the archive at its host: `/debian`. */
  readonly root: string;
  /** Keyring with the key that it signs with; undefined if it is not signed: then clients need `trusted=yes`. */
  readonly keyring: string | undefined;
  /** Options of a sources line that fit: `signed-by=…` or `trusted=yes`. */
  readonly trust: string;
  /** To be seen from the next generation on. The same name, version and architecture again, with another seed: uploaded anew. */
  addPackage(spec: DebSpec): FakeArchive;
  /** The package leaves the index; its file stays in the pool only if told. */
  withdraw(name: string, keepFile?: boolean): FakeArchive;
  /** Makes a generation of what there is now, a minute younger than the one before, without showing it. */
  prepare(options?: PrepareOptions): Generation;
  /** Makes a generation and shows it. */
  publish(options?: PrepareOptions): Generation;
  /** The newest generation made. @throws if there is none */
  readonly newest: Generation;
  /** Path of a package's file below the root, with leading slash. @throws if there is no such package */
  pool(name: string): string;
  deb(name: string): Buffer;
  /** Another server with the same archive; it shows the newest generation. Close it. */
  mirror(options?: FakeUpstreamOptions): Promise<Mirror>;
}

/** What the roster of the next generation says. */
export interface PrepareOptions {
  /** Date of the Release, ms since the epoch. */
  readonly date?: number;
  readonly validUntil?: number;
}

/** What is served, and how. */
export interface ArchiveOptions extends Partial<Omit<Layout, 'url'>> {
  readonly port?: number;
  readonly host?: string;
  /** PEM; makes it an https archive. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** `/debian` unless given. */
  readonly root?: string;
  /** Signed by this key, or by none; by one of its own unless given, where gpg is. */
  readonly key?: SigningKey | 'none';
  /** No validators. */
  readonly bare?: boolean;
  /** By-hash files of earlier generations stay; true unless given. */
  readonly keepByHash?: boolean;
  /** Packages that are only in the index: so many. */
  readonly crowd?: number;
  /** Date of the first generation, ms since the epoch; ten days ago unless given. */
  readonly began?: number;
}

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

interface Switch {
  readonly path: string | RegExp;
  readonly next: Generation;
  readonly at?: number;
  readonly how?: 'cut' | 'glue';
}

/** Starts an archive without packages and without a generation: nothing is there until `publish()`. */
export async function startArchive(options: ArchiveOptions = {}): Promise<FakeArchive> {
  const root = options.root ?? '/debian';
  const key = options.key === undefined && canSign() ? makeSigningKey() : options.key === 'none' ? undefined : options.key;
  const first = await serve({ ...options, root }, undefined);
  const layout: Layout = {
    suites: options.suites ?? ['stable'],
    components: options.components ?? ['main'],
    architectures: options.architectures ?? ['amd64'],
    compressions: options.compressions ?? possible(['gz', 'xz']),
    plain: options.plain ?? false,
    byHash: options.byHash ?? true,
    digests: options.digests ?? ['MD5Sum', 'SHA256'],
    pdiffs: options.pdiffs ?? false,
    signatures: options.signatures ?? 'both',
    url: first.url,
  };
  const packages = new Map<string, DebSpec>();
  const unlisted = new Map<string, DebSpec>();
  let newest: Generation | undefined;

  const prepare = ({ date, validUntil }: PrepareOptions = {}): Generation =>
    (newest = generate({
      layout,
      packages: [...packages.values()],
      unlisted: [...unlisted.values()],
      crowd: options.crowd ?? 0,
      date: date ?? (newest ? newest.date + MINUTE : Math.floor((options.began ?? Date.now() - 10 * DAY) / 1000) * 1000),
      validUntil,
      key,
      before: newest,
      keepByHash: options.keepByHash ?? true,
    }));
  const named = (name: string): DebSpec => {
    const found = [...packages.values(), ...unlisted.values()].findLast((spec) => spec.name === name);
    if (!found) throw new Error(`the fake archive has no ${name}`);
    return found;
  };
  const latest = (): Generation => {
    if (!newest) throw new Error('the fake archive has published nothing');
    return newest;
  };

  const archive: FakeArchive = {
    ...first,
    get switches() {
      return first.switches;
    },
    get newest() {
      return latest();
    },
    root,
    keyring: key?.keyring,
    trust: key ? `signed-by=${key.keyring}` : 'trusted=yes',
    addPackage(spec) {
      packages.set(poolPath(spec), spec);
      return archive;
    },
    withdraw(name, keepFile = false) {
      const spec = named(name);
      packages.delete(poolPath(spec));
      if (keepFile) unlisted.set(poolPath(spec), spec);
      return archive;
    },
    prepare,
    publish(more) {
      first.show(prepare(more));
      return latest();
    },
    pool: (name) => `/${poolPath(named(name))}`,
    deb: (name) => debOf(named(name)),
    mirror: async (more = {}) => serve({ ...more, root, bare: options.bare ?? false }, latest()),
    close: async () => {
      await first.close();
      if (options.key === undefined) key?.close();
    },
  };
  return archive;
}

/** A server of generations. */
async function serve(options: FakeUpstreamOptions & { root: string; bare?: boolean }, shown: Generation | undefined): Promise<Mirror> {
  const upstream = await startUpstream(options);
  let shows: readonly Generation[] = shown ? [shown] : [];
  let turn = 0;
  let armed: Switch[] = [];
  let switches = 0;

  upstream.on(/^/, (request, response, seen) => {
    const path = pathBelow(options.root, seen.path);
    const generation = shows[turn++ % shows.length];
    const file = path === undefined ? undefined : generation?.files.get(path);
    if (path === undefined || !file) return sendReply(request, response, { status: 404, body: 'not found\n' });
    const due = seen.method === 'GET' ? armed.find((one) => fits(one.path, path)) : undefined;
    if (due) {
      armed = armed.filter((one) => one !== due);
      shows = [due.next];
      switches++;
    }
    return sendReply(request, response, { ...describe(file, options.bare ?? false), ...interrupted(file, due, path) });
  });

  return {
    url: upstream.url + options.root,
    host: upstream.url.replace(/^\w+:\/\//, ''),
    upstream,
    show: (...generations) => void ((shows = generations), (turn = 0)),
    switchAfter: (path, next) => void armed.push({ path, next }),
    switchWithin: (path, next, at, how) => void armed.push({ path, next, at, how }),
    get switches() {
      return switches;
    },
    disarm: () => void (armed = []),
    close: () => upstream.close(),
  };
}

function pathBelow(root: string, target: string): string | undefined {
  const [path = ''] = target.split('?');
  if (!path.startsWith(`${root}/`)) return undefined;
  try {
    return decodeURIComponent(path.slice(root.length + 1)).replace(/^(?:\.\/)+/, '');
  } catch {
    return undefined;
  }
}

function fits(wanted: string | RegExp, path: string): boolean {
  return typeof wanted === 'string' ? path.endsWith(wanted) : wanted.test(path);
}

function describe({ body, modified }: ArchiveFile, bare: boolean): Reply {
  const headers = { 'content-type': 'application/octet-stream' };
  if (bare) return { body, headers, ranges: 'yes' };
  const etag = `"${body.length.toString(16)}-${modified.toString(16)}"`;
  return { body, headers, ranges: 'yes', etag, lastModified: new Date(modified).toUTCString() };
}

/** What becomes of an answer in the middle of which the archive switches. */
function interrupted(old: ArchiveFile, due: Switch | undefined, path: string): Reply {
  if (due?.at === undefined) return {};
  if (due.how === 'cut') return { cutAt: due.at };
  const fresh = due.next.files.get(path)?.body ?? Buffer.alloc(0);
  const glued = Buffer.concat([old.body.subarray(0, due.at), fresh.subarray(due.at)]);
  // The length was said before the file changed; what is missing at the end is cut off.
  return { body: glued.subarray(0, old.body.length), contentLength: old.body.length };
}

if (require.main === module) {
  const at = process.argv.indexOf('--port');
  void startArchive({ port: at < 0 ? 0 : Number(process.argv[at + 1]) }).then((archive) => {
    archive.addPackage({ name: 'left', version: '1.0-1', depends: 'right (>= 2)' }).addPackage({ name: 'right', version: '2.0-1' });
    archive.addPackage({ name: 'large', version: '1:1.0+b1', architecture: 'amd64', ballast: 300_000, source: true }).publish();
    // The server itself keeps nothing alive.
    setInterval(() => {}, 2 ** 30);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void archive.close().then(() => process.exit(0)));
    process.stdout.write(`deb [${archive.trust}] ${archive.url} stable main\n`);
  });
}
