/** Requests that are passed on, and whose way a document tells. */
import type { Said } from '../../caches/module';
import { isLarderError, LarderError } from '../errors';
import type { DocumentDesk } from './documents/document-desk';
import { planTarget, type Plan } from './plan';
import type { EngineRooms } from './rooms';

/** A request that goes to the upstream as it is, for http/passthrough. */
export interface PassOn {
  readonly pass: 'route' | 'authorization' | 'write';
  readonly plan: Plan;
  /** The way leads to another host than the credentials are for: they stay here. */
  readonly anonymous?: true;
}

/**
 * The way to what a document says, which is held or fetched. Credentials stay here: they are for the upstream, not for whom it names.
 * @throws LarderError not-found if the document says nothing of it, or does not exist; the upstream's if it cannot be had
 */
export async function whereSaid(rooms: EngineRooms, desk: DocumentDesk, plan: Plan, said: Said): Promise<PassOn> {
  const document = planTarget(rooms.module, rooms.cache, plan.origin, 'GET', said.document);
  let pin = await desk.recalled(document, said.target);
  if (!pin) {
    await desk.confirmed(document).catch((error: unknown) => {
      throw isLarderError(error) && error.code === 'upstream-not-found'
        ? new LarderError('not-found', { target: plan.path }, error)
        : error;
    });
    pin = await desk.recalled(document, said.target);
  }
  if (pin?.source === undefined) throw new LarderError('not-found', { target: plan.path });
  return { pass: 'route', ...elsewhere(plan, said.address(pin.source)) };
}

/** A plan that leads to another address than its own. */
export function elsewhere(plan: Plan, url: string): Pick<PassOn, 'plan' | 'anonymous'> {
  const isSameHost = URL.canParse(url) && new URL(url).origin === new URL(plan.origin.bases[0] ?? '').origin;
  return { plan: { ...plan, path: url }, ...(isSameHost ? {} : { anonymous: true }) };
}
