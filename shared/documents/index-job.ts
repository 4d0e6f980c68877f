/** Reads what an index of a roster promises, with memory that does not grow with it. Runs in a worker. */
import type { ListedIndex, Module } from '../../caches/module';
import { errorText, isLarderError, LarderError } from '../errors';
import { PinTableBuilder } from '../integrity/pin-table';
import { decompress } from './decoders/decompress';
import { HeldPieces } from './held-pieces';
import { indexTarget } from './jobs';
import { asOurs } from './source';
import type { IndexJob } from './types';

/** The largest indexes promise some 200,000 files; a table of this many needs 130 MB while it is made. */
const MOST_PROMISES = 1_000_000;

/** @returns the bytes of a pin table @throws LarderError document-invalid | document-too-large | integrity | held-unreadable | internal */
export async function runIndexJob(modules: readonly Module[], job: IndexJob): Promise<Buffer> {
  const index = indexOf(modules, job);
  const target = indexTarget(job);
  const held = new HeldPieces(target, job.source.file, job.source.integrity);
  try {
    const table = new PinTableBuilder();
    try {
      let count = 0;
      const add = (path: string, sha256: Buffer, size: number): void => {
        if (++count > MOST_PROMISES)
          throw new LarderError('document-invalid', { target, reason: `it promises more than ${MOST_PROMISES} files` });
        table.add(path, sha256, size);
      };
      await index.read(decompressed(held, index, target, job.maxBytes), index.root(job.rosterPath), add);
    } catch (error) {
      // What cannot be read because its bytes are not those that were stored is damage, not a bad index.
      held.verify();
      throw asOurs(target, error);
    }
    held.verify();
    return table.finish();
  } finally {
    held.close();
  }
}

async function* decompressed(held: HeldPieces, index: ListedIndex, target: string, maxBytes: number): AsyncGenerator<Buffer> {
  let total = 0;
  try {
    for await (const piece of decompress(held, index.compression)) {
      total += piece.length;
      if (total > maxBytes) throw new LarderError('document-too-large', { target, limit: maxBytes });
      yield piece;
    }
  } catch (error) {
    if (isLarderError(error)) throw error;
    throw new LarderError(
      'document-invalid',
      { target, reason: `its ${index.compression} compression is broken: ${errorText(error)}` },
      error,
    );
  }
}

function indexOf(modules: readonly Module[], { module, route: name, name: listed }: IndexJob): ListedIndex {
  const route = modules.find((candidate) => candidate.name === module)?.routes.find((candidate) => candidate.name === name);
  const index = route?.kind === 'listed' ? route.index?.(listed) : undefined;
  if (!index) throw new LarderError('internal', { reason: `${module} has no listed route ${name} that reads ${listed}` });
  return index;
}
