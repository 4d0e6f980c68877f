/** Where the bytes of an archive come from when one member of it is wanted: what is held, else ranges of the upstream's. */
import type { ArchiveMember, ImmutableRoute } from '../../../caches/module';
import { isLarderError, LarderError } from '../../errors';
import type { Entry } from '../../store/entry';
import type { UpstreamResponse } from '../../upstream/types';
import { readMember, TAIL_BYTES, type ArchiveBytes } from './archive-member';
import { isAbsence } from './file-places';
import { judge } from '../freshness';
import { hostOf, type Head } from '../bodies/head';
import type { HeldBodies } from '../bodies/held-body';
import { planTarget, type Plan } from '../plan';
import { askRange, partOf, totalOf } from '../bodies/range-pass';
import type { EngineRooms } from '../rooms';

/** Ranges asked of one archive: its end, the rest of its directory, the member, and some to spare. */
const MOST_RANGES = 6;

/** A file that was taken out of an archive. */
export interface TakenOut {
  readonly bytes: Buffer;
  readonly head: Head;
}

/** What the desk does for it. */
export interface ArchiveDesk {
  /** Asks the places where a file may be for a part of it. @throws LarderError */
  locate(plan: Plan, range: string): Promise<{ readonly path: string; readonly response: UpstreamResponse }>;
  /** Fetches a file whole, unless it is held. @throws LarderError */
  ensure(plan: Plan): Promise<Entry>;
}

export class ArchiveSource {
  constructor(
    private readonly rooms: EngineRooms,
    private readonly bodies: HeldBodies,
    private readonly desk: ArchiveDesk,
  ) {}

  /** The file as the member of an archive, if it is one. @returns undefined if there is no such archive, or not in it @throws LarderError */
  async takeOut(plan: Plan): Promise<TakenOut | undefined> {
    const route = plan.route as ImmutableRoute;
    const member = route.memberOf?.(plan.params);
    if (!member) return undefined;
    const { module, cache } = this.rooms;
    const archive = planTarget(module, cache, plan.origin, 'GET', member.archive);
    const taken = (await this.fromHeld(archive, member)) ?? (await this.fromUpstream(archive, member));
    if (!taken?.bytes) return undefined;
    const { bytes, url, base } = taken;
    return { bytes, head: { status: 200, contentType: route.contentType, total: bytes.length, url, base } };
  }

  /** @returns undefined if the archive is not held, or cannot be read */
  private async fromHeld(archive: Plan, member: ArchiveMember) {
    const { store, cache, config, now } = this.rooms;
    const entry = await store.find(archive.key);
    const isGood = entry?.contentEncoding === undefined && judge(entry, archive.route, cache, config, now()).do === 'serve';
    return entry && isGood ? this.fromEntry(entry, member) : undefined;
  }

  private async fromEntry(entry: Entry, member: ArchiveMember) {
    try {
      const body = await this.bodies.open(entry);
      try {
        const read = async (from: number, to: number): Promise<Buffer> => {
          const pieces: Buffer[] = [];
          for (let at = from; at < to; at += pieces.at(-1)?.length ?? Infinity) pieces.push(await body.read(at, to));
          return Buffer.concat(pieces);
        };
        const bytes = await readMember({ size: entry.size, read }, member.name);
        return { bytes, url: entry.url, base: '' };
      } finally {
        body.close();
      }
    } catch (error) {
      // Damaged (and quarantined by now), or unreadable: the upstream's may do.
      if (isLarderError(error) && (error.code === 'integrity' || error.code === 'held-unreadable')) return undefined;
      throw error;
    }
  }

  private async fromUpstream(archive: Plan, member: ArchiveMember) {
    let source: Awaited<ReturnType<ArchiveSource['byRanges']>>;
    try {
      source = await this.byRanges(archive);
    } catch (error) {
      if (isLarderError(error) && isAbsence(error)) return undefined;
      throw error;
    }
    if (source) return { ...source, bytes: await readMember(source.archive, member.name) };
    return this.fromEntry(await this.desk.ensure(archive), member);
  }

  /** @returns undefined if the upstream gives no ranges @throws LarderError */
  private async byRanges(archive: Plan): Promise<{ archive: ArchiveBytes; url: string; base: string } | undefined> {
    const first = `bytes=-${TAIL_BYTES}`;
    const { path, response } = await this.desk.locate(archive, first);
    const size = totalOf(response);
    const { url, base } = response;
    let asked = 1;
    const ask = async (from: number, to: number): Promise<Buffer | undefined> => {
      if (++asked > MOST_RANGES) throw new RangeError('it takes too many requests');
      const range = `bytes=${from}-${to - 1}`;
      return this.partOf(archive, await askRange(this.rooms, archive, path, range), range, size);
    };
    const last = await this.partOf(archive, response, first, size);
    if (size === undefined) return undefined;
    // Some servers know ranges, but not those that count from the end.
    const tailFrom = Math.max(0, size - TAIL_BYTES);
    const tail = last ?? (await ask(tailFrom, size));
    if (!tail) return undefined;
    const read = async (from: number, to: number): Promise<Buffer> => {
      if (from >= tailFrom) return tail.subarray(from - tailFrom, to - tailFrom);
      const part = await ask(from, to);
      if (part) return part;
      throw new LarderError('upstream-failed', {
        host: hostOf(base),
        reason: 'it gave a range before and now does not',
        target: archive.path,
      });
    };
    return { archive: { size, read }, url, base };
  }

  /** The bytes of a 206, if it is what was asked for. @throws LarderError of the body */
  private async partOf(plan: Plan, response: UpstreamResponse, range: string, size: number | undefined): Promise<Buffer | undefined> {
    const part = partOf(response, range);
    if (!part || part.total !== size) return void response.body.destroy();
    const pieces: Buffer[] = [];
    let length = 0;
    for await (const piece of response.body as AsyncIterable<Buffer>) {
      pieces.push(piece);
      length += piece.length;
      if (length > part.last - part.first + 1) break;
    }
    if (length === part.last - part.first + 1) return Buffer.concat(pieces);
    throw new LarderError('upstream-failed', {
      host: hostOf(response.base),
      reason: 'it sent another length than it said',
      target: plan.path,
    });
  }
}
