/**
 * A document that comes page by page, in one of several forms (`pages` in the contract): each mirror in turn, the form that it had last time
 * or those that it may have, page after page. What comes of it are the rows of all pages, which is what is stored.
 */
import type { DocumentPage, DocumentRoute, PagedSource } from '../../../caches/module';
import type { Origin } from '../../config/config';
import { errorText, isLarderError, LarderError } from '../../errors';
import { Download } from '../bodies/download';
import { isAbsence, isOfPlace } from '../files/file-places';
import { GrowingBody } from '../bodies/growing-body';
import { hostOf, notThere, type Head } from '../bodies/head';
import type { Plan } from '../plan';
import type { EngineRooms } from '../rooms';

/** Pages of one document at most: of the smallest that upstreams give (1,000 rows), two millions of rows. */
const MOST_PAGES = 2_000;
/** A page that failed is asked for once more, so that one of hundreds does not cost the others. */
const MOST_TRIES = 2;

export interface PagedBody {
  readonly rows: Buffer;
  /** Of the first page. */
  readonly url: string;
  readonly base: string;
}

/** The form that each mirror had last time. */
const knownForms = new WeakMap<Origin, Map<string, string>>();

/** @param began told as soon as an upstream sends something @throws LarderError of the upstream; document-invalid, document-too-large */
export async function fetchPages(rooms: EngineRooms, plan: Plan, source: PagedSource, began: () => void): Promise<PagedBody> {
  const resting = new Set(
    rooms.upstream
      .health()
      .filter(({ healthy }) => !healthy)
      .map(({ base }) => base),
  );
  const bases = [...plan.origin.bases].sort((a, b) => Number(resting.has(a)) - Number(resting.has(b)));
  let worst: LarderError | undefined;
  for (const base of bases) {
    try {
      const found = await new Collection(rooms, plan, source, base, began).inAnyForm();
      // Of nothing there is no document: what that means is the route's to say.
      if (found.rows.length === 0 && (plan.route as DocumentRoute).absent) throw notThere(plan, { status: 404, url: found.url, base });
      return found;
    } catch (error) {
      // Only trouble is a reason to ask another mirror: what one does not have, none has.
      if (!isOfPlace(error)) throw error;
      worst ??= error;
    }
  }
  throw worst ?? new LarderError('not-configured', { setting: `UPSTREAM_${rooms.cache.name}` });
}

class Collection {
  constructor(
    private readonly rooms: EngineRooms,
    private readonly plan: Plan,
    private readonly source: PagedSource,
    private readonly base: string,
    private readonly began: () => void,
  ) {}

  /** @throws LarderError */
  async inAnyForm(): Promise<PagedBody> {
    const { origin, path } = this.plan;
    const known = knownForms.get(origin) ?? new Map<string, string>();
    knownForms.set(origin, known);
    const last = known.get(this.base);
    const forms = this.forms(last);
    let refused: LarderError | undefined;
    for (const form of forms) {
      try {
        const found = await this.inForm(form);
        if (found) {
          if (found.rows.length > 0) known.set(this.base, form);
          return found;
        }
        known.delete(this.base);
      } catch (error) {
        // In another form it may be there; where the form is known, it is not.
        if (!isAnswer(error)) throw error;
        if (form === last) throw error;
        refused = refused && isAbsence(refused) ? refused : error;
      }
    }
    const { cache } = this.rooms;
    const reason = `${hostOf(this.base)} gives no listing in a known form (${forms.join(', ')}); see LISTING_${cache.name}`;
    throw refused ?? new LarderError('document-invalid', { target: path, reason });
  }

  private forms(last: string | undefined): readonly string[] {
    const { listing } = this.rooms.cache;
    if (listing !== undefined) return [listing];
    const likely = this.source.likely(this.base);
    return last === undefined ? likely : [last, ...likely.filter((form) => form !== last)];
  }

  /** Every page in one form. @returns undefined if the upstream does not have this form @throws LarderError */
  private async inForm(form: string): Promise<PagedBody | undefined> {
    const { plan, source } = this;
    const pieces: Buffer[] = [];
    const markers = new Set<string>();
    let received = 0;
    let url = '';
    for (let marker: string | undefined; ;) {
      const { head, bytes } = await this.page(source.page(form, plan.path, marker));
      received += bytes.length;
      this.refuseTooMuch(received, markers.size);
      url ||= head.url;
      const page: DocumentPage | undefined = head.status === 204 ? { rows: bytes } : await this.read(form, head, bytes);
      if (!page) {
        if (marker === undefined) return undefined;
        throw new LarderError('document-invalid', { target: plan.path, reason: `its page ${markers.size + 1} is in no form of ${form}` });
      }
      pieces.push(page.rows);
      const { next } = page;
      if (next === undefined) return { rows: Buffer.concat(pieces), url, base: this.base };
      if (markers.has(next)) throw new LarderError('document-invalid', { target: plan.path, reason: 'its pages lead in a circle' });
      markers.add(next);
      marker = next;
    }
  }

  private refuseTooMuch(received: number, pages: number): void {
    const { maxDocumentBytes } = this.rooms.config;
    if (received > maxDocumentBytes) throw new LarderError('document-too-large', { target: this.plan.path, limit: maxDocumentBytes });
    if (pages >= MOST_PAGES)
      throw new LarderError('document-invalid', { target: this.plan.path, reason: `it has more than ${MOST_PAGES} pages` });
  }

  private read(form: string, head: Head, body: Buffer): ReturnType<EngineRooms['pool']['readPage']> {
    const { plan, rooms } = this;
    return rooms.pool.readPage({
      module: rooms.module.name,
      route: plan.route.name,
      path: plan.path,
      form,
      source: { body },
      maxBytes: rooms.config.maxDocumentBytes,
      ...(head.contentEncoding === undefined ? {} : { contentEncoding: head.contentEncoding }),
    });
  }

  private async page(path: string): Promise<{ head: Head; bytes: Buffer }> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.pageOnce(path);
      } catch (error) {
        if (!isOfPlace(error) || tries === MOST_TRIES) throw error;
        this.rooms.log.info('page-failed', { target: this.plan.path, reason: errorText(error) });
      }
    }
  }

  private async pageOnce(path: string): Promise<{ head: Head; bytes: Buffer }> {
    const { plan, rooms, base } = this;
    const body = new GrowingBody(undefined, () => undefined, Infinity);
    const spec = {
      origin: plan.origin,
      path,
      headers: { 'accept-encoding': 'gzip', ...(plan.route as DocumentRoute).ask },
      algorithms: ['sha256'] as const,
      judged: false,
      retries: rooms.config.retries,
      maxBytes: rooms.config.maxDocumentBytes,
      signal: new AbortController().signal,
    };
    const download = new Download(rooms.upstream, spec, body, { began: this.began, diverged: () => undefined, grew: () => undefined });
    // What one mirror calls a page, another may call otherwise.
    for (const other of plan.origin.bases) if (other !== base) download.refute(other);
    const { head, response } = await download.open();
    // Swift says so that there is nothing.
    if (head.status === 204) return { head, bytes: Buffer.alloc(0) };
    if (!response) throw notThere(plan, head);
    await download.readAll(response);
    return { head: download.latest ?? head, bytes: body.all() };
  }
}

/** Whether the upstream said that it does not have it, or not for us: in this form. */
function isAnswer(error: unknown): error is LarderError {
  return isLarderError(error) && (isAbsence(error) || error.code === 'upstream-denied');
}
