/**
 * What the indexes of current generations promise (apt: Packages and Sources pin the pool). One packed table an index, kept as a derived
 * entry and searched in memory; made again whenever the generation changes, or when it is missed.
 */
import type { ImmutableRoute, IndexGuess, Listed, ListedIndex, ListedRoute, Pin } from '../../../caches/module';
import type { Origin } from '../../config/config';
import { errorText, isLarderError } from '../../errors';
import { digestBuffer } from '../../integrity/digest';
import { PinTable } from '../../integrity/pin-table';
import { sriFromHex } from '../../integrity/sri';
import { folderOf, type Generation } from './generation';
import type { Generations } from './generations';
import type { HeldBodies } from '../bodies/held-body';
import { keyPrefix, planTarget, type Plan } from '../plan';
import { contentAddress, type EngineRooms } from '../rooms';

/** Stands before the path in the keys of tables (no path contains it). Whoever has answers ready that depend on promises looks for it. */
export const TABLE_MARK = '#pins';
/** Bytes of tables kept in memory. */
const MEMORY_BYTES = 64 * 1024 * 1024;
/** How long a list of the tables that there are is believed: other processes make some too. */
const LIST_MS = 5_000;
const MOST_LISTS = 500;
/** Largest index after decompression, whatever its roster says: Debian's largest have 60 MB; this is for bombs. */
const MOST_INDEX_BYTES = 512 * 1024 * 1024;
/** How long an index that could not be read is not tried again: it may have been for want of time. */
const USELESS_MS = 60 * 60 * 1000;
const MOST_USELESS = 1_000;

interface Listing {
  readonly keys: readonly string[];
  readonly listedAt: number;
}

/** The index in a generation, and the object that has its bytes. */
interface IndexOf {
  readonly plan: Plan;
  readonly index: ListedIndex;
  readonly object: Plan;
}

export interface TableRooms {
  readonly rooms: EngineRooms;
  readonly bodies: HeldBodies;
  readonly generations: Generations;
  /** The plan of a listed file's bytes. */
  readonly objectOf: (generation: Generation, listed: Listed) => Plan | undefined;
}

export class PinTables {
  private readonly tables = new Map<string, { readonly source: string; readonly table: PinTable; readonly bytes: number }>();
  private bytes = 0;
  private readonly listings = new Map<string, Promise<Listing>>();
  private readonly under = new Map<string, Promise<void>>();
  /** Indexes that could not be read, and when. */
  private readonly useless = new Map<string, number>();

  constructor(private readonly about: TableRooms) {}

  /** Learns what indexes of a generation promise, as far as they are held. Never rejects. */
  async learn(generation: Generation, files: readonly Listed[]): Promise<void> {
    for (const listed of files) await this.learnOne(generation, listed);
  }

  /** As learn, of one index, once its bytes are held; only if its generation is the one that is shown. Never rejects. */
  async learnLater(generation: Generation, listed: Listed): Promise<void> {
    const found = this.indexOf(generation, listed);
    if (!found) return;
    const current = await this.about.generations.current(generation.plan);
    if (current?.entry.integrity === generation.entry.integrity) await this.learnOne(generation, listed);
  }

  /**
   * What the tables below a folder promise about a target: if several indexes name it differently, any of their digests is good.
   * Asks nobody. Never rejects.
   */
  async promise(origin: Origin, guess: IndexGuess, target: string): Promise<Pin | undefined> {
    const found = new Set<string>();
    const start = keyPrefix(this.about.rooms.module.name, origin.name) + TABLE_MARK;
    const above = (guess.above ?? []).flatMap((folder) => guess.names.map((stem) => start + folder + stem));
    for (const key of [...(await this.list(origin, guess.rosters)), ...above]) {
      const pin = (await this.load(key))?.find(target);
      if (pin) found.add(pin.integrity);
    }
    return found.size === 0 ? undefined : { target, integrity: [...found].join(' ') };
  }

  private async learnOne(generation: Generation, listed: Listed): Promise<void> {
    const found = this.indexOf(generation, listed);
    if (!found) return;
    const key = tableKey(this.about.rooms.module.name, generation, found.index.stem);
    const source = revisionOf(generation, listed, found.index.stem);
    const name = `${key} ${found.object.key}`;
    if (this.isUseless(name)) return;
    let job = this.under.get(name);
    if (!job) {
      job = this.make(generation, listed, found, key, source)
        .catch((error: unknown) => this.unread(name, found.object, error))
        .finally(() => this.under.delete(name));
      this.under.set(name, job);
    }
    await job;
  }

  /** Bytes that cannot be read today cannot be read tomorrow: they are read once, and said to be bad once, not for each request. */
  private isUseless(name: string): boolean {
    const since = this.useless.get(name);
    return since !== undefined && Math.abs(this.about.rooms.now() - since) < USELESS_MS;
  }

  private unread(name: string, { path }: Plan, error: unknown): void {
    const { log, now } = this.about.rooms;
    log.warn('index-unread', { index: path, reason: errorText(error) });
    // Damage is none of theirs: they are fetched again.
    if (!isLarderError(error) || error.code === 'integrity' || error.code === 'held-unreadable') return;
    if (this.useless.size >= MOST_USELESS) this.useless.delete(this.useless.keys().next().value as string);
    this.useless.set(name, now());
  }

  private async make(generation: Generation, listed: Listed, { plan, index, object }: IndexOf, key: string, source: string): Promise<void> {
    const { store, pool, module, now, log } = this.about.rooms;
    if (this.tables.get(key)?.source === source) return;
    const before = await store.find(key);
    if (before?.source === source && (await this.load(key))) {
      // It may have been held without being listed: the catalogue was lost.
      this.listings.clear();
      return;
    }
    const entry = await store.find(object.key);
    if (!entry) return;
    const began = now();
    const bytes = await pool.readIndex({
      module: module.name,
      route: plan.route.name,
      rosterPath: generation.plan.path,
      name: listed.name,
      source: { file: store.contentPath(entry.integrity), integrity: entry.integrity },
      maxBytes: Math.min(MOST_INDEX_BYTES, generation.says.names.get(index.stem)?.size ?? Infinity),
    });
    const table = new PinTable(bytes);
    this.keep(key, source, table, bytes.length);
    this.listings.clear();
    log.info('promises-learnt', { index: object.path, files: table.length, ms: now() - began });
    await this.store(key, source, bytes);
  }

  private async store(key: string, source: string, bytes: Buffer): Promise<void> {
    const { store, module, now } = this.about.rooms;
    const digested = digestBuffer(bytes, ['sha256']);
    const at = now();
    const facts = { module: module.name, kind: 'derived' as const, url: '', source, storedAt: at, checkedAt: at };
    await store.commit(
      key,
      { ...facts, integrity: contentAddress(digested), size: digested.size, chunks: digested.chunks },
      { buffer: bytes },
    );
  }

  private async load(key: string): Promise<PinTable | undefined> {
    const { store, log } = this.about.rooms;
    const known = this.tables.get(key);
    const entry = await store.find(key);
    if (known && (!entry || known.source === entry.source)) {
      this.keep(key, known.source, known.table, known.bytes);
      return known.table;
    }
    if (!entry || entry.source === undefined) return undefined;
    try {
      const bytes = await this.about.bodies.readSmall(entry);
      const table = new PinTable(bytes);
      this.keep(key, entry.source, table, bytes.length);
      store.used(key);
      return table;
    } catch (error) {
      log.warn('index-unread', { index: key, reason: errorText(error) });
      return undefined;
    }
  }

  /** The newest used last; the oldest leave when there are too many bytes. */
  private keep(key: string, source: string, table: PinTable, bytes: number): void {
    this.bytes += bytes - (this.tables.get(key)?.bytes ?? 0);
    this.tables.delete(key);
    this.tables.set(key, { source, table, bytes });
    for (const [oldest, { bytes: size }] of this.tables) {
      if (this.bytes <= MEMORY_BYTES || oldest === key) break;
      this.tables.delete(oldest);
      this.bytes -= size;
    }
  }

  private async list(origin: Origin, folder: string): Promise<readonly string[]> {
    const { rooms } = this.about;
    const prefix = keyPrefix(rooms.module.name, origin.name) + TABLE_MARK + folder;
    const known = await this.listings.get(prefix);
    if (known && Math.abs(rooms.now() - known.listedAt) < LIST_MS) return known.keys;
    const listing = rooms.store
      .keys(prefix)
      .catch(() => [])
      .then((found) => {
        const own = [...this.tables.keys()].filter((key) => key.startsWith(prefix));
        return { keys: [...new Set([...found.map(({ key }) => key), ...own])], listedAt: rooms.now() };
      });
    if (this.listings.size >= MOST_LISTS) this.listings.clear();
    this.listings.set(prefix, listing);
    return (await listing).keys;
  }

  private indexOf(generation: Generation, listed: Listed): IndexOf | undefined {
    const { module, cache } = this.about.rooms;
    const object = this.about.objectOf(generation, listed);
    if (!object) return undefined;
    const plan = planTarget(module, cache, generation.plan.origin, 'GET', folderOf(generation.plan.path) + encodeURI(listed.name));
    const index = (plan.route as ListedRoute).index?.(listed.name);
    return index && { plan, index, object };
  }
}

/** Where a file may be promised; undefined: by no table. */
export function guessOf(plan: Plan): IndexGuess | undefined {
  return (plan.route as ImmutableRoute).listedIn?.(plan.params);
}

function tableKey(module: string, generation: Generation, stem: string): string {
  return keyPrefix(module, generation.plan.origin.name) + TABLE_MARK + folderOf(generation.plan.path) + stem;
}

/** What an index says is the same however it is compressed: its revision is the digest of the uncompressed one, if the roster names it. */
function revisionOf({ says }: Generation, listed: Listed, stem: string): string {
  return sriFromHex('sha256', says.names.get(stem)?.sha256 ?? listed.sha256 ?? '') ?? '';
}
