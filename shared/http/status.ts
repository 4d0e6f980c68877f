/**
 * What a server process says of itself. It listens on the Unix socket `<cacheDir>/run/<cache>-<instance>.sock` and answers
 * `GET /status` with this as JSON and `POST /stop` with 202, then ends gracefully. A socket that nobody answers is a dead
 * process: no pid is ever looked at.
 */
import type { AnnouncementTrouble } from '../engine/announcements/announcement-watch';
import type { MirrorHealth } from '../upstream/types';

export interface Status {
  /** The module's name. */
  readonly cache: string;
  readonly pid: number;
  /** Names this process among all that share the store. */
  readonly instance: string;
  readonly port: number;
  /** Addresses it listens on. */
  readonly addresses: readonly string[];
  /** ISO 8601. */
  readonly startedAt: string;
  readonly counters: StatusCounters;
  readonly bytesHeld: number;
  readonly entries: number;
  /** Why nothing new is stored at present; absent when all is well. */
  readonly notStoring?: { readonly reason: string; readonly remedy: string };
  readonly mirrors: readonly MirrorHealth[];
  /** Lists of announcements that are not renewed, and what they announce in vain. Absent while all is well. */
  readonly announcements?: readonly AnnouncementTrouble[];
  /** Released files for which an index promised other bytes later: how many, and the newest. Absent while there is none. */
  readonly digestChanges?: { readonly count: number; readonly newest: DigestChanged };
}

/** A released file whose promised digest changed (SRI). */
export interface DigestChanged {
  readonly key: string;
  readonly held: string;
  readonly promised: string;
  /** ms since the epoch. */
  readonly at: number;
}

/** Requests by outcome, since ever: also by earlier processes of the cache, as far as the ledger tells. */
export interface StatusCounters {
  readonly hits: number;
  readonly misses: number;
  readonly stale: number;
  readonly revalidated: number;
  readonly errors: number;
  /** Bytes of bodies. */
  readonly bytesSent: number;
  /** Passed straight through, by reason: `route`, `authorization` and `write`; `range` and `head` of files that are not held. */
  readonly passes: Readonly<Record<string, number>>;
}
