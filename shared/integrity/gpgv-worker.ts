/** The worker thread: runs gpgv as it is told, several at a time. */
import { parentPort } from 'node:worker_threads';
import { runGpgv, type GpgvRun } from './gpgv';
import type { GpgvOrder, GpgvReport } from './gpgv-thread';

parentPort?.on('message', ({ id, run }: GpgvOrder) => {
  void runGpgv(withBuffers(run)).then((answer) => parentPort?.postMessage({ id, answer } satisfies GpgvReport));
});

/** What came as bare byte arrays, as Buffers over the same memory. */
function withBuffers(run: GpgvRun): GpgvRun {
  const { keys, signature, data } = run;
  return { ...run, keys: { ...keys, packets: asBuffer(keys.packets) }, signature: asBuffer(signature), data: asBuffer(data) };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
