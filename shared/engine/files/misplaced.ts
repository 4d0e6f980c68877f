/**
 * A file that is asked of the default registry although it belongs to a named one: npm 11.3 drops the path of a registry's URL when it
 * builds a tarball's address from a lockfile (`/corp/a/-/a-1.0.0.tgz` is asked as `/a/-/a-1.0.0.tgz`).
 */
import type { DocumentDesk } from '../documents/document-desk';
import { planPinningDocument, planTarget, type Plan } from '../plan';
import type { EngineRooms } from '../rooms';

/**
 * The plan of the same file at a named registry, if a document of it that was learnt here promises exactly that file. Only for what the
 * default registry says it does not have (404): an answer of the default one always comes first, so that no name can be taken over.
 * Asks nobody. Never rejects.
 */
export async function misplaced(rooms: EngineRooms, documents: DocumentDesk, plan: Plan): Promise<Plan | undefined> {
  const { module, cache } = rooms;
  const [first, ...named] = cache.origins;
  if (plan.route.kind !== 'immutable' || plan.origin !== first) return undefined;
  for (const origin of named) {
    if (origin.bases.length === 0) continue;
    const there = planTarget(module, cache, origin, 'GET', plan.path);
    const document = planPinningDocument(module, cache, there);
    if (document && (await documents.pin(document, there.path))?.integrity !== undefined) return there;
  }
  return undefined;
}
