/** The generations that are held: the current one of each roster, and superseded ones for whoever saw them. */
import type { RosterRoute } from '../../../caches/module';
import { errorText, isLarderError } from '../../errors';
import { digestBuffer } from '../../integrity/digest';
import type { Entry, NewEntry } from '../../store/entry';
import { indexRoster, revisionKey, signatureKey, type Generation, type Says } from './generation';
import type { HeldBodies } from '../bodies/held-body';
import type { Plan } from '../plan';
import { contentAddress, type EngineRooms } from '../rooms';
import { UnstoredGenerations } from './unstored-generations';

/** Rosters kept parsed. */
const MOST_PARSED = 64;
/** Superseded rosters in which a digest is looked for. */
const MOST_SEARCHED = 32;
/** Larger ones are not parsed: the largest real ones have 300 KB. */
export const MOST_ROSTER_BYTES = 32 * 1024 * 1024;
/** How long a superseded generation stays reachable. */
const SUPERSEDED_MS = 3 * 24 * 3600 * 1000;

/** A roster as it came, with its detached signature if it has one. */
export interface FreshRoster {
  readonly entry: NewEntry;
  readonly body: Buffer;
  readonly says: Says;
  readonly signature?: { readonly path: string; readonly body: Buffer };
}

export class Generations {
  private readonly parsed = new Map<string, Promise<Says>>();
  private readonly unstored: UnstoredGenerations;

  constructor(
    private readonly rooms: EngineRooms,
    private readonly bodies: HeldBodies,
  ) {
    this.unstored = new UnstoredGenerations(rooms.now);
  }

  /** What is shown of a roster now, by any process. undefined: nothing is held that can be read. Never rejects. */
  async current(plan: Plan): Promise<Generation | undefined> {
    const entry = await this.rooms.store.find(plan.key);
    const recent = this.unstored.newest(plan.key);
    if (recent && (!entry || entry.checkedAt < recent.entry.checkedAt)) return recent;
    return entry && this.read(plan, entry);
  }

  /** A generation that somebody saw. undefined: it is not held any more. Never rejects. */
  async seen(plan: Plan, integrity: string): Promise<Generation | undefined> {
    const current = await this.current(plan);
    if (current?.entry.integrity === integrity) return current;
    const entry = await this.rooms.store.find(revisionKey(plan.key, integrity));
    const held = entry && (await this.read(plan, entry));
    return held ?? this.unstored.revision(plan.key, integrity)?.generation;
  }

  /** The newest held generation that lists a digest (hex), of those that are not shown any more. Never rejects. */
  async listing(plan: Plan, hex: string): Promise<Generation | undefined> {
    const { store } = this.rooms;
    const revisions = await store.keys(`${plan.key}@`).catch(() => []);
    for (const { key } of revisions.toSorted((a, b) => b.storedAt - a.storedAt).slice(0, MOST_SEARCHED)) {
      const entry = await store.find(key);
      const generation = entry && (await this.read(plan, entry));
      if (generation?.says.digests.has(hex)) return generation;
    }
    return undefined;
  }

  /** The detached signature of a generation, if it has one. @throws LarderError integrity | held-unreadable */
  async signature(generation: Generation, path: string): Promise<{ readonly body: Buffer; readonly entry?: Entry } | undefined> {
    const { plan, entry } = generation;
    const unstored = this.unstored.revision(plan.key, entry.integrity);
    if (unstored?.signature) return { body: unstored.signature };
    const held = await this.rooms.store.find(signatureKey(plan, path, entry.integrity));
    return held && { body: await this.bodies.readSmall(held), entry: held };
  }

  /** Makes a roster the current one, in every process. Never rejects: what cannot be stored is kept in memory for a while. */
  async show(plan: Plan, fresh: FreshRoster): Promise<Generation> {
    const { store } = this.rooms;
    const { entry, body, signature, says } = fresh;
    void this.remember(entry.integrity, plan, Promise.resolve(says));
    const trouble = store.notStoring();
    if (trouble) return this.keepUnstored(plan, fresh, trouble.reason);
    try {
      if (signature)
        await store.commit(signatureKey(plan, signature.path, entry.integrity), this.besides(entry, signature.body), {
          buffer: signature.body,
        });
      await store.commit(revisionKey(plan.key, entry.integrity), { ...entry, kind: 'file' }, { buffer: body });
      const shown = await store.commit(plan.key, entry, { buffer: body });
      this.unstored.superseded(plan.key);
      void this.forgetOld(plan, entry.integrity);
      return { plan, entry: shown, says };
    } catch (error) {
      return this.keepUnstored(plan, fresh, errorText(error));
    }
  }

  private keepUnstored(plan: Plan, { entry, body, signature, says }: FreshRoster, reason: string): Generation {
    this.rooms.log.warn('not-storing', { key: plan.key, reason });
    const generation = { plan, entry: { ...entry, v: 1 as const, key: plan.key }, unstored: body, says };
    this.unstored.keep(generation, signature?.body);
    return generation;
  }

  /** The upstream confirmed what is held. Never rejects. */
  async confirm(generation: Generation, patch: Partial<Pick<Entry, 'etag' | 'lastModified'>>): Promise<Generation> {
    const { store, log, now } = this.rooms;
    const { entry } = generation;
    const confirmed = { ...patch, checkedAt: now() };
    const amended = generation.unstored
      ? undefined
      : await store
          .amend(entry.key, entry.integrity, confirmed)
          .catch((error: unknown) => void log.warn('not-storing', { key: entry.key, reason: errorText(error) }));
    return { ...generation, entry: amended ?? { ...entry, ...confirmed } };
  }

  private async read(plan: Plan, entry: Entry): Promise<Generation | undefined> {
    try {
      return { plan, entry, says: await this.says(plan, entry) };
    } catch (error) {
      this.rooms.log.warn('roster-unreadable', { key: plan.key, reason: errorText(error) });
      // Damaged bytes go to quarantine, so that the next look is a fetch.
      if (isLarderError(error)) await this.bodies.unread(entry, error).catch(() => undefined);
      return undefined;
    }
  }

  private says(plan: Plan, entry: Entry): Promise<Says> {
    const known = this.parsed.get(`${plan.route.name}@${entry.integrity}`);
    if (known) return known;
    const source = { file: this.rooms.store.contentPath(entry.integrity), integrity: entry.integrity };
    return this.remember(entry.integrity, plan, readRoster(this.rooms, plan, source));
  }

  private remember(integrity: string, plan: Plan, says: Promise<Says>): Promise<Says> {
    const name = `${plan.route.name}@${integrity}`;
    this.parsed.delete(name);
    this.parsed.set(name, says);
    says.catch(() => this.parsed.delete(name));
    if (this.parsed.size > MOST_PARSED) this.parsed.delete(this.parsed.keys().next().value as string);
    return says;
  }

  private besides(roster: NewEntry, body: Buffer): NewEntry {
    const digested = digestBuffer(body, ['sha256']);
    const { module, url, storedAt, checkedAt } = roster;
    return {
      module,
      kind: 'file',
      url,
      storedAt,
      checkedAt,
      integrity: contentAddress(digested),
      size: digested.size,
      chunks: digested.chunks,
    };
  }

  private async forgetOld(plan: Plan, current: string): Promise<void> {
    const { store, now, log } = this.rooms;
    const revisions = await store.keys(`${plan.key}@`).catch(() => []);
    const old = revisions.filter(({ key, storedAt }) => storedAt < now() - SUPERSEDED_MS && key !== revisionKey(plan.key, current));
    if (old.length > 0)
      await store.remove(old.map(({ key }) => key)).catch((error: unknown) => log.warn('not-storing', { reason: errorText(error) }));
  }
}

/** What a roster says. @throws LarderError document-invalid | document-too-large | integrity | held-unreadable */
export async function readRoster(
  rooms: EngineRooms,
  plan: Plan,
  source: { file: string; integrity: string } | { body: Buffer },
): Promise<Says> {
  const job = { module: rooms.module.name, route: (plan.route as RosterRoute).name, path: plan.path, source, maxBytes: MOST_ROSTER_BYTES };
  return indexRoster(await rooms.pool.readRoster(job));
}
