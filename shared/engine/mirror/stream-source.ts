/** A body that is passed through: read once, from its beginning to its end. */
import type { Readable } from 'node:stream';
import type { BodySource } from '../bodies/body-source';

const NOTHING = Buffer.alloc(0);

/** @param size its length, if it says so */
export function streamSource(stream: Readable, size: number | undefined): BodySource {
  let failure: Error | undefined;
  stream.on('error', (error) => (failure = error));
  return {
    size,
    async read() {
      for (;;) {
        const chunk = stream.read() as Buffer | null;
        if (chunk !== null) return chunk;
        if (failure) throw failure;
        if (stream.readableEnded) return NOTHING;
        if (stream.destroyed) throw stream.errored ?? new Error('the body was given up');
        await moved(stream);
      }
    },
    close: () => void stream.destroy(),
  };
}

function moved(stream: Readable): Promise<void> {
  const events = ['readable', 'end', 'error', 'close'] as const;
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of events) stream.off(event, done);
      resolve();
    };
    for (const event of events) stream.on(event, done);
  });
}
