/** The lists that are shown, as the store has them for every process; in memory as long as nothing can be stored. */
import type { Announced, AnnouncementRoute } from '../../../caches/module';
import { errorText, isLarderError } from '../../errors';
import { digestBuffer } from '../../integrity/digest';
import type { Entry, NewEntry } from '../../store/entry';
import type { HeldBodies } from '../bodies/held-body';
import type { Plan } from '../plan';
import { contentAddress, type EngineRooms } from '../rooms';

/** A list as clients see it. */
export interface ShownList {
  readonly entry: Entry;
  readonly body: Buffer;
  readonly announced: readonly Announced[];
}

export class AnnouncementLists {
  /** By key. */
  private readonly unstored = new Map<string, ShownList>();

  constructor(
    private readonly rooms: EngineRooms,
    private readonly bodies: HeldBodies,
  ) {}

  /** What is shown now, by any process. undefined: nothing is held that can be read. Never rejects. */
  async current(list: Plan): Promise<ShownList | undefined> {
    const entry = await this.rooms.store.find(list.key);
    const kept = this.unstored.get(list.key);
    if (kept && (!entry || entry.checkedAt < kept.entry.checkedAt)) return kept;
    if (!entry) return undefined;
    try {
      const body = await this.bodies.readSmall(entry);
      return { entry, body, announced: (list.route as AnnouncementRoute).read(body) };
    } catch (error) {
      // Damaged bytes are in quarantine now, so that the next look is a fetch.
      if (!isLarderError(error)) this.rooms.log.warn('list-unreadable', { key: list.key, reason: errorText(error) });
      return undefined;
    }
  }

  /** Makes a list the one that is shown, in every process. Never rejects. @param url where the newest of it came from */
  async show(list: Plan, announced: readonly Announced[], url: string): Promise<ShownList> {
    const { store, module, log, now } = this.rooms;
    const route = list.route as AnnouncementRoute;
    const body = route.write(announced);
    const digested = digestBuffer(body, ['sha256']);
    const at = now();
    const entry: NewEntry = {
      module: module.name,
      kind: 'document',
      url,
      contentType: route.contentType,
      integrity: contentAddress(digested),
      size: digested.size,
      chunks: digested.chunks,
      storedAt: at,
      checkedAt: at,
    };
    const trouble = store.notStoring()?.reason;
    const stored =
      trouble === undefined ? await store.commit(list.key, entry, { buffer: body }).catch((error: unknown) => errorText(error)) : trouble;
    const shown = typeof stored === 'string' ? { ...entry, v: 1 as const, key: list.key } : stored;
    if (typeof stored === 'string') log.warn('not-storing', { key: list.key, reason: stored });
    return this.keep({ entry: shown, body, announced }, typeof stored === 'string');
  }

  /** It is still what the servers say. Never rejects. */
  async confirm(list: Plan, { entry, body, announced }: ShownList): Promise<ShownList> {
    const { store, log, now } = this.rooms;
    // What could not be stored may be stored now: else nothing of it would be there after the end of this process.
    if (this.unstored.has(entry.key)) return this.show(list, announced, entry.url);
    const patch = { checkedAt: now() };
    const amended = await store
      .amend(entry.key, entry.integrity, patch)
      .catch((error: unknown) => void log.warn('not-storing', { key: entry.key, reason: errorText(error) }));
    return this.keep({ entry: amended ?? { ...entry, ...patch }, body, announced }, !amended);
  }

  private keep(shown: ShownList, isUnstored: boolean): ShownList {
    if (isUnstored) this.unstored.set(shown.entry.key, shown);
    else this.unstored.delete(shown.entry.key);
    return shown;
  }
}
