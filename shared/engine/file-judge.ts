/** Compares a whole file with what is promised of it, once more with a fresh document if they disagree. */
import { LarderError } from '../errors';
import { digestFile, type Digested } from '../integrity/digest';
import { sriAgrees, strongestAlgorithm } from '../integrity/sri';
import type { FilePlaces } from './file-places';
import { pinWaited, type PinSource } from './pin-source';
import type { Plan } from './plan';
import { contentAddress, type EngineRooms } from './rooms';

/** How the bytes came. */
export interface Arrival {
  /** The address that was asked. */
  readonly path: string;
  /** Bytes of two responses were joined without a validator: only a digest can tell whether they belong together. */
  readonly guessed: boolean;
  /** What the place promises that they came from (SRI): it was named by a stub, of which all other promises are. */
  readonly promised?: string;
  /** Who sent them, for the log. */
  readonly upstream: string;
}

export class FileJudge {
  /** @param file where the bytes are for a second pass; undefined when they are not in a file (any more) */
  constructor(
    private readonly rooms: EngineRooms,
    private readonly plan: Plan,
    private readonly pins: PinSource,
    private readonly places: FilePlaces,
    private readonly file: () => Promise<string | undefined>,
  ) {}

  /** @returns the pin that they agree with, if there is one @throws LarderError overloaded */
  async judge(digest: Digested, arrival: Arrival): Promise<{ digest: Digested; pin?: string } | { wrong: LarderError }> {
    const { pinWaitMs } = this.rooms.config.timeouts;
    if (arrival.promised !== undefined) {
      if (await this.agrees(arrival.promised, digest)) return { digest, pin: arrival.promised };
      return { wrong: this.refuted(arrival, arrival.promised, digest) };
    }
    const pin = await pinWaited(this.pins.pin(), pinWaitMs);
    const facts = { target: this.plan.path, expected: pin?.integrity ?? 'a promise', got: contentAddress(digest) };
    if (!pin?.integrity) {
      const isElsewhere = pin !== undefined && this.places.isElsewhere(arrival.path, pin);
      return arrival.guessed || isElsewhere ? { wrong: new LarderError('integrity', facts) } : { digest };
    }
    if (await this.agrees(pin.integrity, digest)) return { digest, pin: pin.integrity };
    const newer = await pinWaited(this.pins.refreshed(), pinWaitMs);
    if (newer?.integrity && newer.integrity !== pin.integrity && (await this.agrees(newer.integrity, digest)))
      return { digest, pin: newer.integrity };
    return { wrong: this.refuted(arrival, pin.integrity, digest) };
  }

  private refuted(arrival: Arrival, expected: string, digest: Digested): LarderError {
    const facts = { target: this.plan.path, expected, got: contentAddress(digest) };
    this.rooms.log.error('integrity', { ...facts, key: this.plan.key, upstream: arrival.upstream });
    return new LarderError('integrity', facts);
  }

  /** @throws LarderError overloaded: the digest was not computed on the way, and the bytes are not in a file any more */
  private async agrees(pin: string, digest: Digested): Promise<boolean> {
    const agreed = sriAgrees(pin, digest.digests);
    const algorithm = strongestAlgorithm(pin);
    // A pin in no known algorithm proves nothing; one in another algorithm than was computed costs a second pass.
    if (agreed !== undefined || algorithm === undefined) return agreed ?? true;
    const file = await this.file();
    if (file === undefined) throw new LarderError('overloaded', { what: 'the disk became full before the bytes could be verified' });
    return sriAgrees(pin, (await digestFile(file, [algorithm])).digests) === true;
  }
}
