/**
 * gpgv from a thread of its own. Starting a process copies the page tables of this one before it returns: 20 ms with 100 MB of memory, 80 ms with
 * 400 MB, and whoever starts it waits for that. The thread is there only while it is needed.
 */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { errorText } from '../errors';
import { runGpgv, type GpgvAnswer, type GpgvRun } from './gpgv';

/** After how long without a run the thread ends. */
const IDLE_MS = 10_000;
const HEAP_MB = 16;

/** A run as the thread is told of it, and what it says. */
export interface GpgvOrder {
  readonly id: number;
  readonly run: GpgvRun;
}
export interface GpgvReport {
  readonly id: number;
  readonly answer: GpgvAnswer;
}

export class GpgvThread {
  private worker: Worker | undefined;
  private readonly waiting = new Map<number, (answer: GpgvAnswer) => void>();
  private count = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly idleMs = IDLE_MS) {}

  /** Whether there is a thread now. */
  get isThere(): boolean {
    return this.worker !== undefined;
  }

  /** As runGpgv; where no thread can be had, it runs here. Never rejects. */
  run(run: GpgvRun): Promise<GpgvAnswer> {
    clearTimeout(this.timer);
    let worker: Worker;
    try {
      worker = this.worker ??= this.start();
    } catch {
      return runGpgv(run);
    }
    return new Promise((resolve) => {
      const id = ++this.count;
      this.waiting.set(id, resolve);
      worker.ref();
      worker.postMessage({ id, run } satisfies GpgvOrder);
    });
  }

  private start(): Worker {
    const worker = new Worker(join(__dirname, 'gpgv-worker.js'), { resourceLimits: { maxOldGenerationSizeMb: HEAP_MB } });
    worker.on('message', ({ id, answer }: GpgvReport) => this.answered(id, answer));
    worker.on('error', (error) => this.ended(worker, errorText(error)));
    worker.on('exit', () => this.ended(worker, 'the thread that runs it ended'));
    worker.unref();
    return worker;
  }

  private answered(id: number, answer: GpgvAnswer): void {
    this.waiting.get(id)?.(answer);
    this.waiting.delete(id);
    if (this.waiting.size > 0) return;
    this.worker?.unref();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.worker && this.ended(this.worker, 'idle'), this.idleMs).unref();
  }

  private ended(worker: Worker, reason: string): void {
    if (this.worker !== worker) return;
    this.worker = undefined;
    for (const resolve of this.waiting.values()) resolve({ failure: `gpgv cannot be run: ${reason}`, absent: false });
    this.waiting.clear();
    void worker.terminate();
  }
}
