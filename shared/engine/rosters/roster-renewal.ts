/**
 * One look at the upstream for a newer generation. A new roster is shown only when its signature does not contradict it, it is not
 * older than what was verified, and everything that clients use of it is held: until then the old generation is served whole.
 */
import type { RosterRoute } from '../../../caches/module';
import { errorText, isLarderError, LarderError } from '../../errors';
import type { SignatureVerifier, Verification } from '../../integrity/signature';
import type { NewEntry } from '../../store/entry';
import type { AskedNames } from './asked-names';
import { fetchWhole, type Whole } from '../bodies/fetch-whole';
import { dateOf, folderOf, type Generation, type Says } from './generation';
import { MOST_ROSTER_BYTES, readRoster, type FreshRoster, type Generations } from './generations';
import { hostOf, type Head } from '../bodies/head';
import { within } from '../patience';
import type { Plan } from '../plan';
import { contentAddress, type EngineRooms } from '../rooms';
import { guardNote, judgeRoster, readGuard, writeGuard } from './roster-guard';

const MOST_SIGNATURE_BYTES = 1024 * 1024;
/** Roster and detached signature are two files: how often they are asked for until they fit. */
const MOST_PAIRS = 4;
const PAIR_PAUSE_MS = 500;
/** Before a cold roster is shown: how much is fetched with it, how long that is waited for, and how often it is begun anew. */
const MOST_FORESEEN_BYTES = 16 * 1024 * 1024;
const FORESEE_MS = 3_000;
const MOST_COLD = 3;
/** Dates that differ by more are no accident: they are the upstream's. */
const CLOSE_MS = 60_000;
/** Clocks that are wrong by less are usual. */
const CLOCKS_DIFFER_MS = 24 * 60 * 60 * 1000;

export interface RenewalRooms {
  readonly rooms: EngineRooms;
  readonly generations: Generations;
  readonly asked: AskedNames;
  readonly verifier: SignatureVerifier;
  /** Sees to it that listed files of a generation are held. @throws LarderError if one of them cannot be had as the generation names it */
  readonly hold: (generation: Generation, names: readonly string[]) => Promise<void>;
}

export interface Renewed {
  readonly generation: Generation;
  readonly outcome: 'miss' | 'revalidated';
}

/** A roster that came, and whether its signature is good. */
interface Arrived {
  readonly head: Head;
  readonly bytes: Buffer;
  readonly entry: NewEntry;
  readonly signature?: FreshRoster['signature'];
  readonly verification: Verification;
}

/**
 * @param held what is shown now
 * @throws LarderError of the upstream; roster-refused if what came may not be shown; document-invalid
 */
export function renew(about: RenewalRooms, plan: Plan, held: Generation | undefined): Promise<Renewed> {
  return renewOnce(about, plan, held, MOST_COLD);
}

/** @param colds how often a cold roster may be asked for again, because the upstream changed before its files were there */
async function renewOnce(about: RenewalRooms, plan: Plan, held: Generation | undefined, colds: number): Promise<Renewed> {
  const { rooms, generations } = about;
  let whole = await fetchWhole(
    rooms,
    plan,
    plan.path,
    held && isVouchedFor(held) ? held.entry : undefined,
    MOST_ROSTER_BYTES,
    colds < MOST_COLD,
  );
  if (held && !whole.body && isOfAnother(whole.head, held.entry))
    whole = await fetchWhole(rooms, plan, plan.path, undefined, MOST_ROSTER_BYTES, true);
  if (held && isSame(whole, held))
    return { generation: await generations.confirm(held, whole.body ? validatorsOf(rooms, whole.head) : {}), outcome: 'revalidated' };
  const arrived = await paired(about, plan, whole);
  const says = await readRoster(rooms, plan, { body: Buffer.from(arrived.bytes) });
  const guardName = guardNote(plan.key);
  const guard = readGuard(await rooms.store.note(guardName).catch(() => undefined));
  const judgement = judgeRoster(guard, { date: says.date, verification: arrived.verification }, held !== undefined, rooms.now());
  if (judgement === 'refuse-older' || judgement === 'refuse-bad') return refused(about, plan, held, judgement, says, arrived);
  const fresh: FreshRoster = {
    entry: { ...arrived.entry, shownDate: dateAfter(arrived.entry, held?.entry) },
    body: arrived.bytes,
    says,
    ...(arrived.signature ? { signature: arrived.signature } : {}),
  };
  if (held) await complete(about, plan, fresh);
  else if ((await foresee(about, plan, fresh)) === 'torn' && colds > 0) return renewOnce(about, plan, undefined, colds - 1);
  const generation = await generations.show(plan, fresh);
  if (judgement === 'accept-and-move')
    await rooms.store
      .setNote(guardName, writeGuard({ date: says.date, verification: arrived.verification }))
      .catch((error: unknown) => rooms.log.warn('not-storing', { key: guardName, reason: errorText(error) }));
  rooms.log.info('generation', {
    roster: plan.path,
    host: plan.origin.name,
    verified: arrived.verification.state,
    date: says.date === undefined ? 'unknown' : new Date(says.date).toISOString(),
  });
  return { generation, outcome: 'miss' };
}

/** Everything that clients have been asking for, as the new roster names it. @throws LarderError: then the old generation stays */
async function complete({ rooms, asked, hold }: RenewalRooms, plan: Plan, { entry, body, says }: FreshRoster): Promise<void> {
  const names = (await asked.of(plan.origin, folderOf(plan.path))).filter((name) => says.names.has(name));
  // Nothing can be held now: what is asked by name is fetched when it is asked.
  if (names.length === 0 || rooms.store.notStoring()) return;
  const generation: Generation = { plan, entry: { ...entry, v: 1, key: plan.key }, unstored: body, says };
  try {
    await hold(generation, names);
  } catch (error) {
    rooms.log.warn('generation-incomplete', { roster: plan.path, host: plan.origin.name, reason: errorText(error) });
    throw isLarderError(error) ? error : new LarderError('internal', { reason: errorText(error) }, error);
  }
}

/**
 * Nothing is held, so nobody knows what clients will ask for; but some files nearly all of them do. If they are small they are fetched before
 * the roster is shown: an archive that changes between the two would leave a client without lists, which apt takes for an error.
 */
async function foresee({ rooms, hold }: RenewalRooms, plan: Plan, { entry, body, says }: FreshRoster): Promise<'done' | 'torn'> {
  const files = (plan.route as RosterRoute).likely?.(says.names.values(), process.arch) ?? [];
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  // Where the upstream serves by digest it keeps the files of the last generations, as a rule: little is risked.
  const most = says.byHash ? MOST_FORESEEN_BYTES / 16 : MOST_FORESEEN_BYTES;
  if (files.length === 0 || bytes > most || rooms.store.notStoring()) return 'done';
  const generation: Generation = { plan, entry: { ...entry, v: 1, key: plan.key }, unstored: body, says };
  const work = hold(
    generation,
    files.map(({ name }) => name),
  ).then(
    () => 'done' as const,
    // What is not there is not asked for again by that; other bytes are another generation's.
    (error: unknown) => (isLarderError(error) && error.code === 'integrity' ? ('torn' as const) : ('done' as const)),
  );
  return (await within(work, FORESEE_MS)) ?? 'done';
}

/**
 * A roster with the signature that belongs to it. They are two files: while the upstream changes, or answers from two states in turn, now the
 * one and now the other is fetched again until they fit.
 * @throws LarderError of the upstream; or they do not fit, and do not stay as they are either
 */
async function paired({ rooms, verifier }: RenewalRooms, plan: Plan, first: Whole): Promise<Arrived> {
  const where = (plan.route as RosterRoute).signature(plan.params);
  let roster = bodyOf(plan, first);
  if (where === 'inline') return arrivedOf(rooms, plan, roster, await verifier.verify(roster.body.bytes));
  const sign = (): Promise<Whole | undefined> =>
    fetchWhole(rooms, plan, where.detached, undefined, MOST_SIGNATURE_BYTES, true).catch(absent);
  let signature = await sign();
  for (let attempt = 1; ; attempt++) {
    const bytes = signature?.body?.bytes;
    if (!bytes) return arrivedOf(rooms, plan, roster, { state: 'unknown', reason: 'it is not signed' });
    const verification = await verifier.verify(roster.body.bytes, bytes);
    const pair = { ...arrivedOf(rooms, plan, roster, verification), signature: { path: where.detached, body: bytes } };
    if (verification.state === 'good' || (verification.state === 'unknown' && verification.fits)) return pair;
    if (attempt % 2 === 1 && verification.state === 'bad') {
      signature = await sign();
      continue;
    }
    const again = bodyOf(plan, await fetchWhole(rooms, plan, plan.path, undefined, MOST_ROSTER_BYTES, true));
    const isSteady = contentAddress(again.body.digested) === pair.entry.integrity;
    // Nothing tells whether they fit, or they never do (a broken archive that its clients trust all the same): the client judges.
    if (isSteady && (verification.state === 'unknown' || attempt >= MOST_PAIRS)) return pair;
    if (attempt >= MOST_PAIRS)
      throw new LarderError('upstream-failed', {
        host: hostOf(again.head.base),
        reason: 'roster and signature do not fit',
        target: plan.path,
      });
    roster = again;
    await new Promise((resolve) => setTimeout(resolve, PAIR_PAUSE_MS));
  }
}

/** @throws LarderError if the upstream confirms what nobody asked it to */
function bodyOf(plan: Plan, { head, body }: Whole): Required<Whole> {
  if (body) return { head, body };
  throw new LarderError('upstream-failed', { host: hostOf(head.base), reason: 'it confirms what nobody holds', target: plan.path });
}

function arrivedOf(rooms: EngineRooms, plan: Plan, { head, body }: Required<Whole>, verification: Verification): Arrived {
  return { head, bytes: body.bytes, entry: entryOf(rooms, plan, head, body, verification), verification };
}

/** What may not be shown changes nothing: the held one is the newest that is known to be good. */
async function refused(
  { rooms, generations }: RenewalRooms,
  plan: Plan,
  held: Generation | undefined,
  judgement: 'refuse-older' | 'refuse-bad',
  says: Says,
  { verification, head }: Arrived,
): Promise<Renewed> {
  const why =
    judgement === 'refuse-older'
      ? `it is of ${says.date === undefined ? 'an unknown date' : new Date(says.date).toISOString()}, older than one that was verified`
      : `its signature is bad${'reason' in verification ? `: ${verification.reason}` : ''}`;
  rooms.log.warn(judgement === 'refuse-older' ? 'roster-older' : 'roster-bad', {
    roster: plan.path,
    host: plan.origin.name,
    reason: why,
    remedy: `make reset-guard c=${rooms.cache.name} accepts it`,
  });
  if (!held)
    throw new LarderError('upstream-failed', { host: hostOf(head.base), reason: `its roster is refused: ${why}`, target: plan.path });
  return { generation: await generations.confirm(held, {}), outcome: 'revalidated' };
}

function isSame({ body }: Whole, held: Generation): boolean {
  return body === undefined || contentAddress(body.digested) === held.entry.integrity;
}

function absent(error: unknown): undefined {
  if (isLarderError(error) && (error.code === 'upstream-not-found' || error.code === 'upstream-gone')) return undefined;
  throw error;
}

/**
 * Whether what is held is surely what the upstream gave. Who changed a roster on its way did not change its tag: the upstream would confirm it
 * as its own, and the forged one would be shown until the archive publishes again.
 */
function isVouchedFor({ entry }: Generation): boolean {
  return entry.pin !== undefined || entry.url.startsWith('https:');
}

/**
 * Whether a 304 confirms something else than what is held. "Not modified since" is true of everything that is older than a date, also than one
 * that was forged, or that another of the upstream's machines gave.
 */
function isOfAnother(head: Head, held: Pick<NewEntry, 'etag' | 'lastModified'>): boolean {
  if (head.etag !== undefined) return head.etag.replace(/^W\//, '') !== held.etag?.replace(/^W\//, '');
  return held.etag === undefined && head.lastModified !== undefined && head.lastModified !== held.lastModified;
}

/** A date in the future would confirm whatever comes until then. */
function validatorsOf(rooms: EngineRooms, { etag, lastModified }: Head): Partial<Pick<NewEntry, 'etag' | 'lastModified'>> {
  const isPast = lastModified !== undefined && Date.parse(lastModified) <= rooms.now() + CLOCKS_DIFFER_MS;
  return { ...(etag === undefined ? {} : { etag }), ...(isPast ? { lastModified } : {}) };
}

/** Clients revalidate by dates, which have whole seconds: of rosters that follow each other closely no two have the same. */
function dateAfter(entry: NewEntry, before: NewEntry | undefined): string {
  const own = dateOf(entry);
  const last = Date.parse(before ? dateOf(before) : '');
  const behind = last - Date.parse(own);
  return behind >= 0 && behind < CLOSE_MS ? new Date(last + 1000).toUTCString() : own;
}

function entryOf(
  rooms: EngineRooms,
  plan: Plan,
  head: Head,
  { digested }: NonNullable<Whole['body']>,
  verification: Verification,
): NewEntry {
  const now = rooms.now();
  return {
    module: rooms.module.name,
    kind: 'document',
    url: head.url,
    contentType: (plan.route as RosterRoute).contentType,
    integrity: contentAddress(digested),
    size: digested.size,
    chunks: digested.chunks,
    storedAt: now,
    checkedAt: now,
    ...validatorsOf(rooms, head),
    ...(verification.state === 'good' ? { pin: `openpgp-${verification.keyId}` } : {}),
  };
}
