/**
 * The guard of a roster, pure: no roster that is older than one that was served and verified (a replay), none that is forged where a good
 * one is at hand. It can only be moved by what a key of this machine has signed, so nobody on the way to the upstream can move
 * it: a forged date blocks nothing. It is kept in the ledger; `make reset-guard` drops it.
 */
import type { Verification } from '../../integrity/signature';

/** What the newest verified roster was. */
export interface Guard {
  /** Its own date, ms since the epoch. */
  readonly date: number;
  /** Fingerprint of the key. */
  readonly keyId: string;
}

/** A roster that came. */
export interface NewRoster {
  /** What it says of its own date, ms since the epoch; undefined if it does not say. */
  readonly date: number | undefined;
  readonly verification: Verification;
}

export type GuardVerdict =
  | 'accept'
  /** Accept it, and keep it as the new guard (`writeGuard`). */
  | 'accept-and-move'
  /** It is older than what was verified, or of no date. */
  | 'refuse-older'
  /** It is forged, and what is held is better. */
  | 'refuse-bad';

/** How far the clocks of archives may be ahead of ours. */
const AHEAD_MS = 24 * 60 * 60 * 1000;

/**
 * Forged: not taken where something verified is held; else it is the client's to judge. Not to be judged here (the archive may have a
 * key that this machine does not have yet): taken if it is not older, and the guard stays, so that the next verified one may be anything
 * not older than that.
 * @param held whether a roster is at hand to be served instead
 * @param now ms since the epoch
 */
export function judgeRoster(guard: Guard | undefined, { date, verification }: NewRoster, held: boolean, now: number): GuardVerdict {
  if (guard) {
    if (verification.state === 'bad' && held) return 'refuse-bad';
    // apt wants a date too, so nobody is refused what they could use.
    if (date === undefined || date < guard.date) return 'refuse-older';
  }
  const moves = verification.state === 'good' && date !== undefined && date <= now + AHEAD_MS && date !== guard?.date;
  return moves ? 'accept-and-move' : 'accept';
}

/** Name of the note in which the guard of a roster is kept. @param key the roster's, or what the keys of several begin with */
export function guardNote(key: string): string {
  return `guard|${key}`;
}

/** The note of a roster that moves the guard. @throws RangeError if it may not move one */
export function writeGuard({ date, verification }: NewRoster): string {
  if (date === undefined || verification.state !== 'good') throw new RangeError('only a verified roster with a date is a guard');
  return JSON.stringify({ date, keyId: verification.keyId } satisfies Guard);
}

/** @returns undefined for no note, or one that is not ours: then there is no guard */
export function readGuard(note: string | undefined): Guard | undefined {
  if (note === undefined) return undefined;
  try {
    const { date, keyId } = (JSON.parse(note) ?? {}) as { date?: unknown; keyId?: unknown };
    return typeof date === 'number' && Number.isFinite(date) && typeof keyId === 'string' ? { date, keyId } : undefined;
  } catch {
    return undefined;
  }
}
