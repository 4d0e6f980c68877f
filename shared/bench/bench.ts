/** What every cell works with: the registry, the corpus, the peers, and how long to measure. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Corpus } from './corpus';
import { MemoryWatch } from './memory';
import { type Child, run } from './process';
import { DebianArchive } from './debian';
import { PythonIndex } from './python';
import { lowPort, startPeer, startUpstream, type CacheName, type PeerName, type Server, type StartOptions } from './servers';

export interface Options {
  /** Shorter runs, one round, smaller files: for developing, not for the table. */
  readonly quick: boolean;
  /** Only the cells whose name contains this. */
  readonly only?: string;
  /** Other caches too; they are installed for the run. */
  readonly withPeers: boolean;
  /** nginx in both seats: shows the noise of the bench itself. */
  readonly null: boolean;
}

/** One line of the table. */
export interface Row {
  readonly cell: string;
  readonly target: string;
  readonly ours: string;
  readonly nginx: string;
  /** What others reach, by name. */
  readonly others?: string;
  /** Ours to nginx's where that is the target, above 1 is better for us. */
  readonly ratio?: number;
  /** Undefined: printed for information. */
  readonly reached?: boolean;
  /** Other figures of the same run. */
  readonly note?: string;
}

/** A group of cells. */
export interface Cell {
  readonly name: string;
  measure(bench: Bench): Promise<Row[]>;
}

/** Both peers, alternately loaded. */
export interface Pair {
  readonly larder: Server;
  readonly nginx: Server;
}

export class Bench {
  readonly memory = new MemoryWatch();
  /** What could not be measured, by name, and why. */
  readonly skipped = new Map<string, string>();
  private readonly warm = new Map<CacheName, Promise<Pair>>();
  private count = 0;
  private readonly servers = new Set<Server>();

  private constructor(
    readonly options: Options,
    /** Temp directory; all that the bench writes is below it. */
    readonly dir: string,
    readonly corpus: Corpus,
    readonly debian: DebianArchive,
    readonly python: PythonIndex,
    /** Folder of the registry's files. */
    readonly files: string,
    /** `host:port` of the local registry. */
    readonly upstream: string,
    private readonly registry: Child,
  ) {}

  /** Starts the local registry over an empty corpus. */
  static async open(options: Options): Promise<Bench> {
    const dir = mkdtempSync(join(process.env['BENCH_DIR'] ?? tmpdir(), 'larder-bench-'));
    const port = await lowPort();
    const files = join(dir, 'files');
    const corpus = new Corpus(files, `http://127.0.0.1:${port}`);
    const registry = await startUpstream(join(dir, 'upstream'), files, port);
    const [debian, python] = [new DebianArchive(join(files, 'debian')), new PythonIndex(join(files, 'python'), `http://127.0.0.1:${port}`)];
    return new Bench(options, dir, corpus, debian, python, files, `127.0.0.1:${port}`, registry);
  }

  /** Rounds of runs that last seconds. */
  get rounds(): number {
    return this.options.quick ? 1 : 3;
  }

  /** Rounds of wrk runs. */
  get hitRounds(): number {
    return this.options.quick ? 1 : 5;
  }

  /** Length of one wrk run. */
  get seconds(): number {
    return this.options.quick ? 1 : 3;
  }

  /** The pair that keeps running, with stores that the cells fill; one for each of Larder's caches. */
  warmPair(cache: CacheName = 'npm'): Promise<Pair> {
    let pair = this.warm.get(cache);
    if (!pair) {
      pair = this.startPair(cache);
      this.warm.set(cache, pair);
    }
    return pair;
  }

  private async startPair(cache: CacheName): Promise<Pair> {
    return { larder: await this.start('larder', { cache }), nginx: await this.start('nginx') };
  }

  /** Starts a peer on a cold store unless `dir` names an old one. */
  async start(name: PeerName, options: Partial<StartOptions> = {}): Promise<Server> {
    const dir = options.dir ?? this.newDir(name);
    const server = await startPeer(this.seat(name), { upstream: this.upstream, files: this.files, ...options, dir });
    const seated = { ...server, name };
    this.servers.add(seated);
    if (name === 'larder') this.memory.watch(seated.pid);
    return seated;
  }

  /** Which program sits in a seat: nginx in both with --null. */
  seat(name: PeerName): PeerName {
    return this.options.null ? 'nginx' : name;
  }

  /** Stops a server and removes its store. */
  async discard(server: Server): Promise<void> {
    this.memory.unwatch(server.pid);
    await server.stop();
    this.servers.delete(server);
    rmSync(server.dir, { recursive: true, force: true });
  }

  /** Discards what a failed cell left running; warm pairs stay. */
  async discardExtras(): Promise<void> {
    const settled = await Promise.allSettled(this.warm.values());
    const warm = new Set(settled.flatMap((pair) => (pair.status === 'fulfilled' ? [pair.value.larder.pid, pair.value.nginx.pid] : [])));
    const extras = [...this.servers].filter((server) => !warm.has(server.pid));
    await Promise.all(extras.map((server) => this.discard(server)));
  }

  /** A new directory in the temp directory. */
  newDir(name: string): string {
    const dir = join(this.dir, `${name}-${++this.count}`);
    mkdirSync(dir);
    return dir;
  }

  /** How often the registry was asked for a target so far; all targets unless one is named. */
  upstreamRequests(target?: string): number {
    const log = join(this.dir, 'upstream', 'access.log');
    const lines = existsSync(log) ? readFileSync(log, 'utf8').split('\n').filter(Boolean) : [];
    return target === undefined ? lines.length : lines.filter((line) => line === target).length;
  }

  /** Writes dirty pages out, so that one peer's leftovers are not paid by the next. */
  async settle(): Promise<void> {
    await run('sync', ['-f', this.dir]);
  }

  /** Ends every process and removes every file. */
  async close(): Promise<void> {
    this.memory.stop();
    await Promise.all([...this.servers].map((server) => server.stop()));
    await this.registry.stop();
    this.debian.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** How npm asks: for the document that an install needs. */
export const NPM_ABBREVIATED = 'application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*';
