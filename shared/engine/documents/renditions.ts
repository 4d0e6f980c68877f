/** Renderings of documents for one base and variant: kept as derived entries with their own ETag, so that a hit is a file. */
import { createHash } from 'node:crypto';
import type { Asked, DocumentRoute } from '../../../caches/module';
import { LarderError } from '../../errors';
import type { Digested } from '../../integrity/digest';
import type { RenderResult } from '../../documents/types';
import type { Entry, NewEntry } from '../../store/entry';
import type { DocumentAnswer } from './document-desk';
import { placeOf, type Wanted } from './document-flight';
import type { HeldBodies } from '../bodies/held-body';
import type { Plan } from '../plan';
import type { Absences } from './absences';
import { contentAddress, strongEtag, type EngineRooms } from '../rooms';

/** Smaller renderings are made again when they are needed: cheaper than an index entry. */
const KEEP_BYTES = 16 * 1024;
/** Larger held renderings are streamed from their file instead of being read at once. */
const MEMORY_BYTES = 8 * 1024 * 1024;

export interface Rendition {
  readonly contentType: string;
  readonly contentEncoding?: 'gzip';
  readonly etag: string;
  /** The bytes, or the held entry that has them. */
  readonly body: Buffer | Entry;
}

export class Renditions {
  private readonly under = new Map<string, Promise<Rendition | undefined>>();

  constructor(
    private readonly rooms: EngineRooms,
    private readonly bodies: HeldBodies,
    private readonly absences: Absences,
  ) {}

  /** @returns undefined if the document has no such part @throws LarderError */
  async of(plan: Plan, document: DocumentAnswer, asked: Wanted): Promise<Rendition | undefined> {
    const absent = this.absences.of(plan.key, document.entry.integrity);
    const wanted = absent.length === 0 ? asked : { ...asked, absent };
    const key = `${derivedKey(plan, wanted)}\n${document.entry.integrity}`;
    let job = this.under.get(key);
    if (!job) {
      job = this.findOrRender(plan, document, wanted).finally(() => this.under.delete(key));
      this.under.set(key, job);
    }
    return job;
  }

  private async findOrRender(plan: Plan, document: DocumentAnswer, wanted: Wanted): Promise<Rendition | undefined> {
    const { rendered } = document;
    // Others share the fetch of a document, and may want another rendering than the one that was made in its course.
    const isMade =
      rendered &&
      (rendered.wanted.gzip || !wanted.gzip) &&
      derivedKey(plan, { ...rendered.wanted, gzip: wanted.gzip }) === derivedKey(plan, wanted);
    if (isMade) return this.keep(plan, document, wanted, rendered.result);
    const held = await this.rooms.store.find(derivedKey(plan, wanted));
    if (held && held.source === document.entry.integrity && held.etag !== undefined) {
      const found = await this.fromEntry(held).catch(() => undefined);
      if (found) return found;
    }
    const result = await this.render(plan, document, wanted);
    return result.rendered && this.keep(plan, document, wanted, result.rendered);
  }

  private async fromEntry(held: Entry): Promise<Rendition> {
    const body = held.size <= MEMORY_BYTES ? await this.bodies.readSmall(held) : held;
    this.rooms.store.used(held.key);
    return {
      contentType: held.contentType ?? 'application/octet-stream',
      etag: held.etag ?? '',
      body,
      ...(held.contentEncoding === 'gzip' ? { contentEncoding: 'gzip' as const } : {}),
    };
  }

  private render(plan: Plan, document: DocumentAnswer, wanted: Wanted): Promise<RenderResult> {
    const { entry, unstored } = document;
    const source = unstored
      ? { body: Buffer.from(unstored.body) }
      : { file: this.rooms.store.contentPath(entry.integrity), integrity: entry.integrity };
    return this.rooms.pool
      .render({
        module: this.rooms.module.name,
        route: plan.route.name,
        path: plan.path,
        ...placeOf(plan, entry),
        source,
        variant: wanted.variant,
        base: wanted.base,
        gzip: wanted.gzip,
        ...(wanted.absent ? { absent: wanted.absent } : {}),
        pins: false,
        maxBytes: this.rooms.config.maxDocumentBytes,
        ...(entry.contentEncoding === undefined ? {} : { contentEncoding: entry.contentEncoding }),
      })
      .catch((error: unknown) => this.bodies.unread(entry, error));
  }

  private keep(plan: Plan, document: DocumentAnswer, wanted: Wanted, rendered: NonNullable<RenderResult['rendered']>): Rendition {
    const gzip = wanted.gzip && rendered.gzip !== undefined;
    const body = gzip && rendered.gzip ? rendered.gzip : rendered.identity;
    const etag = strongEtag(rendered.integrity, gzip ? '-g' : '');
    const { contentType } = rendered;
    const store = (): void =>
      this.store(
        derivedKey(plan, wanted),
        { etag, contentType, source: document.entry.integrity, ...(gzip ? { contentEncoding: 'gzip' } : {}) },
        body,
        (gzip ? rendered.digested.gzip : undefined) ?? rendered.digested.identity,
      );
    if (rendered.identity.length >= KEEP_BYTES && !this.rooms.store.notStoring()) {
      // Of a document that cannot be stored nothing is kept; of one that is just being stored, once it is.
      if (document.storing) void document.storing.then((entry) => entry && store());
      else if (!document.unstored) store();
    }
    return { contentType, etag, body, ...(gzip ? { contentEncoding: 'gzip' as const } : {}) };
  }

  /** In the background: a rendering that is not kept costs time later, nothing else. */
  private store(
    key: string,
    facts: { etag: string; contentType: string; source: string; contentEncoding?: string },
    body: Buffer,
    digested: Digested,
  ): void {
    const now = this.rooms.now();
    const entry: NewEntry = {
      module: this.rooms.module.name,
      kind: 'derived',
      url: '',
      ...facts,
      integrity: contentAddress(digested),
      size: digested.size,
      chunks: digested.chunks,
      storedAt: now,
      checkedAt: now,
    };
    this.rooms.store
      .commit(key, entry, { buffer: body })
      .catch((error: unknown) => this.rooms.log.warn('not-storing', { key, reason: String(error) }));
  }
}

/** Derived keys begin with their document's key and `#` (which no path contains), so that purging a document finds them. */
function derivedKey(plan: Plan, wanted: Wanted): string {
  const key = `${plan.key}#${wanted.variant}#${wanted.gzip ? 'gzip' : 'identity'}#${wanted.base}`;
  if (!wanted.absent) return key;
  // Processes that know of other absences have renderings of their own.
  return `${key}#without-${createHash('sha256').update(wanted.absent.join('\n')).digest('base64url')}`;
}

/** Which rendering of a document route a request wants. @throws never */
export function variantOf(plan: Plan, asked: Asked): string {
  const route = plan.route as DocumentRoute;
  return route.variant?.(plan.params, asked) ?? '';
}

/** The error for a part that a document does not have. */
export function noSuchPart(plan: Plan, variant: string): LarderError {
  return new LarderError('part-not-found', { part: variant.replace(':', ' '), target: plan.path });
}
