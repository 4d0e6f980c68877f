/** What becomes of a file that was stored while nothing promised a digest of it. */
import type { ImmutableRoute } from '../../../caches/module';
import { errorText } from '../../errors';
import { digestFile } from '../../integrity/digest';
import { sriAgrees, strongestAlgorithm } from '../../integrity/sri';
import type { Entry } from '../../store/entry';
import type { PinSource } from './pin-source';
import type { Plan } from '../plan';
import type { EngineRooms } from '../rooms';

/** Looks for its promise once more; where there is none, and the route wants it, its own digest counts from now on. @returns undefined if it was wrong */
export async function settlePin(rooms: EngineRooms, plan: Plan, pins: PinSource, stored: Entry): Promise<Entry | undefined> {
  const kept = await catchUp(rooms, plan, pins, stored);
  return kept && kept.pin === undefined && (plan.route as ImmutableRoute).firstSeen ? remember(rooms, kept) : kept;
}

/** A promise that was learnt between our look and the commit was compared with nothing: it is now. */
async function catchUp({ store, log }: EngineRooms, plan: Plan, pins: PinSource, stored: Entry): Promise<Entry | undefined> {
  const pin = (await pins.learnt())?.integrity;
  const algorithm = pin === undefined ? undefined : strongestAlgorithm(pin);
  if (pin === undefined || algorithm === undefined) return stored;
  const agrees =
    sriAgrees(pin, stored.integrity) ?? sriAgrees(pin, (await digestFile(store.contentPath(stored.integrity), [algorithm])).digests);
  if (agrees === true) return store.amend(stored.key, stored.integrity, { pin });
  log.error('integrity', { target: plan.path, expected: pin, got: stored.integrity, key: stored.key });
  await store.remove([stored.key]);
  return undefined;
}

async function remember({ store, log }: EngineRooms, stored: Entry): Promise<Entry | undefined> {
  const { key, integrity } = stored;
  try {
    await store.setFirstSeen(key, integrity);
    return (await store.amend(key, integrity, { pin: integrity })) ?? stored;
  } catch (error) {
    log.warn('ledger-unwritable', { key, reason: errorText(error) });
    return stored;
  }
}
