/** Files whose URL names their bytes for ever: held, under way, or to be fetched. */
import type { ImmutableRoute } from '../../caches/module';
import { LarderError } from '../errors';
import type { Entry } from '../store/entry';
import type { Answer, EngineRequest } from './answer';
import { memorySource, type BodySource } from './body-source';
import type { DocumentDesk } from './document-desk';
import { FileFlight, HOLD_BACK_BYTES, notThere } from './file-flight';
import { judge } from './freshness';
import { SMALL_BYTES, type HeldBodies } from './held-body';
import type { NegativeCache } from './negative';
import { pinSource } from './pin-source';
import type { Plan } from './plan';
import { streamSource, askRange, isWholeRange } from './range-pass';
import { strongEtag, type EngineRooms } from './rooms';
import { ABANDON_BELOW_BYTES } from './spooling';

const FOR_EVER = 'public, immutable, max-age=31536000';

export class FileDesk {
  /** Keys whose flight is being prepared or under way. */
  private readonly flights = new Map<string, Promise<FileFlight | Entry>>();

  constructor(
    private readonly rooms: EngineRooms,
    private readonly desk: DocumentDesk,
    private readonly bodies: HeldBodies,
    private readonly negative: NegativeCache,
  ) {}

  get underWay(): number {
    return this.flights.size;
  }

  /** Stops every download under way; what came is kept for resuming. */
  async close(): Promise<void> {
    const flights = await Promise.allSettled(this.flights.values());
    const begun = flights.flatMap((flight) => (flight.status === 'fulfilled' && 'reader' in flight.value ? [flight.value] : []));
    await Promise.all(begun.map((flight) => flight.stop()));
  }

  /** @throws LarderError */
  async get(plan: Plan, request: EngineRequest): Promise<Answer> {
    for (;;) {
      const entry = await this.rooms.store.find(plan.key);
      const verdict = judge(entry, plan.route, this.rooms.cache, this.rooms.config, this.rooms.now());
      if (verdict.do === 'refuse') {
        throw new LarderError('digest-changed', { target: plan.path, held: verdict.held, promised: verdict.promised, cache: this.rooms.cache.name });
      }
      if (verdict.do === 'serve' && entry) {
        const answer = await this.held(plan, entry).catch((error: unknown) => {
          if (error instanceof Object && 'code' in error && error.code === 'integrity') return undefined;
          throw error;
        });
        // Damaged bytes were quarantined: what was a hit becomes a fetch.
        if (answer) return answer;
        continue;
      }
      return this.fetch(plan, request);
    }
  }

  private async held(plan: Plan, entry: Entry): Promise<Answer> {
    this.rooms.store.used(entry.key);
    const about = this.about(plan, entry.contentType, strongEtag(entry.integrity), entry.lastModified, entry.contentEncoding);
    if (entry.size > SMALL_BYTES) return { ...about, outcome: 'hit', confirmedAt: entry.checkedAt, body: await this.bodies.open(entry) };
    const bytes = await this.bodies.readSmall(entry);
    const ready = { bytes, freshUntil: Infinity, key: entry.key, usedKey: entry.key };
    return { ...about, outcome: 'hit', confirmedAt: entry.checkedAt, body: memorySource(bytes), ready };
  }

  private async fetch(plan: Plan, request: EngineRequest): Promise<Answer> {
    this.negative.check(plan.key);
    if (this.rooms.config.offline) throw new LarderError('offline', { target: plan.path });
    const under = this.flights.get(plan.key);
    const ranged = request.range !== undefined && !isWholeRange(request.range);
    // A part of something that is not held yet costs the part, not the whole.
    if (!under && (request.method === 'HEAD' || ranged)) return this.part(plan, request);
    const flight = await (under ?? this.begin(plan));
    if (!('reader' in flight)) return this.held(plan, flight);
    if (!flight.joinable) return this.unshared(plan);
    const reader = flight.reader();
    try {
      return await this.following(plan, flight, reader);
    } catch (error) {
      reader.close();
      this.negative.learn(plan.key, error);
      throw error;
    }
  }

  private async following(plan: Plan, flight: FileFlight, body: BodySource): Promise<Answer> {
    const head = await flight.head;
    // Nothing of a small body goes out before it is verified, so that a bad one is an honest error instead of a cut connection.
    if (head.total !== undefined && head.total <= HOLD_BACK_BYTES) await flight.verified;
    const etag = head.pin?.integrity === undefined ? undefined : pinEtag(head.pin.integrity, plan);
    return { ...this.about(plan, undefined, etag, head.lastModified, head.contentEncoding), outcome: 'miss', body };
  }

  /** Single flight per key, also while it is being prepared. */
  private begin(plan: Plan): Promise<FileFlight | Entry> {
    const flight = this.prepare(plan);
    this.flights.set(plan.key, flight);
    const gone = (): void => void (this.flights.get(plan.key) === flight && this.flights.delete(plan.key));
    flight.then((begun) => ('reader' in begun ? begun.settled.then(gone) : gone()), gone);
    return flight;
  }

  private async prepare(plan: Plan): Promise<FileFlight | Entry> {
    // Look again: a flight may have ended between our look and now (groupcache's interleaving).
    const entry = await this.rooms.store.find(plan.key);
    if (entry && judge(entry, plan.route, this.rooms.cache, this.rooms.config, this.rooms.now()).do === 'serve') return entry;
    const pins = await pinSource(this.rooms, this.desk, plan);
    return new FileFlight(this.rooms, plan, pins, await this.rooms.spools.open(plan.key));
  }

  /** A flight that cannot be joined any more (nothing is being stored): this client gets a fetch of its own. */
  private async unshared(plan: Plan): Promise<Answer> {
    const pins = await pinSource(this.rooms, this.desk, plan);
    const flight = new FileFlight(this.rooms, plan, pins, this.rooms.spools.none());
    return this.following(plan, flight, flight.reader());
  }

  private async part(plan: Plan, request: EngineRequest): Promise<Answer> {
    const range = request.method === 'HEAD' ? 'bytes=0-0' : (request.range ?? 'bytes=0-0');
    const pins = await pinSource(this.rooms, this.desk, plan);
    let response = await askRange(this.rooms, plan, pins.known()?.source, range);
    if (response.status === 404 && !pins.known()) {
      const source = (await pins.pin())?.source;
      if (source !== undefined) response = await askRange(this.rooms, plan, source, range);
    }
    if (response.status !== 200 && response.status !== 206) {
      response.body.destroy();
      const error = notThere(plan, { status: response.status, url: response.url, base: response.base });
      this.negative.learn(plan.key, error);
      throw error;
    }
    const { part, total, body } = streamSource(response);
    if (total !== undefined && total <= ABANDON_BELOW_BYTES && request.method !== 'HEAD') {
      this.begin(plan).catch(() => undefined);
    }
    const about = this.about(plan, undefined, undefined, response.headers['last-modified'], response.headers['content-encoding']);
    if (request.method === 'HEAD') {
      body.close();
      return { ...about, outcome: 'pass', detail: 'head', body: { size: total, read: () => Promise.resolve(Buffer.alloc(0)), close: () => undefined } };
    }
    return { ...about, outcome: 'pass', detail: 'range', body, ...(part ? { part } : {}) };
  }

  private about(plan: Plan, contentType: string | undefined, etag: string | undefined, lastModified: string | undefined, encoding: string | undefined) {
    const route = plan.route as ImmutableRoute;
    return {
      contentType: contentType !== undefined && !/^text\/html/i.test(contentType) ? contentType : route.contentType,
      cacheControl: FOR_EVER,
      vary: '',
      ...(etag === undefined ? {} : { etag }),
      ...(lastModified === undefined ? {} : { lastModified }),
      ...(encoding === undefined ? {} : { contentEncoding: encoding }),
    };
  }
}

/** The ETag that the file will have once it is held, if the pin is also its content address. */
function pinEtag(integrity: string, plan: Plan): string | undefined {
  const usual = (plan.route as ImmutableRoute).digest;
  const found = integrity.split(/\s+/).find((word) => word.startsWith(`${usual}-`));
  return found === undefined ? undefined : strongEtag(found);
}
