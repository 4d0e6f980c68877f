/** What store.ts (any thread) asks of the committer (its worker thread), and what comes back. Plain data only. */
import type { CompactPin } from '../integrity/pin-list';
import type { Entry, NewEntry } from './entry';
import type { Body, HeldKey, Note, PinConflict } from './types';

export type EntryPatch = Partial<Omit<Entry, 'v' | 'key' | 'integrity' | 'size' | 'chunks'>>;

export type Job =
  | { readonly op: 'commit'; readonly key: string; readonly entry: NewEntry; readonly body: Body }
  | { readonly op: 'amend'; readonly key: string; readonly integrity: string; readonly patch: EntryPatch }
  | { readonly op: 'remove'; readonly keys: readonly string[] }
  | { readonly op: 'removePrefix'; readonly prefix: string }
  | { readonly op: 'quarantine'; readonly integrity: string }
  | { readonly op: 'uses'; readonly keys: readonly string[]; readonly now: number }
  /** `pins`: the bytes of a list (integrity/pin-list.ts). */
  | { readonly op: 'learn'; readonly document: string; readonly revision: string; readonly keyPrefix: string; readonly pins: Uint8Array }
  | { readonly op: 'pin'; readonly document: string; readonly target: string }
  | { readonly op: 'gc' }
  | { readonly op: 'counts'; readonly module: string }
  | { readonly op: 'addCounters'; readonly cache: string; readonly deltas: Readonly<Record<string, number>> }
  | { readonly op: 'counters' }
  | { readonly op: 'digestChanges' }
  | { readonly op: 'keys'; readonly prefix: string; readonly after: string | undefined }
  | { readonly op: 'note'; readonly name: string }
  | { readonly op: 'notes'; readonly prefix: string }
  | { readonly op: 'setNote'; readonly name: string; readonly value: string; readonly at: number }
  | { readonly op: 'dropNote'; readonly name: string }
  | { readonly op: 'firstSeen'; readonly key: string }
  | { readonly op: 'setFirstSeen'; readonly key: string; readonly integrity: string; readonly at: number }
  | { readonly op: 'dropFirstSeen'; readonly prefix: string }
  | { readonly op: 'addDigestChange'; readonly change: DigestChange };

export type Op = Job['op'];

/** A line of the ledger: a released file whose promised digest changed. */
export interface DigestChange {
  readonly key: string;
  readonly held: string;
  readonly promised: string;
  /** ms since the epoch. */
  readonly at: number;
}

/** What each job answers. */
export interface Answers {
  commit: Entry;
  amend: Entry | undefined;
  remove: number;
  removePrefix: number;
  quarantine: undefined;
  uses: undefined;
  learn: readonly PinConflict[];
  pin: { readonly pin?: CompactPin; readonly revision: string } | undefined;
  gc: { removed: number; bytes: number };
  counts: { entries: number; bytes: number };
  addCounters: undefined;
  counters: Readonly<Record<string, Readonly<Record<string, number>>>>;
  digestChanges: readonly DigestChange[];
  keys: readonly HeldKey[];
  note: string | undefined;
  notes: readonly Note[];
  setNote: undefined;
  dropNote: undefined;
  firstSeen: string | undefined;
  setFirstSeen: undefined;
  dropFirstSeen: undefined;
  addDigestChange: undefined;
}

export interface Request {
  readonly id: number;
  readonly job: Job;
}

/** Sent after COMMIT. `changes` are keys of this answer's transaction that changed, with their module. */
export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: { readonly message: string; readonly code?: string };
  readonly changes?: ReadonlyArray<readonly [module: string, keys: readonly string[]]>;
}

/** A line for the log, from the worker. */
export interface Notice {
  readonly level: 'error' | 'warn' | 'info';
  readonly event: string;
  readonly facts: Readonly<Record<string, string | number | boolean>>;
}

export type FromCommitter = Answer | { readonly notice: Notice };
export type ToCommitter = Request | 'close';

/** What the committer is started with. */
export interface CommitterData {
  readonly cacheDir: string;
  readonly ledgerFile: string;
  readonly modules: readonly string[];
  readonly limits: Limits;
  /** See epoch.ts. */
  readonly ownBumps: SharedArrayBuffer;
}

/** Sizes in bytes. */
export interface Limits {
  readonly sizeBytes: number;
  readonly sizeByModule: Readonly<Record<string, number>>;
  /** Of what a prefix of keys (`http|nightlies|`) is common to. */
  readonly sizeByPrefix?: Readonly<Record<string, number>>;
  readonly minFreeBytes: number;
}

/** The module of a key: the word it begins with (`npm/registry/…`, `npm:registry…`). */
export function moduleOf(key: string): string {
  return /^[A-Za-z0-9_-]*/.exec(key)?.[0] ?? '';
}
