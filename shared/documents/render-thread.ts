/** One worker thread and the job it has. */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { errorCode, errorText, LarderError } from '../errors';
import { targetOf, type Answer, type Job, type JobKind, type ResultOf } from './jobs';
import { asBuffer } from './source';

export interface RenderThreadOptions {
  readonly modulesPath: string;
  readonly idleMs: number;
  readonly timeoutMs: number;
  readonly heapMb: number;
}

type Result = ResultOf<JobKind>;

interface Running {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: LarderError) => void;
}

/** While it has no job it keeps no process alive, and ends itself after `idleMs`. */
export class RenderThread {
  isAlive = true;
  private readonly worker: Worker;
  private running: Running | undefined;
  private timer: NodeJS.Timeout | undefined;

  /** @param ended called once, as soon as no further job can be given to it */
  constructor(
    private readonly options: RenderThreadOptions,
    private readonly ended: () => void,
  ) {
    this.worker = new Worker(join(__dirname, 'render-worker.js'), {
      workerData: { modulesPath: options.modulesPath },
      resourceLimits: { maxOldGenerationSizeMb: options.heapMb },
    });
    this.worker.on('message', (answer: Answer) => this.answered(answer));
    this.worker.on('messageerror', (error) => this.died(errorText(error)));
    this.worker.on('error', (error) => this.died(reasonOf(error)));
    this.worker.on('exit', () => this.died('the render thread ended'));
    this.worker.unref();
  }

  /** Only one job at a time. @returns a result of the job's kind @throws LarderError as the methods of DocumentPool */
  run(job: Job): Promise<Result> {
    clearTimeout(this.timer);
    return new Promise((resolve, reject) => {
      this.running = { resolve, reject };
      this.worker.ref();
      const { timeoutMs } = this.options;
      this.timer = setTimeout(() => this.died(`${targetOf(job)} was not read within ${timeoutMs} ms`), timeoutMs);
      this.worker.postMessage(job);
    });
  }

  async stop(): Promise<void> {
    this.died('the document pool was closed');
    await this.worker.terminate();
  }

  private answered(answer: Answer): void {
    const { running } = this;
    if (!running) return;
    this.running = undefined;
    clearTimeout(this.timer);
    this.worker.unref();
    this.timer = setTimeout(() => this.died('idle'), this.options.idleMs).unref();
    if ('result' in answer) running.resolve(withBuffers(answer.result));
    else running.reject(new LarderError(answer.code, answer.facts));
  }

  private died(reason: string): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    clearTimeout(this.timer);
    this.ended();
    const { running } = this;
    this.running = undefined;
    running?.reject(new LarderError('internal', { reason }));
    void this.worker.terminate();
  }
}

/** What came through postMessage as bare byte arrays, as Buffers over the same memory. */
function withBuffers(result: Result): Result {
  if (result === undefined || ArrayBuffer.isView(result)) return result && asBuffer(result as Uint8Array);
  if ('rows' in result) return { ...result, rows: asBuffer(result.rows) };
  if (!('rendered' in result) || !result.rendered) return result;
  const { identity, gzip, ...rest } = result.rendered;
  return { ...result, rendered: { ...rest, identity: asBuffer(identity), ...(gzip ? { gzip: asBuffer(gzip) } : {}) } };
}

function reasonOf(error: unknown): string {
  return errorCode(error) === 'ERR_WORKER_OUT_OF_MEMORY' ? 'the document needs more memory than a render thread has' : errorText(error);
}
