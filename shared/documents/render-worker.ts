/** The worker thread: takes one job at a time, answers it, and hands the buffers over without a copy. Errors travel as plain facts. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Module } from '../../caches/module';
import { errorText, isLarderError } from '../errors';
import { runEssentialJob } from './essential-job';
import { runIndexJob } from './index-job';
import type { Answer, Job } from './jobs';
import { runPageJob } from './page-job';
import { runRenderJob } from './render-job';
import { runRosterJob } from './roster-job';
import type { RenderResult } from './types';

/** An answer, and the memory that is handed over with it. */
type Sent = readonly [Answer, ArrayBuffer[]];

function main(): void {
  const port = parentPort;
  if (!port) throw new Error('render-worker runs as a worker thread only');
  const { modulesPath } = workerData as { modulesPath: string };
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- the path is the composition root's to know
  const { modules } = require(modulesPath) as { modules: readonly Module[] };
  port.on('message', (job: Job) => {
    void answerTo(modules, job).then(([answer, memory]) => port.postMessage(answer, memory));
  });
}

async function answerTo(modules: readonly Module[], work: Job): Promise<Sent> {
  try {
    switch (work.kind) {
      case 'render':
        return rendered(runRenderJob(modules, work.job));
      case 'page':
        return [{ result: runPageJob(modules, work.job) }, []];
      case 'roster':
        return [{ result: runRosterJob(modules, work.job) }, []];
      case 'essential':
        return [{ result: await runEssentialJob(modules, work.job) }, []];
      case 'index':
        return [{ result: inSharedMemory(await runIndexJob(modules, work.job)) }, []];
    }
  } catch (error) {
    if (isLarderError(error)) return [{ code: error.code, facts: error.facts }, []];
    return [{ code: 'internal', facts: { reason: errorText(error) } }, []];
  }
}

function rendered(result: RenderResult): Sent {
  if (!result.rendered) return [{ result }, []];
  const identity = whole(result.rendered.identity);
  const gzip = result.rendered.gzip && whole(result.rendered.gzip);
  const memory = memoryOf(gzip ? [identity, gzip] : [identity]);
  return [{ result: { ...result, rendered: { ...result.rendered, identity, ...(gzip ? { gzip } : {}) } } }, memory];
}

/** The same bytes in memory of their own: a slice of Node's buffer pool cannot be handed over. */
function whole(buffer: Buffer): Buffer {
  if (buffer.byteOffset === 0 && buffer.byteLength === buffer.buffer.byteLength) return buffer;
  const copy = Buffer.allocUnsafeSlow(buffer.byteLength);
  buffer.copy(copy);
  return copy;
}

/** The same bytes where every thread can read them: they go on to the committer, and are searched meanwhile. */
function inSharedMemory(buffer: Buffer): Buffer {
  const copy = Buffer.from(new SharedArrayBuffer(buffer.byteLength));
  buffer.copy(copy);
  return copy;
}

function memoryOf(buffers: readonly Buffer[]): ArrayBuffer[] {
  return buffers.filter((buffer) => buffer.byteLength > 0).map((buffer) => buffer.buffer as ArrayBuffer);
}

main();
