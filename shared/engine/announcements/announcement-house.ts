/** The rooms that deal with announcements, put together; and where an announced object is, when several upstreams announce. */
import type { Announced, AnnouncementRoute } from '../../../caches/module';
import type { Origin } from '../../config/config';
import { isLarderError, LarderError } from '../../errors';
import type { Entry } from '../../store/entry';
import { AnnouncementDesk } from './announcement-desk';
import { AnnouncementLists } from './announcement-lists';
import { AnnouncementMemory } from './announcement-memory';
import type { ListOrigin } from './announcement-poll';
import { AnnouncementWatch } from './announcement-watch';
import type { FileDesk } from '../files/file-desk';
import { isAbsence } from '../files/file-places';
import type { HeldBodies } from '../bodies/held-body';
import type { NegativeCache } from '../negative';
import { planEncoding, planTarget, type Plan } from '../plan';
import { askRange } from '../bodies/range-pass';
import type { EngineRooms } from '../rooms';

export interface AnnouncementHouse {
  readonly desk: AnnouncementDesk;
  readonly watch: AnnouncementWatch;
  /**
   * Does something with a file at the upstream that has it: of the default one and those whose subjects are shown beside its own, the one of
   * which it is held, else the first that can give it. @throws LarderError of the first upstream that does not just lack it
   */
  whereItIs<T>(file: Plan, work: (there: Plan) => Promise<T>): Promise<T>;
}

/** Opens no file and asks nobody yet. @param negative remembers what does not exist */
export function openAnnouncementHouse(rooms: EngineRooms, files: FileDesk, bodies: HeldBodies, negative: NegativeCache): AnnouncementHouse {
  /** Objects that were held and are of no use; few, since a list names few. */
  const useless = new Map<string, LarderError>();
  const watch = new AnnouncementWatch(rooms.log, rooms.now);
  const objectPlan = (origin: Origin, { target }: Announced): Plan => planTarget(rooms.module, rooms.cache, origin, 'GET', target);
  const about = {
    rooms,
    watch,
    lists: new AnnouncementLists(rooms, bodies),
    memory: new AnnouncementMemory(rooms),
    origins: (list: Plan) => originsOf(rooms, list),
    spread: (origin: Origin, announced: Announced) => spread(rooms, objectPlan(origin, announced)),
    hold: async (origin: Origin, announced: Announced, list: Plan): Promise<void> => {
      // Nothing can be held now: the object is fetched, and verified, when it is asked for.
      if (rooms.store.notStoring()) return;
      const object = objectPlan(origin, announced);
      const known = useless.get(object.key);
      if (known) throw known;
      for (let attempt = 1; ; attempt++) {
        // That it only could not be stored is no reason not to show it.
        const entry = await files.verified(object);
        if (!entry) return;
        try {
          return await checkEssential(rooms, list, announced, entry);
        } catch (error) {
          if (!isLarderError(error)) throw error;
          if (error.code === 'document-invalid') useless.set(object.key, error);
          if (attempt > 1 || (error.code !== 'integrity' && error.code !== 'held-unreadable')) throw error;
          // What was held is damaged, or gone: it is fetched anew.
          await bodies.unread(entry, error).catch(() => undefined);
        }
      }
    },
  };
  const others = (rooms.cache.registries ?? []).map(({ origin }) => origin);
  return {
    watch,
    desk: new AnnouncementDesk(about, negative),
    whereItIs: async (file, work) => {
      const [first] = rooms.cache.origins;
      const more = file.origin === first ? rooms.cache.origins.slice(1).filter(({ name }) => others.includes(name)) : [];
      if (more.length === 0) return work(file);
      const there = (origin: Origin): Plan =>
        planEncoding(planTarget(rooms.module, rooms.cache, origin, 'GET', file.path), (coding) => coding === file.encoded?.as.coding);
      const plans = [file, ...more.map(there)];
      for (const plan of plans) {
        const isHeld = (await rooms.store.find(plan.key)) ?? (plan.encoded && (await rooms.store.find(plan.encoded.usual.key)));
        if (isHeld) return work(plan);
      }
      let worst: LarderError | undefined;
      for (const plan of plans) {
        try {
          return await work(plan);
        } catch (error) {
          if (!isLarderError(error)) throw error;
          if (worst === undefined || (isAbsence(worst) && !isAbsence(error))) worst = error;
        }
      }
      throw worst ?? new LarderError('upstream-not-found', { target: file.path });
    },
  };
}

/** @throws LarderError document-invalid: clients can make nothing of it; integrity | held-unreadable: what is held is damaged, or gone */
async function checkEssential({ pool, store, config, module }: EngineRooms, list: Plan, announced: Announced, entry: Entry): Promise<void> {
  if (!(list.route as AnnouncementRoute).essential) return;
  const source = { file: store.contentPath(entry.integrity), integrity: entry.integrity };
  await pool.checkEssential({ module: module.name, route: list.route.name, announced, source, maxBytes: config.maxDocumentBytes });
}

/** Where the subjects of a list are announced: as the operator says for the default upstream, else at the list's own. */
function originsOf({ cache }: EngineRooms, list: Plan): readonly ListOrigin[] {
  const { registries, origins } = cache;
  if (!registries || list.origin !== origins[0]) return [{ origin: list.origin }];
  return origins.flatMap((origin) => {
    const subjects = new Set(registries.filter((one) => one.origin === origin.name).map(({ subject }) => subject));
    return subjects.size > 0 ? [{ origin, subjects }] : [];
  });
}

/** How many of an origin's servers have an object, by its first byte. Never rejects. */
async function spread(rooms: EngineRooms, object: Plan): Promise<number> {
  const { bases } = object.origin;
  const answers = await Promise.all(
    bases.map(async (base) => {
      const skip = new Set(bases.filter((other) => other !== base));
      const response = await askRange(rooms, object, object.path, 'bytes=0-0', skip).catch(() => undefined);
      response?.body.destroy();
      return response?.status === 200 || response?.status === 206;
    }),
  );
  return answers.filter(Boolean).length;
}
