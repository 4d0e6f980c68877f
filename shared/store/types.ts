/**
 * What the rest of the house sees of the store. Readers lock nothing and write nothing; every change goes through the
 * committer (one worker thread, one SQLite write transaction a batch), which is the store's only lock, over processes
 * and containers.
 */
import type { Pin } from '../../caches/module';
import type { PinList } from '../integrity/pin-list';
import type { Entry, NewEntry } from './entry';

/** A pinned target whose held bytes disagree with what a newer document promises. */
export interface PinConflict {
  readonly key: string;
  readonly target: string;
  /** What the held bytes are or were verified against (SRI). */
  readonly held: string;
  /** What the document promises now (SRI). */
  readonly promised: string;
}

/** A body to be committed: a whole, verified spool file (it is renamed away), or a small buffer. */
export type Body = { readonly file: string } | { readonly buffer: Buffer };

export interface StoreCounts {
  readonly entries: number;
  readonly bytes: number;
  readonly freeBytes: number;
}

/** What happened to keys of a module: by us or by another process. */
export interface StoreChange {
  readonly module: string;
  /** Keys that changed; undefined: unknown (another process), so everything of the module may have. */
  readonly keys?: readonly string[];
}

/** A held key, as the catalogue knows it. */
export interface HeldKey {
  readonly key: string;
  readonly kind: string;
  readonly integrity: string;
  readonly size: number;
  /** ms since the epoch. */
  readonly storedAt: number;
}

/** Something small to be remembered that must survive the removal of the store. The name begins with its kind: `guard|…`. */
export interface Note {
  readonly name: string;
  readonly value: string;
  /** When it was written, ms since the epoch. */
  readonly at: number;
}

export interface Store {
  /** The entry of a key, or undefined. Reads one index bucket; no lock. Never throws: an unreadable index is a miss (logged by the caller through `trouble()`). */
  find(key: string): Promise<Entry | undefined>;
  /** Absolute path of the bytes of a content address. */
  contentPath(integrity: string): string;
  /**
   * Makes the bytes visible under the key, replacing what was there. When it resolves, every process can read them.
   * @throws NodeJS.ErrnoException ENOSPC/EDQUOT/EROFS/EACCES… after one eviction and retry: the caller serves on without storing
   */
  commit(key: string, entry: NewEntry, body: Body): Promise<Entry>;
  /** Rewrites the record of a held key (freshness, validators, marks) if its bytes are still `integrity`. @returns the entry now held */
  amend(
    key: string,
    integrity: string,
    patch: Partial<Omit<Entry, 'v' | 'key' | 'integrity' | 'size' | 'chunks'>>,
  ): Promise<Entry | undefined>;
  /** Removes keys, and bytes that no key refers to any more. @returns how many entries were there */
  remove(keys: readonly string[]): Promise<number>;
  /** Removes every key that begins with a prefix. @returns how many entries were there */
  removePrefix(prefix: string): Promise<number>;
  /** A chunk of these bytes was bad: removes every entry that refers to them, and the file (moved aside to quarantine/). */
  quarantine(integrity: string): Promise<void>;
  /** Notes that a key was served; written in batches. Cheap, synchronous. */
  used(key: string): void;
  /**
   * Keeps what a revision of a document promises, and compares with what it promised before and with what is held.
   * `keyOf` is the key prefix: a pin's key is `keyPrefix + pin.target`.
   * Held entries that were unpinned and agree get their pin; disagreeing ones are marked `contradicted` and returned.
   */
  learn(documentKey: string, revision: string, keyPrefix: string, pins: PinList): Promise<readonly PinConflict[]>;
  /** The pin for a target by the newest document learnt, or undefined. `revision` says which document revision it is from. */
  pin(documentKey: string, target: string): Promise<{ readonly pin?: Pin; readonly revision: string } | undefined>;
  /**
   * Held keys that begin with a prefix, ordered by key, at most 10,000. What this process has committed is among them; while the
   * catalogue is being made anew, older ones may be missing. Waits for no transaction but the one under way.
   * @param after the last key of the answer before, to go on behind it
   * @throws Error if it cannot be read
   */
  keys(prefix: string, after?: string): Promise<readonly HeldKey[]>;
  /** The value of a note. Every process sees what another has written. @throws Error if the ledger cannot be read */
  note(name: string): Promise<string | undefined>;
  /**
   * Writes a note durably; off this thread. 20,000 notes are kept; more cost the oldest of the same kind.
   * @throws RangeError name without a kind, or over 4 KiB; value over 64 KiB. Error if the ledger cannot be written
   */
  setNote(name: string, value: string): Promise<void>;
  /** Notes whose name begins with a prefix, ordered by name. @throws Error if the ledger cannot be read */
  notes(prefix: string): Promise<readonly Note[]>;
  /** Forgets a note, if it is there. @throws Error if the ledger cannot be written */
  dropNote(name: string): Promise<void>;
  /** The digest (SRI) of the first bytes that were ever held of a key for which nothing promises one. @throws Error if the ledger cannot be read */
  firstSeen(key: string): Promise<string | undefined>;
  /** Makes it known, durably; `removePrefix` forgets it. @throws Error if the ledger cannot be written */
  setFirstSeen(key: string, integrity: string): Promise<void>;
  /** Writes into the ledger that other bytes came of a key than those seen first. @throws Error if the ledger cannot be written */
  noteDigestChange(key: string, held: string, got: string): Promise<void>;
  /** Removes least recently used entries until all limits hold. @returns what was removed */
  gc(): Promise<{ removed: number; bytes: number }>;
  counts(module: string): Promise<StoreCounts>;
  /** Why nothing new is stored now (`disk` below MIN_FREE, `error` unwritable), or undefined. Cheap, synchronous. */
  notStoring(): { reason: string; remedy: string } | undefined;
  /** Whether another process changed this module since the last call; at most one 8-byte read. Synchronous. */
  changed(module: string): boolean;
  /** Called for changes made through this process, after they are visible. */
  onChange(listener: (change: StoreChange) => void): void;
  close(): Promise<void>;
}
