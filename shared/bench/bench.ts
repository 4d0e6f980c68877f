/** What every cell works with: the registry, the corpus, the peers, and how long to measure. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Corpus } from './corpus';
import { MemoryWatch } from './memory';
import { type Child, run } from './process';
import { freePort, startPeer, startUpstream, type PeerName, type Server, type StartOptions } from './servers';

export interface Options {
  /** Shorter runs, one round, smaller files: for developing, not for the table. */
  readonly quick: boolean;
  /** Only the cells whose name contains this. */
  readonly only?: string;
  readonly withVerdaccio: boolean;
  /** nginx in both seats: shows the noise of the bench itself. */
  readonly null: boolean;
}

/** One line of the table. */
export interface Row {
  readonly cell: string;
  readonly target: string;
  readonly ours: string;
  readonly nginx: string;
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
  private warm: Pair | undefined;
  private count = 0;
  private readonly servers = new Set<Server>();

  private constructor(
    readonly options: Options,
    /** Temp directory; all that the bench writes is below it. */
    readonly dir: string,
    readonly corpus: Corpus,
    /** `host:port` of the local registry. */
    readonly upstream: string,
    private readonly registry: Child,
  ) {}

  /** Starts the local registry over an empty corpus. */
  static async open(options: Options): Promise<Bench> {
    const dir = mkdtempSync(join(process.env['BENCH_DIR'] ?? tmpdir(), 'larder-bench-'));
    const port = await freePort();
    const files = join(dir, 'files');
    const corpus = new Corpus(files, `http://127.0.0.1:${port}`);
    const registry = await startUpstream(join(dir, 'upstream'), files, port);
    return new Bench(options, dir, corpus, `127.0.0.1:${port}`, registry);
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

  /** The pair that keeps running, with stores that the cells fill. */
  async warmPair(): Promise<Pair> {
    this.warm ??= { larder: await this.start('larder'), nginx: await this.start('nginx') };
    return this.warm;
  }

  /** Starts a peer on a cold store unless `dir` names an old one. */
  async start(name: PeerName, options: Partial<StartOptions> = {}): Promise<Server> {
    const dir = options.dir ?? this.newDir(name);
    const server = await startPeer(this.seat(name), { upstream: this.upstream, ...options, dir });
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

  /** Discards what a failed cell left running; the warm pair stays. */
  async discardExtras(): Promise<void> {
    const extras = [...this.servers].filter((server) => server.pid !== this.warm?.larder.pid && server.pid !== this.warm?.nginx.pid);
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
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** How npm asks: for the document that an install needs. */
export const NPM_ABBREVIATED = 'application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*';
