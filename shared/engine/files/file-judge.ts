/** Compares a whole file with what is promised of it, once more with a fresh document if they disagree. */
import type { FileShape, ImmutableRoute } from '../../../caches/module';
import { errorText, LarderError } from '../../errors';
import { digestFile, type Digested } from '../../integrity/digest';
import { sriAgrees, strongestAlgorithm } from '../../integrity/sri';
import type { FilePlaces } from './file-places';
import { hasShape } from './file-shape';
import { hostOf } from '../bodies/head';
import { pinWaited, type PinSource } from './pin-source';
import type { Plan } from '../plan';
import { contentAddress, type EngineRooms } from '../rooms';
import type { TreeWatch } from './tree-watch';

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

/** A promise about what an archive unpacks to. */
export interface TreePromise {
  /** Git tree hash, hexadecimal. */
  readonly tree: string;
  readonly watch: Pick<TreeWatch, 'verdict'>;
}

/** What the records of such files say in `pin`, beside an SRI or alone. */
function treePin(tree: string): string {
  return `gittree-${tree}`;
}

const NOT_OF: Readonly<Record<FileShape, string>> = {
  zip: 'no whole zip archive',
  gzip: 'not gzipped',
  line: 'no line of text',
};

export class FileJudge {
  /** @param file where the bytes are for a second pass; undefined when they are not in a file (any more) */
  constructor(
    private readonly rooms: EngineRooms,
    private readonly plan: Plan,
    private readonly pins: PinSource,
    private readonly places: FilePlaces,
    private readonly file: () => Promise<string | undefined>,
    private readonly promised?: TreePromise,
  ) {}

  /** @returns the promises that they agree with, if there are any @throws LarderError overloaded */
  async judge(digest: Digested, arrival: Arrival): Promise<{ digest: Digested; pin?: string } | { wrong: LarderError }> {
    const pinned = await this.judgeByPin(digest, arrival);
    if (!this.promised || 'wrong' in pinned) return pinned;
    const { tree, watch } = this.promised;
    const verdict = await watch.verdict();
    const pin = [...(pinned.pin === undefined ? [] : [pinned.pin]), treePin(tree)].join(' ');
    if ('trees' in verdict && verdict.trees.includes(tree)) return { digest, pin };
    const got = 'trees' in verdict ? verdict.trees.map(treePin).join(' or ') : `what cannot be unpacked: ${verdict.broken}`;
    const facts = { target: this.plan.path, expected: treePin(tree), got };
    this.rooms.log.error('integrity', { ...facts, key: this.plan.key, upstream: arrival.upstream });
    return { wrong: new LarderError('integrity', facts) };
  }

  private async judgeByPin(digest: Digested, arrival: Arrival): Promise<{ digest: Digested; pin?: string } | { wrong: LarderError }> {
    const { pinWaitMs } = this.rooms.config.timeouts;
    if (arrival.promised !== undefined) {
      if (await this.agrees(arrival.promised, digest)) return { digest, pin: arrival.promised };
      return { wrong: this.refuted(arrival, arrival.promised, digest) };
    }
    const pin = await pinWaited(this.pins.pin(), pinWaitMs);
    const facts = { target: this.plan.path, expected: pin?.integrity ?? 'a promise', got: contentAddress(digest) };
    if (!pin?.integrity) {
      const isElsewhere = pin !== undefined && this.places.isElsewhere(arrival.path, pin);
      const isGuessed = arrival.guessed && this.promised === undefined;
      if (isGuessed || isElsewhere) return { wrong: new LarderError('integrity', facts) };
      const seen = (this.plan.route as ImmutableRoute).firstSeen ? await this.byFirstSeen(digest) : { digest };
      return 'wrong' in seen || seen.pin !== undefined ? seen : ((await this.misshapen(arrival)) ?? seen);
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

  /** What nothing promises a digest of is to stay what it was when it was first seen, as CHANGED_<c> has it. */
  private async byFirstSeen(digest: Digested): Promise<{ digest: Digested; pin?: string } | { wrong: LarderError }> {
    const { store, log, cache } = this.rooms;
    const { key, path: target } = this.plan;
    const held = await store.firstSeen(key).catch((error: unknown) => {
      log.warn('ledger-unreadable', { key, reason: errorText(error) });
      return undefined;
    });
    if (held === undefined) return { digest };
    if (sriAgrees(held, digest.digests) === true) return { digest, pin: held };
    const promised = contentAddress(digest);
    log.error('digest-changed', { target, held, promised, policy: cache.changed });
    await store
      .noteDigestChange(key, held, promised)
      .catch((error: unknown) => log.warn('ledger-unwritable', { key, reason: errorText(error) }));
    // What was there before cannot be kept: it is gone, or nobody would have asked.
    return cache.changed === 'follow'
      ? { digest }
      : { wrong: new LarderError('digest-changed', { target, held, promised, cache: cache.name }) };
  }

  /** @returns why the bytes cannot be the file, as far as that is seen by looking at them */
  private async misshapen({ upstream }: Arrival): Promise<{ wrong: LarderError } | undefined> {
    const { route, params, path: target } = this.plan;
    const shape = (route as ImmutableRoute).shape?.(params);
    if (shape === undefined) return undefined;
    const file = await this.file();
    if (file === undefined || (await hasShape(file, shape))) return undefined;
    return { wrong: new LarderError('upstream-failed', { host: hostOf(upstream), reason: `what came is ${NOT_OF[shape]}`, target }) };
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
