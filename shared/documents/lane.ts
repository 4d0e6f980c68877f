/** A queue in order of arrival before a bounded number of worker threads. */
import type { Log } from '../log/types';
import { errorText, LarderError } from '../errors';
import { targetOf, type Job, type JobKind, type JobOf, type ResultOf } from './jobs';
import { RenderThread, type RenderThreadOptions } from './render-thread';

interface Waiting {
  readonly job: Job;
  readonly resolve: (result: ResultOf<JobKind>) => void;
  readonly reject: (error: unknown) => void;
}

/** No thread is started before the first job. A thread that dies (memory, time) fails the job it had and no other. */
export class Lane {
  private readonly queue: Waiting[] = [];
  private readonly idle: RenderThread[] = [];
  private readonly all = new Set<RenderThread>();
  private isClosed = false;

  /** @param most threads at once */
  constructor(
    private readonly most: number,
    private readonly options: RenderThreadOptions,
    private readonly log: Log | undefined,
  ) {}

  /** @throws LarderError as the methods of DocumentPool */
  run<K extends JobKind>(kind: K, job: JobOf<K>): Promise<ResultOf<K>> {
    if (this.isClosed) return Promise.reject(new LarderError('internal', { reason: 'the document pool is closed' }));
    return new Promise((resolve, reject) => {
      // A worker answers with a result of the job's kind.
      this.queue.push({ job: { kind, job } as Job, resolve: resolve as Waiting['resolve'], reject });
      this.next();
    });
  }

  async close(): Promise<void> {
    this.isClosed = true;
    for (const { reject } of this.queue.splice(0)) reject(new LarderError('internal', { reason: 'the document pool was closed' }));
    await Promise.all([...this.all].map((thread) => thread.stop()));
  }

  private next(): void {
    while (this.queue.length > 0 && (this.idle.length > 0 || this.all.size < this.most)) {
      const waiting = this.queue.shift() as Waiting;
      let thread: RenderThread;
      try {
        // The thread used last is the warmest, and lets the others fall idle.
        thread = this.idle.pop() ?? this.startThread();
      } catch (error) {
        // Where no thread can be had, this job fails, and not those that were asked for with it.
        waiting.reject(new LarderError('internal', { reason: `no thread can be had: ${errorText(error)}` }, error));
        continue;
      }
      void this.work(thread, waiting);
    }
  }

  private async work(thread: RenderThread, { job, resolve, reject }: Waiting): Promise<void> {
    try {
      resolve(await thread.run(job));
    } catch (error) {
      if (!thread.isAlive) this.log?.warn('render-thread-died', { module: job.job.module, path: targetOf(job), kind: job.kind });
      reject(error);
    }
    if (thread.isAlive && !this.isClosed) this.idle.push(thread);
    this.next();
  }

  private startThread(): RenderThread {
    const thread = new RenderThread(this.options, () => {
      this.all.delete(thread);
      const at = this.idle.indexOf(thread);
      if (at >= 0) this.idle.splice(at, 1);
    });
    this.all.add(thread);
    return thread;
  }
}
