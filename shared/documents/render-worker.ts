/** The worker thread: takes one job at a time, answers it, and hands the buffers over without a copy. Errors travel as plain facts. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Module } from '../../caches/module';
import { errorText, isLarderError, type ErrorCode, type Facts } from '../errors';
import { runRenderJob } from './render-job';
import type { RenderJob, RenderResult } from './types';

/** What the pool gets for a job. */
export type Answer = { readonly result: RenderResult } | { readonly code: ErrorCode; readonly facts: Facts };

function main(): void {
  const port = parentPort;
  if (!port) throw new Error('render-worker runs as a worker thread only');
  const { modulesPath } = workerData as { modulesPath: string };
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- the path is the composition root's to know
  const { modules } = require(modulesPath) as { modules: readonly Module[] };
  port.on('message', (job: RenderJob) => {
    const answer = answerTo(modules, job);
    port.postMessage(answer, 'result' in answer ? buffersOf(answer.result) : []);
  });
}

function answerTo(modules: readonly Module[], job: RenderJob): Answer {
  try {
    const result = runRenderJob(modules, job);
    if (!result.rendered) return { result };
    const { identity, gzip } = result.rendered;
    return { result: { ...result, rendered: { ...result.rendered, identity: whole(identity), ...(gzip ? { gzip: whole(gzip) } : {}) } } };
  } catch (error) {
    if (isLarderError(error)) return { code: error.code, facts: error.facts };
    return { code: 'internal', facts: { reason: errorText(error) } };
  }
}

/** The same bytes in memory of their own: a slice of Node's buffer pool cannot be handed over. */
function whole(buffer: Buffer): Buffer {
  if (buffer.byteOffset === 0 && buffer.byteLength === buffer.buffer.byteLength) return buffer;
  const copy = Buffer.allocUnsafeSlow(buffer.byteLength);
  buffer.copy(copy);
  return copy;
}

function buffersOf({ rendered }: RenderResult): ArrayBuffer[] {
  if (!rendered) return [];
  return [rendered.identity, rendered.gzip].flatMap((buffer) => (buffer && buffer.byteLength > 0 ? [buffer.buffer as ArrayBuffer] : []));
}

main();
