/** One fetch of one document: conditional if something is held, rendered and its pins learnt before anything is kept. */
import type { DocumentRoute, PagedSource } from '../../../caches/module';
import { isLarderError, LarderError } from '../../errors';
import { digestBuffer } from '../../integrity/digest';
import { packPins, type PinList } from '../../integrity/pin-list';
import type { Entry, NewEntry } from '../../store/entry';
import type { RenderJob, RenderResult } from '../../documents/types';
import { revisionDate } from './document-dates';
import { Download } from '../bodies/download';
import { isAbsence } from '../files/file-places';
import { notThere } from '../bodies/head';
import { GrowingBody } from '../bodies/growing-body';
import type { Head } from '../bodies/head';
import { fetchPages } from './paged-document';
import { keyPrefix, type Plan } from '../plan';
import { contentAddress, type EngineRooms } from '../rooms';

const UNWATCHED = { began: () => undefined, diverged: () => undefined, grew: () => undefined };

/** Who is told how a fetch goes. */
export interface DocumentWatcher {
  /** The upstream began to send a document. */
  readonly began?: () => void;
  /** What a new one promises. */
  readonly promised?: (pins: PinList) => void;
}

/** A rendering that is made in the same pass as the check of a new document. */
export interface Wanted {
  /** Targets that it promises in vain; never empty. */
  readonly absent?: readonly string[];
  readonly variant: string;
  readonly base: string;
  readonly gzip: boolean;
}

export interface DocumentResult {
  readonly entry: Entry;
  /** `revalidated`: the upstream confirmed what was held. */
  readonly outcome: 'miss' | 'revalidated';
  /** Made in the same pass, if the document is new: whoever wants exactly this may have it. */
  readonly rendered?: { readonly wanted: Wanted; readonly result: NonNullable<RenderResult['rendered']> };
  /** Set when the store could not keep it: the bytes and promises, for as long as somebody needs them. */
  readonly unstored?: { readonly body: Buffer; readonly pins: PinList };
  /** Set if it is still being stored: resolves when that is over, with the entry, or with nothing if the store could not keep it. Never rejects. */
  readonly storing?: Promise<Entry | undefined>;
}

type KeepArguments = [
  held: Entry | undefined,
  wanted: Wanted | undefined,
  keeping: 'in-memory' | (() => boolean),
  watcher: DocumentWatcher,
];

/** Larger documents are handed out before they are stored: that takes longer than everything else of theirs. */
const LARGE_BYTES = 4 * 1024 * 1024;

/**
 * @param held what the store has, to be confirmed or replaced
 * @param keeping `in-memory`: nothing is stored; else whether a write came after it began, so that what it brings is stale already
 * @throws LarderError of the upstream, or document-invalid, document-too-large
 */
export async function fetchDocument(
  rooms: EngineRooms,
  plan: Plan,
  held: Entry | undefined,
  wanted: Wanted | undefined,
  keeping: 'in-memory' | (() => boolean),
  watcher: DocumentWatcher = {},
): Promise<DocumentResult> {
  const route = plan.route as DocumentRoute;
  const isOvertaken = (): boolean => keeping !== 'in-memory' && keeping();
  if (route.pages) return fetchPaged(rooms, plan, route.pages, held, wanted, keeping, watcher);
  const body = new GrowingBody(undefined, () => undefined, Infinity);
  const headers = { ...route.ask, 'accept-encoding': route.codec ? 'gzip' : 'identity', ...conditions(held) };
  const spec = {
    origin: plan.origin,
    path: plan.places?.[0] ?? plan.path,
    headers,
    algorithms: ['sha256'] as const,
    judged: false,
    retries: rooms.config.retries,
    maxBytes: rooms.config.maxDocumentBytes,
    signal: new AbortController().signal,
  };
  const download = new Download(rooms.upstream, spec, body, UNWATCHED);
  const { head, response } = await download.open();
  if (head.status === 304 && held) return { entry: await confirm(rooms, held, head, isOvertaken()), outcome: 'revalidated' };
  if (!response) return absentOr(notThere(plan, head), rooms, plan, head, held, wanted, keeping, watcher);
  watcher.began?.();
  const digested = await download.readAll(response);
  const bytes = body.all();
  const integrity = contentAddress(digested);
  // What began at one mirror may have come from another, which encodes it in its own way.
  const last = download.latest ?? head;
  if (held?.integrity === integrity) return { entry: await confirm(rooms, held, last, isOvertaken()), outcome: 'revalidated' };
  return readAndKeep(rooms, plan, last, bytes, { ...digested, integrity }, held, wanted, keeping, watcher);
}

/** That there is no such document, as a document, if the route has that kept and nothing is held that it would displace. @throws LarderError the one that is given, if not */
async function absentOr(error: LarderError, rooms: EngineRooms, plan: Plan, head: Head, ...more: KeepArguments): Promise<DocumentResult> {
  const { absent } = plan.route as DocumentRoute;
  if (absent?.kept !== true || !isAbsence(error)) throw error;
  const [held, wanted, keeping, watcher] = more;
  const digested = digestBuffer(absent.body, ['sha256']);
  const integrity = contentAddress(digested);
  const { url, base } = head;
  const said: Head = { status: 200, url, base, contentType: absent.contentType };
  if (held?.integrity === integrity) return { entry: await confirm(rooms, held, said, false, true), outcome: 'revalidated' };
  // What is held may be needed again: a repository that is being built anew is empty for a moment.
  if (held) throw error;
  return readAndKeep(rooms, plan, said, absent.body, { ...digested, integrity, absent: true }, held, wanted, keeping, watcher);
}

/** The same of a document that comes in pages: it has no validators of its own, so only the same rows confirm what is held. */
async function fetchPaged(
  rooms: EngineRooms,
  plan: Plan,
  pages: PagedSource,
  held: Entry | undefined,
  wanted: Wanted | undefined,
  keeping: 'in-memory' | (() => boolean),
  watcher: DocumentWatcher,
): Promise<DocumentResult> {
  const { rows, url, base } = await fetchPages(rooms, plan, pages, () => watcher.began?.());
  const digested = digestBuffer(rows, ['sha256']);
  const integrity = contentAddress(digested);
  const head: Head = { status: 200, url, base };
  if (held?.integrity === integrity) {
    const isOvertaken = keeping !== 'in-memory' && keeping();
    return { entry: await confirm(rooms, held, head, isOvertaken), outcome: 'revalidated' };
  }
  return readAndKeep(rooms, plan, head, rows, { ...digested, integrity }, held, wanted, keeping, watcher);
}

/** What is known of a document's bytes. */
type Digested = Pick<NewEntry, 'integrity' | 'size' | 'chunks' | 'absent'>;

async function readAndKeep(
  rooms: EngineRooms,
  plan: Plan,
  head: Head,
  bytes: Buffer,
  digested: Digested,
  held: Entry | undefined,
  wanted: Wanted | undefined,
  keeping: 'in-memory' | (() => boolean),
  watcher: DocumentWatcher,
): Promise<DocumentResult> {
  const { codec } = plan.route as DocumentRoute;
  const checked = codec
    ? await readDocument(rooms, plan, { url: head.url, home: head.base }, { body: bytes }, head.contentEncoding, wanted)
    : undefined;
  if (checked?.pins) watcher.promised?.(checked.pins);
  const dated = plan.route.dated ? { revisedAt: revisionDate(rooms.now(), held) } : {};
  const entry = { ...entryOf(rooms, head, digested), ...dated };
  const rendered = checked?.rendered && wanted ? { wanted, result: checked.rendered } : undefined;
  const kept = keeping !== 'in-memory' && keeping() ? { ...entry, stale: true } : entry;
  return keep(rooms, plan, kept, bytes, checked?.pins, rendered, keeping === 'in-memory' || rooms.store.notStoring() !== undefined);
}

/** Where a held document came from: records of earlier versions do not name the mirror. */
export function placeOf(plan: Plan, { url, home }: Pick<NewEntry, 'url' | 'home'>): { readonly url: string; readonly home: string } {
  return { url, home: home ?? withoutCredentials(plan.origin.bases[0] ?? '') };
}

/** What a document promises, and the rendering that is wanted, if any. @throws LarderError as the pool's render */
export function readDocument(
  rooms: EngineRooms,
  plan: Plan,
  from: { readonly url: string; readonly home: string },
  source: RenderJob['source'],
  contentEncoding: string | undefined,
  wanted: Wanted | undefined,
): Promise<RenderResult> {
  return rooms.pool
    .render({
      module: rooms.module.name,
      route: plan.route.name,
      path: plan.path,
      url: from.url,
      home: from.home,
      source,
      base: wanted?.base ?? '',
      gzip: wanted?.gzip ?? false,
      pins: true,
      maxBytes: rooms.config.maxDocumentBytes,
      ...(wanted ? { variant: wanted.variant } : {}),
      ...(contentEncoding === undefined ? {} : { contentEncoding }),
    })
    .catch((error: unknown) => {
      throw isLarderError(error) ? new LarderError(error.code, { ...error.facts, target: plan.path }, error.cause) : error;
    });
}

async function keep(
  rooms: EngineRooms,
  plan: Plan,
  entry: NewEntry,
  bytes: Buffer,
  pins: PinList | undefined,
  rendered: DocumentResult['rendered'],
  inMemory: boolean,
): Promise<DocumentResult> {
  const made = rendered ? { rendered } : {};
  const unstored = {
    entry: { ...entry, v: 1 as const, key: plan.key },
    outcome: 'miss' as const,
    unstored: { body: bytes, pins: pins ?? packPins([]) },
    ...made,
  };
  if (inMemory) return unstored;
  const storing = store(rooms, plan, entry, bytes, pins);
  if (bytes.length >= LARGE_BYTES) return { ...unstored, storing };
  const stored = await storing;
  return stored ? { entry: stored, outcome: 'miss', ...made } : unstored;
}

/** @returns undefined if the store could not take it. Never rejects */
async function store(
  rooms: EngineRooms,
  plan: Plan,
  entry: NewEntry,
  bytes: Buffer,
  pins: PinList | undefined,
): Promise<Entry | undefined> {
  try {
    // First what it promises (be it nothing): a document whose promises are known is not read for them again.
    if (pins) await learn(rooms, plan, entry.integrity, pins);
    return await rooms.store.commit(plan.key, entry, { buffer: bytes });
  } catch (error) {
    rooms.log.warn('not-storing', { key: plan.key, reason: String(error) });
    return undefined;
  }
}

/** Tells the store what a revision of a document promises, and the log what was promised otherwise before. @throws Error of the store */
export async function learn(rooms: EngineRooms, plan: Plan, revision: string, pins: PinList): Promise<void> {
  const conflicts = await rooms.store.learn(plan.key, revision, keyPrefix(rooms.module.name, plan.origin.name), pins);
  for (const { target, held, promised } of conflicts)
    rooms.log.error('digest-changed', { target, held, promised, policy: rooms.cache.changed });
}

/** RFC 9110 §13.1.2, §13.1.3: what was held is named to the upstream by the validators that it gave. */
function conditions(held: Entry | undefined): Record<string, string> {
  return {
    ...(held?.etag === undefined ? {} : { 'if-none-match': held.etag }),
    ...(held?.lastModified === undefined ? {} : { 'if-modified-since': held.lastModified }),
  };
}

async function confirm(rooms: EngineRooms, held: Entry, head: Head, stale: boolean, isAbsent = false): Promise<Entry> {
  const patch = {
    checkedAt: rooms.now(),
    stale,
    ...(isAbsent ? { absent: true as const } : {}),
    ...(head.etag === undefined ? {} : { etag: head.etag }),
    ...(head.lastModified === undefined ? {} : { lastModified: head.lastModified }),
  };
  try {
    return (await rooms.store.amend(held.key, held.integrity, patch)) ?? { ...held, ...patch };
  } catch (error) {
    rooms.log.warn('not-storing', { key: held.key, reason: String(error) });
    return { ...held, ...patch };
  }
}

function entryOf(rooms: EngineRooms, head: Head, digested: Digested): NewEntry {
  return {
    module: rooms.module.name,
    kind: 'document',
    url: head.url,
    home: head.base,
    integrity: digested.integrity,
    size: digested.size,
    chunks: digested.chunks,
    ...(digested.absent ? { absent: true as const } : {}),
    storedAt: rooms.now(),
    checkedAt: rooms.now(),
    ...(head.contentType === undefined ? {} : { contentType: head.contentType }),
    ...(head.contentEncoding === undefined ? {} : { contentEncoding: head.contentEncoding }),
    ...(head.etag === undefined ? {} : { etag: head.etag }),
    ...(head.lastModified === undefined ? {} : { lastModified: head.lastModified }),
  };
}

function withoutCredentials(base: string): string {
  const url = new URL(base);
  url.username = '';
  url.password = '';
  return url.href.replace(/\/$/, '');
}
