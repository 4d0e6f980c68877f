/** Runs what modules say about documents, rosters and indexes off the event loop. */
import type { Log } from '../log/types';
import { Lane } from './lane';
import { TreeThreads } from './trees/tree-threads';
import type { DocumentPool } from './types';

export interface DocumentPoolOptions {
  /** Absolute path of the CommonJS file that exports `modules`. */
  readonly modulesPath: string;
  /** Threads at most, besides the one for indexes. */
  readonly workers: number;
  readonly log?: Log;
  /** After how long without a job a thread is ended, so that its memory goes back; 10 s. */
  readonly idleMs?: number;
  /** Longest time a document or roster may take; 30 s. */
  readonly timeoutMs?: number;
  /** Longest time an index may take; 120 s. */
  readonly indexTimeoutMs?: number;
  /** JavaScript heap of a thread; buffers are not part of it; 512. */
  readonly heapMb?: number;
  /** The same of the thread for indexes, which holds pieces only; 96. */
  readonly indexHeapMb?: number;
}

/**
 * Indexes have a thread of their own, one at a time: reading one takes seconds, and with WORKERS=1 every client would wait for
 * it that long. A second one waits, since two at once would need twice the memory.
 */
export function createDocumentPool(options: DocumentPoolOptions): DocumentPool {
  const { modulesPath, log } = options;
  const idleMs = options.idleMs ?? 10_000;
  const documents = new Lane(
    Math.max(1, options.workers),
    { modulesPath, idleMs, timeoutMs: options.timeoutMs ?? 30_000, heapMb: options.heapMb ?? 512 },
    log,
  );
  const indexes = new Lane(
    1,
    { modulesPath, idleMs, timeoutMs: options.indexTimeoutMs ?? 120_000, heapMb: options.indexHeapMb ?? 96 },
    log,
  );
  const trees = new TreeThreads({ most: Math.max(1, options.workers), idleMs });
  return {
    openTree: () => trees.open(),
    render: (job) => documents.run('render', job),
    readPage: (job) => documents.run('page', job),
    readRoster: (job) => documents.run('roster', job),
    checkEssential: (job) => indexes.run('essential', job),
    readIndex: (job) => indexes.run('index', job),
    async close() {
      await Promise.all([documents.close(), indexes.close(), trees.close()]);
    },
  };
}
