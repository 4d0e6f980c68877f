/** The main thread's end of the committer: starts the worker with the first job, keeps the process alive only while jobs run. */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Answer, Answers, CommitterData, FromCommitter, Job, Notice, ToCommitter } from './jobs';

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class CommitterClient {
  private worker: Worker | undefined;
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;
  private closed = false;

  /** @param onChanges called before the promise of the job that made them resolves */
  constructor(
    private readonly data: CommitterData,
    private readonly onChanges: (changes: NonNullable<Answer['changes']>) => void,
    private readonly onNotice: (notice: Notice) => void,
  ) {}

  /** Starts the worker (about 60 ms of another core), so that the first job does not wait for it. */
  warm(): void {
    if (this.closed) return;
    try {
      this.start();
    } catch {
      // No thread can be had now: the first job says so.
    }
  }

  /** Rejects with what the job threw, as an Error with the system's `code`; EPIPE if the worker died (the next job starts another). Never throws */
  ask<J extends Job>(job: J): Promise<Answers[J['op']]> {
    if (this.closed) return Promise.reject(Object.assign(new Error('the store is closed'), { code: 'EPIPE' }));
    let worker: Worker;
    try {
      worker = this.start();
    } catch (error) {
      return Promise.reject(error as Error);
    }
    const id = ++this.lastId;
    const promise = new Promise<unknown>((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    if (this.waiting.size === 1) worker.ref();
    worker.postMessage({ id, job } satisfies ToCommitter);
    return promise as Promise<Answers[J['op']]>;
  }

  /** Lets the worker finish what is queued. */
  async close(): Promise<void> {
    this.closed = true;
    const worker = this.worker;
    if (!worker) return;
    worker.ref();
    const gone = new Promise((resolve) => worker.once('exit', resolve));
    worker.postMessage('close' satisfies ToCommitter);
    await gone;
  }

  private start(): Worker {
    if (this.worker) return this.worker;
    const worker = new Worker(join(__dirname, '..', 'committer.js'), { workerData: this.data });
    worker.unref();
    worker.on('message', (message: FromCommitter) => this.receive(message));
    worker.on('error', (error) => this.onNotice({ level: 'error', event: 'committer-died', facts: { reason: String(error) } }));
    worker.on('exit', () => this.gone(worker));
    this.worker = worker;
    return worker;
  }

  private receive(message: FromCommitter): void {
    if ('notice' in message) return this.onNotice(message.notice);
    if (message.changes && message.changes.length > 0) this.onChanges(message.changes);
    const waiting = this.waiting.get(message.id);
    if (!waiting) return;
    this.waiting.delete(message.id);
    if (this.waiting.size === 0) this.worker?.unref();
    if (message.error) waiting.reject(rebuilt(message.error));
    else waiting.resolve(message.value);
  }

  private gone(worker: Worker): void {
    if (this.worker === worker) this.worker = undefined;
    for (const waiting of this.waiting.values()) waiting.reject(rebuilt({ message: 'the committer died', code: 'EPIPE' }));
    this.waiting.clear();
  }
}

function rebuilt({ message, code }: { readonly message: string; readonly code?: string }): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}
