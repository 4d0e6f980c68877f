/** Archives unpacked and hashed in threads of their own while they arrive. What is under way in memory is bounded for each. */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { errorCode, errorText, LarderError } from '../../errors';
import type { TreeOrder, TreeReport, TreeVerdict } from './messages';

export type { TreeVerdict } from './messages';

/** Bytes given to a thread that it has not taken yet; then whoever gives them waits. */
const MOST_AHEAD = 2 * 1024 * 1024;
/** JavaScript heap of a thread: an archive of 1,000,000 names takes 200 MB, all others next to nothing. */
const HEAP_MB = 512;

/** How long a thread that owes something may say nothing: then it hangs. What it does longest is the tree of 1,000,000 names, some seconds. */
const SILENT_MS = 120_000;

/** One archive on its way through a thread. */
export interface TreeJob {
  /** Adds bytes (copied), in order. Resolves when there is room for more; at once if the verdict is known already. Never rejects. */
  write(bytes: Buffer): Promise<void>;
  /** It is known already that nothing can be made of it, whatever comes. */
  readonly isBroken: boolean;
  /** There is no more of it. @throws LarderError internal: the thread ended */
  finish(): Promise<TreeVerdict>;
  /** The verdict is not wanted any more. Idempotent. */
  drop(): void;
}

export interface TreeThreadsOptions {
  /** Threads at most. */
  readonly most: number;
  /** After how long without an archive a thread is ended. */
  readonly idleMs: number;
  readonly heapMb?: number;
  readonly silentMs?: number;
}

export class TreeThreads {
  private readonly threads = new Set<TreeThread>();
  private isClosed = false;

  constructor(private readonly options: TreeThreadsOptions) {}

  /** @throws LarderError internal if no thread can be had */
  open(): TreeJob {
    if (this.isClosed) throw new LarderError('internal', { reason: 'the document pool is closed' });
    const [idlest] = [...this.threads].sort((one, other) => one.underWay - other.underWay);
    const thread = idlest && (idlest.underWay === 0 || this.threads.size >= this.options.most) ? idlest : this.start();
    return thread.open();
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.all([...this.threads].map((thread) => thread.stop()));
  }

  private start(): TreeThread {
    const thread = new TreeThread(this.options, () => this.threads.delete(thread));
    this.threads.add(thread);
    return thread;
  }
}

class TreeThread {
  private readonly worker: Worker;
  private readonly jobs = new Map<number, Job>();
  private count = 0;
  private timer: NodeJS.Timeout | undefined;
  private readonly watchdog: NodeJS.Timeout;
  /** Since when a thread that owes something has said nothing. */
  private silentSince = performance.now();
  private isAlive = true;

  /** @param ended called once, as soon as no further archive can be given to it */
  constructor(
    private readonly options: TreeThreadsOptions,
    private readonly ended: () => void,
  ) {
    this.worker = new Worker(join(__dirname, 'tree-worker.js'), {
      resourceLimits: { maxOldGenerationSizeMb: options.heapMb ?? HEAP_MB },
    });
    this.worker.on('message', (report: TreeReport) => this.told(report));
    this.worker.on('error', (error) => this.died(reasonOf(error)));
    this.worker.on('exit', () => this.died('the thread that unpacks archives ended'));
    this.worker.unref();
    this.watchdog = setInterval(() => this.look(), this.silentMs / 4).unref();
  }

  private get silentMs(): number {
    return this.options.silentMs ?? SILENT_MS;
  }

  get underWay(): number {
    return this.jobs.size;
  }

  open(): TreeJob {
    clearTimeout(this.timer);
    this.worker.ref();
    const id = ++this.count;
    const job = new Job(
      (order, memory) => this.isAlive && this.worker.postMessage({ id, ...order } as TreeOrder, memory),
      () => this.over(id),
    );
    this.jobs.set(id, job);
    return job;
  }

  async stop(): Promise<void> {
    this.died('the document pool was closed');
    await this.worker.terminate();
  }

  private look(): void {
    const isOwing = [...this.jobs.values()].some((job) => job.isOwed);
    if (!isOwing) this.silentSince = performance.now();
    else if (performance.now() - this.silentSince > this.silentMs)
      this.died(`the thread that unpacks archives was silent for ${this.silentMs} ms`);
  }

  private told(report: TreeReport): void {
    this.silentSince = performance.now();
    const job = this.jobs.get(report.id);
    if ('taken' in report) return job?.taken(report.taken);
    job?.judged(report.verdict);
    this.over(report.id);
  }

  private over(id: number): void {
    if (!this.jobs.delete(id) || this.jobs.size > 0 || !this.isAlive) return;
    this.worker.unref();
    this.timer = setTimeout(() => this.died('idle'), this.options.idleMs).unref();
  }

  private died(reason: string): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    clearTimeout(this.timer);
    clearInterval(this.watchdog);
    this.ended();
    for (const job of this.jobs.values()) job.failed(new LarderError('internal', { reason }));
    this.jobs.clear();
    void this.worker.terminate();
  }
}

type Order = { readonly bytes: Uint8Array } | { readonly isEnd: true } | { readonly isDropped: true };

class Job implements TreeJob {
  isBroken = false;
  private ahead = 0;
  private isFinishing = false;
  private isOver = false;
  private readonly verdict: Promise<TreeVerdict>;
  private resolve!: (verdict: TreeVerdict) => void;
  private reject!: (error: LarderError) => void;
  private roomy: (() => void)[] = [];

  constructor(
    private readonly post: (order: Order, memory: ArrayBuffer[]) => unknown,
    private readonly gone: () => void,
  ) {
    this.verdict = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.verdict.catch(() => undefined);
  }

  write(bytes: Buffer): Promise<void> {
    if (this.isOver) return Promise.resolve();
    // Handed over without a further copy; the pieces of a download are read by others too.
    const copy = new Uint8Array(bytes);
    this.ahead += copy.length;
    this.post({ bytes: copy }, [copy.buffer]);
    return this.ahead < MOST_AHEAD ? Promise.resolve() : new Promise((resolve) => this.roomy.push(resolve));
  }

  finish(): Promise<TreeVerdict> {
    if (!this.isOver && !this.isFinishing) this.post({ isEnd: true }, []);
    this.isFinishing = true;
    return this.verdict;
  }

  /** Whether the thread has something to do for it. */
  get isOwed(): boolean {
    return this.ahead > 0 || this.isFinishing;
  }

  drop(): void {
    if (this.isOver) return;
    this.post({ isDropped: true }, []);
    this.failed(new LarderError('internal', { reason: 'the verdict on an archive is not wanted any more' }));
    this.gone();
  }

  taken(bytes: number): void {
    this.ahead -= bytes;
    if (this.ahead < MOST_AHEAD) this.wake();
  }

  judged(verdict: TreeVerdict): void {
    this.isOver = true;
    this.isBroken = 'broken' in verdict;
    this.resolve(verdict);
    this.wake();
  }

  failed(error: LarderError): void {
    this.isOver = true;
    this.reject(error);
    this.wake();
  }

  private wake(): void {
    for (const resolve of this.roomy.splice(0)) resolve();
  }
}

function reasonOf(error: unknown): string {
  return errorCode(error) === 'ERR_WORKER_OUT_OF_MEMORY' ? 'an archive needs more memory than a thread has' : errorText(error);
}
