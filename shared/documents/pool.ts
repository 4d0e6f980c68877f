/** Runs codecs off the event loop: a queue in order of arrival before a bounded number of worker threads. */
import type { Log } from '../log/types';
import { LarderError } from '../errors';
import { RenderThread } from './render-thread';
import type { DocumentPool, RenderJob, RenderResult } from './types';

export interface DocumentPoolOptions {
  /** Absolute path of the CommonJS file that exports `modules`. */
  readonly modulesPath: string;
  /** Threads at most. */
  readonly workers: number;
  readonly log?: Log;
  /** After how long without a job a thread is ended, so that its memory goes back; 10 s. */
  readonly idleMs?: number;
  /** Longest time a job may take; 30 s. */
  readonly timeoutMs?: number;
  /** JavaScript heap of a thread; buffers are not part of it. */
  readonly heapMb?: number;
}

interface Waiting {
  readonly job: RenderJob;
  readonly resolve: (result: RenderResult) => void;
  readonly reject: (error: unknown) => void;
}

/** No thread is started before the first job. A thread that dies (memory, time) fails the job it had and no other. */
export function createDocumentPool(options: DocumentPoolOptions): DocumentPool {
  const threadOptions = {
    modulesPath: options.modulesPath,
    idleMs: options.idleMs ?? 10_000,
    timeoutMs: options.timeoutMs ?? 30_000,
    heapMb: options.heapMb ?? 512,
  };
  const most = Math.max(1, options.workers);
  const queue: Waiting[] = [];
  const idle: RenderThread[] = [];
  const all = new Set<RenderThread>();
  let isClosed = false;

  const startThread = (): RenderThread => {
    const thread = new RenderThread(threadOptions, () => {
      all.delete(thread);
      const at = idle.indexOf(thread);
      if (at >= 0) idle.splice(at, 1);
    });
    all.add(thread);
    return thread;
  };

  const work = async (thread: RenderThread, { job, resolve, reject }: Waiting): Promise<void> => {
    try {
      resolve(await thread.run(job));
    } catch (error) {
      if (!thread.isAlive) options.log?.warn('render-thread-died', { module: job.module, path: job.path, variant: job.variant ?? '' });
      reject(error);
    }
    if (thread.isAlive && !isClosed) idle.push(thread);
    next();
  };

  const next = (): void => {
    while (queue.length > 0 && (idle.length > 0 || all.size < most)) {
      // The thread used last is the warmest, and lets the others fall idle.
      const thread = idle.pop() ?? startThread();
      void work(thread, queue.shift() as Waiting);
    }
  };

  return {
    render(job) {
      if (isClosed) return Promise.reject(new LarderError('internal', { reason: 'the document pool is closed' }));
      return new Promise((resolve, reject) => {
        queue.push({ job, resolve, reject });
        next();
      });
    },

    async close() {
      isClosed = true;
      for (const { reject } of queue.splice(0)) reject(new LarderError('internal', { reason: 'the document pool was closed' }));
      await Promise.all([...all].map((thread) => thread.stop()));
    },
  };
}
