/**
 * One look at the servers, and what becomes of the list: a newer revision of a subject is shown when its object is held and verified; else
 * the next newest, else what is shown already. Newer is what was first seen later, whoever lists it.
 */
import type { Announced, AnnouncementRoute } from '../../../caches/module';
import type { Origin } from '../../config/config';
import { errorText, isLarderError, LarderError } from '../../errors';
import type { AnnouncementLists, ShownList } from './announcement-lists';
import { noteListed, type AnnouncementMemory, type History, type SeenRevision } from './announcement-memory';
import { askServers, worstWord, type ListOrigin, type Word } from './announcement-poll';
import type { AnnouncementWatch } from './announcement-watch';
import { isAbsence } from '../files/file-places';
import { keyPrefix, type Plan } from '../plan';
import type { EngineRooms } from '../rooms';

/** Revisions of a subject that stay: the one that is shown, and those before it. */
const REVISIONS_KEPT = 4;
/** After this long a revision that nobody lists any more was taken back, and an older one that all list is the newest. */
const TAKEN_BACK_MS = 24 * 3600_000;

export interface RenewalOfLists {
  readonly rooms: EngineRooms;
  readonly lists: AnnouncementLists;
  readonly memory: AnnouncementMemory;
  readonly watch: AnnouncementWatch;
  /** Sees to it that an object is held and good. @throws LarderError */
  readonly hold: (origin: Origin, announced: Announced, list: Plan) => Promise<void>;
  /** How many servers of an origin have an object. Never rejects. */
  readonly spread: (origin: Origin, announced: Announced) => Promise<number>;
  /** Where the subjects of a list are announced. */
  readonly origins: (list: Plan) => readonly ListOrigin[];
}

export interface RenewedList {
  readonly shown: ShownList;
  readonly outcome: 'miss' | 'revalidated';
}

/** What is to be shown of one subject. */
interface Chosen {
  readonly announced?: Announced;
  /** What cannot be had, and why. */
  readonly inVain: ReadonlyArray<{ readonly target: string; readonly error: LarderError }>;
}

/** @throws LarderError if nobody has the list, or nothing that it names can be had and nothing is shown yet */
export async function renewList(about: RenewalOfLists, list: Plan): Promise<RenewedList> {
  const { rooms, lists, watch } = about;
  const words = await askServers(rooms, list, about.origins(list));
  const held = await lists.current(list);
  tellWho(about, list, words, held);
  if (!words.some((word) => 'listed' in word)) throw worstWord(list, words);
  refuseForeign(list, words);
  await about.memory.keep(list, undefined, [list.key]);
  const subjects = subjectsOf(about.origins(list), words, held);
  const chosen = await Promise.all(subjects.map((subject) => choose(about, list, subject, words, held)));
  const inVain = [...chosen.flatMap((one) => one.inVain), ...missing(about.origins(list), list, subjects)];
  for (const { target, error } of inVain) watch.cannotBeHad(list, target, errorText(error));
  watch.onlyInVain(list, new Set(inVain.map(({ target }) => target)));
  const announced = chosen.flatMap((one) => one.announced ?? []);
  const [first] = inVain;
  if (announced.length === 0 && first) throw first.error;
  return showAll(about, list, held, announced, words);
}

/**
 * Other upstreams take the place of a list of theirs for one that they do not have (`otherwise`); but if the list's own does not have it, there
 * is none. @throws LarderError upstream-not-found
 */
function refuseForeign(list: Plan, words: readonly Word[]): void {
  const own = words.filter(({ origin }) => origin === list.origin);
  const isForeign = (list.route as AnnouncementRoute).otherwise !== undefined && own.length > 0;
  if (isForeign && own.every((word) => 'error' in word && isAbsence(word.error))) throw worstWord(list, own);
}

async function showAll(
  about: RenewalOfLists,
  list: Plan,
  held: ShownList | undefined,
  announced: readonly Announced[],
  words: readonly Word[],
): Promise<RenewedList> {
  const { lists, watch, rooms } = about;
  // Another process may have shown something newer while objects were fetched.
  const current = await lists.current(list);
  const merged = current && current.entry.integrity !== held?.entry.integrity ? await newest(about, list, announced, current) : announced;
  if (current && isSame(current.announced, merged)) return { shown: await lists.confirm(list, current), outcome: 'revalidated' };
  const url = words.find((word) => 'listed' in word)?.url ?? '';
  const shown = await lists.show(list, merged, url);
  watch.news++;
  for (const { subject, target } of merged) {
    if (!current?.announced.some((one) => one.target === target)) rooms.log.info('announced', { list: list.path, subject, target });
  }
  return { shown, outcome: 'miss' };
}

/** Of each subject the newer one of two lists. */
async function newest(about: RenewalOfLists, list: Plan, mine: readonly Announced[], theirs: ShownList): Promise<readonly Announced[]> {
  const bySubject = new Map(mine.map((one) => [one.subject, one]));
  for (const other of theirs.announced) {
    const own = bySubject.get(other.subject);
    const history = await about.memory.of(list, other.subject);
    if (!own || rank(history, other.target) > rank(history, own.target)) bySubject.set(other.subject, other);
  }
  return [...bySubject.values()];
}

async function choose(
  about: RenewalOfLists,
  list: Plan,
  subject: string,
  words: readonly Word[],
  held: ShownList | undefined,
): Promise<Chosen> {
  const { rooms, memory } = about;
  const shown = held?.announced.find((one) => one.subject === subject);
  const listing = words.flatMap((word) => {
    const found = 'listed' in word && word.listed.find((one) => one.subject === subject);
    return found ? [{ target: found.target, origin: word.origin }] : [];
  });
  const origin = listing[0]?.origin ?? originOf(about, list, subject);
  const history = await memory.of(list, subject);
  // The ledger may be younger than the store.
  if (shown && rank(history, shown.target) < 0) history.unshift({ target: shown.target, firstAt: 0, listedAt: rooms.now(), shown: true });
  let isNews = noteListed(history, await byAge(about, origin, subject, history, listing), rooms.now());
  isNews = takeBack(about, list, words, listing, history, shown) || isNews;
  if (isNews) await memory.write(list, subject, history);
  const inVain: { target: string; error: LarderError }[] = [];
  for (const target of candidates(history, listing, shown)) {
    const announced = { subject, target };
    try {
      await keepRevisions(about, list, origin, subject, history, target);
      await about.hold(origin, announced, list);
      const entry = history.find((one) => one.target === target);
      if (entry && !entry.shown) {
        entry.shown = true;
        await memory.write(list, subject, history);
      }
      await keepRevisions(about, list, origin, subject, history);
      return { announced, inVain };
    } catch (error) {
      inVain.push({ target, error: isLarderError(error) ? error : new LarderError('internal', { reason: errorText(error) }, error) });
    }
  }
  await keepRevisions(about, list, origin, subject, history);
  return { ...(shown ? { announced: shown } : {}), inVain };
}

/** What is listed now, oldest first as far as that is known; of several new ones the one that fewest servers have is the newest. */
async function byAge(
  { spread }: RenewalOfLists,
  origin: Origin,
  subject: string,
  history: History,
  listing: ReadonlyArray<{ readonly target: string }>,
): Promise<string[]> {
  const targets = [...new Set(listing.map(({ target }) => target))];
  const fresh = targets.filter((target) => rank(history, target) < 0);
  if (fresh.length < 2) return targets;
  const counted = await Promise.all(fresh.map(async (target) => ({ target, count: await spread(origin, { subject, target }) })));
  // The list of the server that is named first counts as the newer one of two that are equal.
  return counted
    .reverse()
    .toSorted((a, b) => b.count - a.count)
    .map(({ target }) => target);
}

/** Newest first, of what is listed now and newer than what is shown. */
function candidates(history: History, listing: ReadonlyArray<{ readonly target: string }>, shown: Announced | undefined): string[] {
  const least = shown ? rank(history, shown.target) : -1;
  const newer = history.filter(({ target }, index) => index > least && listing.some((one) => one.target === target));
  return newer.map(({ target }) => target).reverse();
}

/** A revision that nobody has listed for a day, while all list the same other one, was taken back: that one is the newest again. */
function takeBack(
  { rooms }: RenewalOfLists,
  list: Plan,
  words: readonly Word[],
  listing: ReadonlyArray<{ readonly target: string; readonly origin: Origin }>,
  history: SeenRevision[],
  shown: Announced | undefined,
): boolean {
  const [first] = listing;
  if (!shown || !first || listing.some(({ target }) => target !== first.target) || first.target === shown.target) return false;
  const servers = words.filter((word) => word.origin === first.origin);
  const at = rank(history, first.target);
  const listedAt = history.find(({ target }) => target === shown.target)?.listedAt ?? Infinity;
  if (at > rank(history, shown.target) || servers.length > listing.length || rooms.now() - listedAt < TAKEN_BACK_MS) return false;
  rooms.log.warn('announcement-taken-back', { list: list.path, target: shown.target, instead: first.target });
  history.push(...history.splice(at, 1));
  return true;
}

/** The newest revisions of a subject that were shown are not evicted, nor is one on its way: it is stored before it is shown. */
async function keepRevisions(
  { memory, rooms }: RenewalOfLists,
  list: Plan,
  origin: Origin,
  subject: string,
  history: History,
  coming?: string,
): Promise<void> {
  const shown = history.filter((one) => one.shown).slice(-REVISIONS_KEPT);
  const targets = [...new Set([...shown.map(({ target }) => target), ...(coming === undefined ? [] : [coming])])];
  const start = keyPrefix(rooms.module.name, origin.name);
  await memory.keep(
    list,
    subject,
    targets.map((target) => start + target),
  );
}

/** Tells the watch of which origins nobody could say anything, and the log which single servers failed. */
function tellWho({ rooms, watch, origins }: RenewalOfLists, list: Plan, words: readonly Word[], held: ShownList | undefined): void {
  for (const { origin } of origins(list)) {
    const own = words.filter((word) => word.origin === origin);
    const [failed] = own.flatMap((word) => ('error' in word ? [word.error] : []));
    if (own.some((word) => 'listed' in word)) watch.renewed(list, origin.name);
    else if (failed && held) watch.failed(list, origin.name, errorText(failed), held.entry.checkedAt);
  }
  for (const word of words) {
    if ('error' in word) rooms.log.debug('list-server-failed', { list: list.path, base: word.base, reason: errorText(word.error) });
  }
}

/** What the operator wants to see and nobody lists. */
function missing(origins: readonly ListOrigin[], list: Plan, subjects: readonly string[]): Chosen['inVain'] {
  const wanted = origins.flatMap((one) => [...(one.subjects ?? [])]).filter((subject) => !subjects.includes(subject));
  return wanted.map((target) => ({ target, error: new LarderError('upstream-not-found', { target: `${target} in ${list.path}` }) }));
}

function subjectsOf(origins: readonly ListOrigin[], words: readonly Word[], held: ShownList | undefined): string[] {
  const isWanted = (subject: string): boolean => origins.some(({ subjects }) => subjects?.has(subject) ?? true);
  const listed = words.flatMap((word) => ('listed' in word ? word.listed : []));
  return [...new Set([...listed, ...(held?.announced ?? [])].map(({ subject }) => subject))].filter(isWanted);
}

function originOf(about: RenewalOfLists, list: Plan, subject: string): Origin {
  return about.origins(list).find(({ subjects }) => subjects?.has(subject))?.origin ?? list.origin;
}

function rank(history: History, target: string): number {
  return history.findIndex((one) => one.target === target);
}

function isSame(one: readonly Announced[], other: readonly Announced[]): boolean {
  return one.length === other.length && one.every(({ target }) => other.some((each) => each.target === target));
}
