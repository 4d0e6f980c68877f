/** Keeps what may be kept, while it streams: whole responses, and parts that are joined to what is held. */
import type { Readable } from 'node:stream';
import { errorText } from '../../errors';
import type { Digested } from '../../integrity/digest';
import * as policy from '../../rfc9111/cache-policy';
import type { ByteRange, ReceivedResponse, StoredResponse } from '../../rfc9111/message';
import type { RelayedResponse } from '../../upstream/types';
import type { HeldBodies } from '../bodies/held-body';
import type { EngineRooms } from '../rooms';
import type { SpoolHandle } from '../bodies/spooling';
import type { Asker } from './asker';
import { fieldOf, pairsOf, PARTICULAR, without } from './fields';
import { Intake } from './intake';
import { heldBytes, join, MOST_JOINED_BYTES } from './merge';
import type { Held, Shelf } from './shelf';
import type { MirrorRequest } from './types';

export interface Kept {
  readonly intake: Intake;
  readonly stored: StoredResponse;
  /** Not a part of it only. */
  readonly isWhole: boolean;
}

/** URLs of which it is remembered when they were written to. */
const MOST_WRITTEN = 10_000;

export class Keeper {
  /** Told of each response that begins to be kept: from now on it counts, also before it is held. */
  onArrival: (key: string) => void = () => undefined;
  private readonly arriving = new Map<string, Set<Kept>>();
  /** Counts what was written through this cache: whatever was asked before a write may be from before it. */
  private writes = 0;
  private readonly writtenAt = new Map<string, number>();
  /** What was asked before this counts as outdated, whatever it is of. */
  private forgotten = -1;

  constructor(
    private readonly rooms: EngineRooms,
    private readonly asker: Asker,
    private readonly shelf: Shelf,
    private readonly bodies: HeldBodies,
  ) {}

  /** Responses that are arriving. */
  get underWay(): number {
    return this.arriving.size;
  }

  /** Whether something newer may be about to be held. */
  isArriving(key: string): boolean {
    return this.arriving.has(key);
  }

  /** A point in the order of reads and writes. */
  get moment(): number {
    return this.writes;
  }

  /** Whether a URL was written to after a moment. */
  isOutdated(key: string, moment: number): boolean {
    return moment <= this.forgotten || (this.writtenAt.get(key) ?? -1) > moment;
  }

  /**
   * @param known what is held already, and the moment at which it was asked
   * @returns undefined if it is not to be kept: a part of which nothing can be made, or outdated
   */
  async take(
    request: MirrorRequest,
    received: ReceivedResponse,
    response: RelayedResponse,
    { found, begun }: { readonly found: Held | undefined; readonly begun: number },
  ): Promise<Kept | undefined> {
    const isPart = received.status === 206;
    const part = isPart ? policy.contentRange(received) : undefined;
    if (isPart && !part) return undefined;
    if (this.isOutdated(request.plan.key, begun)) return undefined;
    if (isPart && found && !found.stored.held) {
      // A whole that is held is worth more than a part; if it is of other bytes, it has to be confirmed.
      const [is, was] = [policy.strongValidator(received), policy.strongValidator(found.stored)];
      if (is !== undefined && is !== was)
        await this.shelf
          .amend(found, { ...found.stored, invalid: true })
          .catch((error: unknown) => this.rooms.log.warn('not-storing', { key: request.plan.key, reason: errorText(error) }));
      return undefined;
    }
    const stored = policy.toStored(request, received);
    const length = fieldOf(received.fields, 'content-length');
    const spool = await this.rooms.spools.open(request.plan.key);
    const whole = { ...stored, ...(length === undefined ? {} : { length: Number(length) }) };
    return this.begin(request, stored, !isPart, {
      source: response.body,
      total: length === undefined ? undefined : Number(length),
      spool,
      keep: (digested, isAll) =>
        isPart
          ? this.keepPart(request, received, stored, digested, spool, isAll)
          : this.keepWhole(request, { ...stored, ...trailersOf(response) }, digested, spool, isAll),
      ...(isPart ? {} : { resume: (bytes: number) => this.resume(request, whole, bytes) }),
    });
  }

  /**
   * Goes on with a part that begins at 0, with what lacked of it.
   * @param known the part, and what was asked for @returns undefined if these are not of the same bytes
   */
  async takeRest(
    request: MirrorRequest,
    received: ReceivedResponse,
    response: RelayedResponse,
    { found, rest }: { readonly found: Held; readonly rest: ByteRange },
  ): Promise<Kept | undefined> {
    const after = policy.combine(request, found.stored, received);
    if (!after || after.held || policy.contentRange(received)?.range.first !== rest.first) return undefined;
    const bytes = await this.bodies.open(found.entry);
    const spool = await this.rooms.spools.open(request.plan.key);
    return this.begin(request, after, true, {
      source: response.body,
      total: after.length,
      spool,
      before: { bytes, length: rest.first },
      keep: (digested, isAll) => this.keepWhole(request, after, digested, spool, isAll),
      resume: (count) => this.resume(request, after, count),
    });
  }

  private begin(
    request: MirrorRequest,
    stored: StoredResponse,
    isWhole: boolean,
    options: Omit<ConstructorParameters<typeof Intake>[0], 'onTrouble'>,
  ): Kept {
    const { key } = request.plan;
    const warn = (error: unknown): void => this.rooms.log.warn('not-storing', { key, reason: errorText(error) });
    const keep = async (digested: Digested, isAll: boolean): Promise<Held | undefined> => {
      // There may have been room when it began.
      if (this.rooms.store.notStoring()) return undefined;
      return options.keep(digested, isAll).catch((error: unknown) => {
        warn(error);
        return undefined;
      });
    };
    return this.note(key, { intake: new Intake({ ...options, keep, onTrouble: warn }), stored, isWhole });
  }

  /** The rest of a body that broke off, if it is certainly the same one (RFC 9110 §13.1.5). */
  private async resume(request: MirrorRequest, stored: StoredResponse, bytes: number): Promise<Readable | undefined> {
    const so = bytes === 0 ? undefined : policy.cutShort(stored, bytes);
    const { body: _body, onInformation: _tell, ...rest } = request;
    const plain = { ...rest, fields: without(request.fields, ...PARTICULAR), signal: new AbortController().signal };
    const wanted = so && policy.completionFields(plain, so, { first: bytes, last: Infinity });
    if (!wanted) return undefined;
    const requestTimeMs = this.rooms.now();
    const response = await this.asker.ask(plain, wanted);
    const received = { status: response.status, fields: pairsOf(response.fields), requestTimeMs, responseTimeMs: this.rooms.now() };
    const joined = policy.combine(plain, so, received);
    if (joined && policy.contentRange(received)?.range.first === bytes && !joined.held) {
      this.rooms.log.info('resuming', { key: request.plan.key, bytes });
      return response.body;
    }
    response.body.destroy();
    return undefined;
  }

  /** What is arriving of a URL was made before it changed: it is not kept. Resolves when what had come already, and is just being kept, is to be found. */
  async doom(key: string): Promise<void> {
    const all = [...(this.arriving.get(key) ?? [])];
    for (const { intake } of all) intake.doom();
    if (this.writtenAt.size >= MOST_WRITTEN) {
      this.writtenAt.clear();
      this.forgotten = this.writes;
    }
    this.writtenAt.set(key, ++this.writes);
    await Promise.all(all.filter(({ intake }) => intake.isOver).map(({ intake }) => intake.settled));
  }

  async close(): Promise<void> {
    await Promise.all([...this.arriving.values()].flatMap((all) => [...all].map(({ intake }) => intake.stop())));
  }

  /**
   * Whole responses of a URL, newest first, that are arriving, or have come and are about to be held: as good as held ones for whoever may have them. Parts
   * are no use before they are held, so those that have come are waited for.
   */
  async arrivingOf(key: string): Promise<readonly Kept[]> {
    for (;;) {
      const all = [...(this.arriving.get(key) ?? [])].reverse();
      const part = all.find(({ isWhole, intake }) => !isWhole && intake.isComplete);
      if (!part) return all.filter(({ isWhole, intake }) => isWhole && intake.joinable);
      await part.intake.settled;
    }
  }

  private note(key: string, kept: Kept): Kept {
    const all = this.arriving.get(key) ?? new Set();
    this.arriving.set(key, all.add(kept));
    this.onArrival(key);
    void kept.intake.settled.then(() => {
      all.delete(kept);
      if (all.size === 0 && this.arriving.get(key) === all) this.arriving.delete(key);
    });
    return kept;
  }

  private async keepWhole(
    request: MirrorRequest,
    stored: StoredResponse,
    digested: Digested,
    spool: SpoolHandle,
    whole: boolean,
  ): Promise<Held | undefined> {
    const record = whole ? policy.completed(stored, digested.size) : policy.cutShort(stored, digested.size);
    // Without a strong validator nothing could ever be joined to it.
    if (!record || (!whole && policy.strongValidator(record) === undefined)) return undefined;
    if (!whole && (await this.others(request, record)).some((other) => !other.stored.held)) return undefined;
    return this.shelf.keep(request.plan, request, record, digested, (key, entry) => spool.commit(key, entry));
  }

  /** Joins a part to what is held of the same bytes; else it is held by itself. */
  private async keepPart(
    request: MirrorRequest,
    received: ReceivedResponse,
    stored: StoredResponse,
    digested: Digested,
    spool: SpoolHandle,
    whole: boolean,
  ): Promise<Held | undefined> {
    const part = policy.contentRange(received);
    if (!whole || !part || digested.size !== part.range.last - part.range.first + 1) return undefined;
    const { plan } = request;
    const [before] = await this.others(request, stored);
    const after = before && policy.combine(request, before.stored, received);
    if (!before || !after) return this.shelf.keep(plan, request, stored, digested, (key, entry) => spool.commit(key, entry));
    if ((heldBytes(after) ?? Infinity) > MOST_JOINED_BYTES || spool.file === undefined) return undefined;
    const target = await this.rooms.spools.open(plan.key);
    if (target.file === undefined) return undefined;
    const bytes = await this.bodies.open(before.entry);
    try {
      const all = await join({ before: before.stored, bytes, part: part.range, partFile: spool.file, after, into: target.file });
      const held = await this.shelf.keep(plan, request, after, all, (key, entry) => target.commit(key, entry));
      await spool.abandon(0, false);
      return held;
    } catch (error) {
      await target.abandon(0, false);
      throw error;
    } finally {
      bytes.close();
    }
  }

  /** What is held now that the request would have selected. */
  private async others(request: MirrorRequest, stored: StoredResponse): Promise<readonly Held[]> {
    const held = await this.shelf.find(request, request.plan.key);
    return held.filter((each) => each.stored.method === stored.method && policy.selects(request, each.stored));
  }
}

function trailersOf(response: RelayedResponse): Pick<StoredResponse, 'trailers'> {
  const trailers = pairsOf(response.trailers());
  return trailers.length > 0 ? { trailers } : {};
}
