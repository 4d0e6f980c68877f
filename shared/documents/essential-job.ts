/** Judges an announced object by the member of its archive without which it is of no use. Runs in a worker. */
import type { Module } from '../../caches/module';
import { errorText, isLarderError, LarderError } from '../errors';
import { HeldPieces } from './held-pieces';
import { asOurs } from './source';
import { tarMember } from './trees/tar-member';
import { decoded } from './trees/unpack';
import type { EssentialJob } from './types';

/** @throws LarderError document-invalid | integrity | held-unreadable | internal */
export async function runEssentialJob(modules: readonly Module[], job: EssentialJob): Promise<undefined> {
  const route = modules.find(({ name }) => name === job.module)?.routes.find(({ name }) => name === job.route);
  const essential = route?.kind === 'announcement' ? route.essential : undefined;
  if (!essential) throw new LarderError('internal', { reason: `${job.module} has no announcement ${job.route} with something essential` });
  const target = job.announced.target;
  const held = new HeldPieces(target, job.source.file, job.source.integrity);
  try {
    let member: Buffer | undefined;
    try {
      member = await tarMember(decoded({ pieces: piecesOf(held), taken: 0 }), essential.member, job.maxBytes);
    } catch (error) {
      // What cannot be read because its bytes are not those that were stored is damage, not a bad archive.
      held.verify();
      throw isLarderError(error)
        ? error
        : new LarderError('document-invalid', { target, reason: `it cannot be unpacked: ${errorText(error)}` }, error);
    }
    held.verify();
    if (!member)
      throw new LarderError('document-invalid', {
        target,
        reason: `it has no ${essential.name} of ${job.maxBytes} bytes at most`,
      });
    essential.check(member, job.announced);
    return undefined;
  } catch (error) {
    throw asOurs(target, error);
  } finally {
    held.close();
  }
}

async function* piecesOf(held: HeldPieces): AsyncGenerator<Buffer> {
  for (const piece of held) yield await Promise.resolve(piece);
}
