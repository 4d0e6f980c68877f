/**
 * The store as the rest of the house sees it (contract: types.ts). Reading happens here, in the caller's thread, straight
 * from the index; every change is a job for the committer.
 *
 * Readers: an entry's file may be unlinked or replaced at any moment. An open descriptor stays good; an open that fails
 * with ENOENT means: `find` again. Who keeps something made from `find` in memory notes `changed()` before asking and does not
 * keep it if that moved meanwhile.
 */
import { mkdirSync } from 'node:fs';
import { errorCode, errorText } from '../errors';
import { unpackPin, type PinList } from '../integrity/pin-list';
import type { Log } from '../log/types';
import { contentFile, entryOf, readLine } from './bucket';
import { CommitterClient } from './committer-client';
import type { Entry, NewEntry } from './entry';
import { EpochReader, ownBumpsFor } from './epoch';
import { freeBytes } from './evict';
import { moduleOf, type Answer, type DigestChange, type EntryPatch, type Limits, type Notice } from './jobs';
import { PinMemory, type PinAnswer } from './pin-memory';
import { Space } from './space';
import type { Body, HeldKey, Note, PinConflict, Store, StoreChange, StoreCounts } from './types';

/** How often uses are written, ms. */
const USES_MS = 10_000;
const USES_AT_ONCE = 5000;
const PIN_CHARACTERS = 2 * 1024 * 1024;
const NOTE_BYTES = 64 * 1024;
const NOTE_NAME_BYTES = 4 * 1024;

export interface StoreOptions extends Limits {
  readonly cacheDir: string;
  /** File of the ledger, in the state directory. */
  readonly ledgerFile: string;
  /** Names of the modules whose changes are followed. */
  readonly modules: readonly string[];
  readonly log: Log;
}

/** The store, and what status and metrics ask of it. */
export interface LarderStore extends Store {
  /** Calls the listener for each use from now on. */
  onUse(listener: (key: string) => void): void;
  /** Starts the committer before the first write needs it. */
  warm(): void;
  /** Released files whose promised digest changed, newest first. @throws Error if the ledger cannot be read */
  digestChanges(): Promise<readonly DigestChange[]>;
  /** Adds to durable counters of a cache. @throws Error if the ledger cannot be written */
  addCounters(cache: string, deltas: Readonly<Record<string, number>>): Promise<void>;
  /** Durable counters by cache and name. @throws Error if the ledger cannot be read */
  counters(): Promise<Readonly<Record<string, Readonly<Record<string, number>>>>>;
}

/** Opens the store; returns at once and never throws: what cannot be read is a miss, what cannot be written shows in `notStoring`. */
export function openStore(options: StoreOptions): LarderStore {
  return new DiskStore(options);
}

class DiskStore implements LarderStore {
  private readonly committer: CommitterClient;
  private readonly epochs: EpochReader;
  /** A second view of the epochs, so that remembered pins do not depend on who calls `changed`. */
  private readonly pinEpochs: EpochReader;
  private readonly pins = new PinMemory(PIN_CHARACTERS);
  private readonly space: Space;
  private readonly listeners: Array<(change: StoreChange) => void> = [];
  private uses = new Set<string>();
  private useListener: ((key: string) => void) | undefined;
  private readonly timer: NodeJS.Timeout;
  private unreadableSince = 0;

  constructor(private readonly options: StoreOptions) {
    const { cacheDir, ledgerFile, modules, log, sizeBytes, sizeByModule, sizeByPrefix = {}, minFreeBytes } = options;
    try {
      mkdirSync(cacheDir, { recursive: true });
    } catch (error) {
      log.error('store-unwritable', { folder: cacheDir, reason: errorText(error) });
    }
    const ownBumps = ownBumpsFor(modules);
    this.epochs = new EpochReader(cacheDir, modules, ownBumps);
    this.pinEpochs = new EpochReader(cacheDir, modules, ownBumps);
    this.committer = new CommitterClient(
      { cacheDir, ledgerFile, modules, limits: { sizeBytes, sizeByModule, sizeByPrefix, minFreeBytes }, ownBumps },
      (changes) => this.tell(changes),
      (notice) => this.report(notice),
    );
    this.space = new Space(cacheDir, minFreeBytes, () => void this.gc().catch(() => undefined));
    void this.space.check();
    this.timer = setInterval(() => this.tick(), USES_MS);
    this.timer.unref();
  }

  warm(): void {
    this.committer.warm();
  }

  // Blocks for the 10 µs that a read from the page cache takes; an asynchronous one would cost ten times that.
  find(key: string): Promise<Entry | undefined> {
    try {
      const line = readLine(this.options.cacheDir, key);
      return Promise.resolve(line && entryOf(line));
    } catch (error) {
      if (Date.now() - this.unreadableSince > 60_000) {
        this.unreadableSince = Date.now();
        this.options.log.error('store-unreadable', { folder: this.options.cacheDir, reason: errorText(error) });
      }
      return Promise.resolve(undefined);
    }
  }

  contentPath(integrity: string): string {
    return contentFile(this.options.cacheDir, integrity);
  }

  async commit(key: string, entry: NewEntry, body: Body): Promise<Entry> {
    try {
      return await this.committer.ask({ op: 'commit', key, entry, body });
    } catch (error) {
      // A full disk shows only while the body is large; the next, smaller one may fit, and Space looks at the reserve anyway.
      const code = errorCode(error);
      if (code !== 'EBADSIZE' && code !== 'ENOENT') this.space.failed(code);
      throw error;
    }
  }

  amend(key: string, integrity: string, patch: EntryPatch): Promise<Entry | undefined> {
    return this.committer.ask({ op: 'amend', key, integrity, patch });
  }

  async remove(keys: readonly string[]): Promise<number> {
    const named = new Set(keys);
    this.pins.clear((document) => named.has(document));
    return keys.length === 0 ? 0 : this.committer.ask({ op: 'remove', keys });
  }

  async removePrefix(prefix: string): Promise<number> {
    this.pins.clear((document) => document.startsWith(prefix));
    await this.committer.ask({ op: 'dropFirstSeen', prefix }).catch((error: unknown) => {
      this.options.log.warn('ledger-unwritable', { prefix, reason: errorText(error) });
    });
    return this.committer.ask({ op: 'removePrefix', prefix });
  }

  async quarantine(integrity: string): Promise<void> {
    await this.committer.ask({ op: 'quarantine', integrity });
  }

  onUse(listener: (key: string) => void): void {
    this.useListener = listener;
  }

  used(key: string): void {
    this.useListener?.(key);
    this.uses.add(key);
    if (this.uses.size >= USES_AT_ONCE) this.writeUses();
  }

  async learn(documentKey: string, revision: string, keyPrefix: string, { json }: PinList): Promise<readonly PinConflict[]> {
    const conflicts = await this.committer.ask({ op: 'learn', document: documentKey, revision, keyPrefix, pins: json });
    this.pins.clear((document) => document === documentKey);
    return conflicts;
  }

  async pin(documentKey: string, target: string): Promise<PinAnswer | undefined> {
    const module = moduleOf(documentKey);
    if (this.pinEpochs.take(module)) this.pins.clear((document) => moduleOf(document) === module);
    const kept = this.pins.get(documentKey, target);
    if (kept) return kept;
    const answer = await this.committer.ask({ op: 'pin', document: documentKey, target });
    if (!answer) return undefined;
    const unpacked = answer.pin ? { pin: unpackPin(answer.pin), revision: answer.revision } : { revision: answer.revision };
    if (answer.pin && !this.pinEpochs.peek(module)) this.pins.set(documentKey, target, unpacked);
    return unpacked;
  }

  gc(): Promise<{ removed: number; bytes: number }> {
    this.writeUses();
    return this.committer.ask({ op: 'gc' });
  }

  async counts(module: string): Promise<StoreCounts> {
    return { ...(await this.committer.ask({ op: 'counts', module })), freeBytes: freeBytes(this.options.cacheDir) };
  }

  notStoring(): { reason: string; remedy: string } | undefined {
    return this.space.notStoring();
  }

  changed(module: string): boolean {
    return this.epochs.take(module);
  }

  onChange(listener: (change: StoreChange) => void): void {
    this.listeners.push(listener);
  }

  digestChanges(): Promise<readonly DigestChange[]> {
    return this.committer.ask({ op: 'digestChanges' });
  }

  keys(prefix: string, after?: string): Promise<readonly HeldKey[]> {
    return this.committer.ask({ op: 'keys', prefix, after });
  }

  note(name: string): Promise<string | undefined> {
    return this.committer.ask({ op: 'note', name });
  }

  notes(prefix: string): Promise<readonly Note[]> {
    return this.committer.ask({ op: 'notes', prefix });
  }

  async setNote(name: string, value: string): Promise<void> {
    if (!/^[a-z-]+\|/.test(name) || Buffer.byteLength(name) > NOTE_NAME_BYTES) throw new RangeError('this is no name of a note');
    if (Buffer.byteLength(value) > NOTE_BYTES) throw new RangeError(`a note may have ${NOTE_BYTES} bytes`);
    await this.committer.ask({ op: 'setNote', name, value, at: Date.now() });
  }

  firstSeen(key: string): Promise<string | undefined> {
    return this.committer.ask({ op: 'firstSeen', key });
  }

  async setFirstSeen(key: string, integrity: string): Promise<void> {
    await this.committer.ask({ op: 'setFirstSeen', key, integrity, at: Date.now() });
  }

  async noteDigestChange(key: string, held: string, got: string): Promise<void> {
    await this.committer.ask({ op: 'addDigestChange', change: { key, held, promised: got, at: Date.now() } });
  }

  async dropNote(name: string): Promise<void> {
    await this.committer.ask({ op: 'dropNote', name });
  }

  async addCounters(cache: string, deltas: Readonly<Record<string, number>>): Promise<void> {
    await this.committer.ask({ op: 'addCounters', cache, deltas });
  }

  counters(): Promise<Readonly<Record<string, Readonly<Record<string, number>>>>> {
    return this.committer.ask({ op: 'counters' });
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    this.writeUses();
    await this.committer.close();
    this.epochs.end();
    this.pinEpochs.end();
  }

  private tick(): void {
    this.writeUses();
    this.epochs.refresh();
    this.pinEpochs.refresh();
  }

  /** Best effort: a lost use only makes an entry look older. */
  private writeUses(): void {
    if (this.uses.size === 0) return;
    const keys = [...this.uses];
    this.uses = new Set();
    this.committer.ask({ op: 'uses', keys, now: Date.now() }).catch(() => undefined);
  }

  private tell(changes: NonNullable<Answer['changes']>): void {
    for (const [module, keys] of changes) for (const listener of this.listeners) listener({ module, keys });
  }

  private report({ level, event, facts }: Notice): void {
    this.options.log[level](event, facts);
  }
}
