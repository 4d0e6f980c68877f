/**
 * What is held of a URL. Usually one response, under the URL's key. If responses vary (RFC 9111 §4.1), the key has the lists of request fields
 * that they vary by, and each response stands under a key made of the values that those fields had: two requests that select the same
 * response have the same key, and nobody need list the others.
 */
import { createHash } from 'node:crypto';
import { errorText } from '../../errors';
import type { Digested } from '../../integrity/digest';
import { toStored, type CacheRequest, type StoredResponse } from '../../rfc9111/cache-policy';
import type { Entry, NewEntry } from '../../store/entry';
import type { Plan } from '../plan';
import { contentAddress, type EngineRooms } from '../rooms';

export interface Held {
  readonly entry: Entry;
  readonly stored: StoredResponse;
}

/** `varies`: there are others, which the request does not select. */
export type Found = readonly Held[] & { readonly varies?: boolean };

/** Lists of fields that a URL's responses may vary by at a time; with more, the oldest one's responses are not found any more. */
const MOST_LISTS = 4;
const NO_BYTES = Buffer.alloc(0);

export class Shelf {
  constructor(private readonly rooms: EngineRooms) {}

  /** Every response that the request may select; as many as there are lists, at most. */
  async find(request: CacheRequest, key: string): Promise<Found> {
    const { store } = this.rooms;
    const entry = await store.find(key);
    if (!entry?.variesBy) return heldOf(entry, request.url);
    store.used(key);
    const keys = entry.variesBy.map((names) => variantKey(key, selectingOf(request, names)));
    const found = await Promise.all(keys.map((each) => store.find(each)));
    return Object.assign(
      found.flatMap((each) => heldOf(each, request.url)),
      { varies: true },
    );
  }

  /** Keeps a response. The bytes are in `commit`'s hands. @returns undefined if it was not stored */
  async keep(
    plan: Plan,
    request: CacheRequest,
    stored: StoredResponse,
    digested: Digested,
    commit: (key: string, entry: NewEntry) => Promise<Entry | undefined>,
  ): Promise<Held | undefined> {
    const { store, module } = this.rooms;
    const { key } = plan;
    const names = Object.keys(stored.selecting).sort();
    const before = (await store.find(key))?.variesBy ?? [];
    // What came without Vary stands beside what varies as if it varied likewise: else it would be chosen for everybody (§4.1).
    const [list] = names.length > 0 ? [names] : before;
    const selecting = names.length > 0 || !list ? stored.selecting : selectingOf(request, list);
    const about = { module: module.name, kind: 'response', url: stored.url, checkedAt: stored.responseTimeMs } as const;
    const { size, chunks } = digested;
    const entry: NewEntry = {
      ...about,
      storedAt: stored.responseTimeMs,
      response: { ...stored, selecting },
      integrity: contentAddress(digested),
      size,
      chunks,
    };
    const held = await commit(list ? variantKey(key, selecting) : key, entry);
    if (!held) return undefined;
    if (list && !before.some((each) => isSame(each, list))) {
      const variesBy = [list, ...before].slice(0, MOST_LISTS);
      const nothing = { integrity: `sha256-${createHash('sha256').digest('base64')}`, size: 0, chunks: '' };
      await store.commit(key, { ...about, storedAt: stored.responseTimeMs, variesBy, ...nothing }, { buffer: NO_BYTES });
    }
    return heldOf(held, stored.url)[0];
  }

  /** Writes down what changed of a response whose bytes, and what selects it, stay. @returns undefined if other bytes are held by now */
  async amend({ entry }: Held, after: StoredResponse): Promise<Held | undefined> {
    const { selecting } = entry.response ?? after;
    const patch = { response: { ...after, selecting }, checkedAt: after.responseTimeMs };
    return heldOf(await this.rooms.store.amend(entry.key, entry.integrity, patch), after.url)[0];
  }

  /** Forgets one response. Never rejects: the answer that says so has come, whatever becomes of what is held. */
  async drop({ entry }: Held): Promise<void> {
    const { store, log } = this.rooms;
    await store.remove([entry.key]).catch((error: unknown) => log.warn('not-storing', { key: entry.key, reason: errorText(error) }));
  }

  /** Forgets every response of a URL (RFC 9111 §4.4). */
  async invalidate(key: string): Promise<void> {
    const { store } = this.rooms;
    const varies = (await store.find(key))?.variesBy !== undefined;
    await store.remove([key]);
    if (varies) await store.removePrefix(variantPrefix(key));
  }
}

/** The key says what it is of; the URL changes with the mirror that is asked first. */
function heldOf(entry: Entry | undefined, url: string): Held[] {
  return entry?.response ? [{ entry, stored: { ...entry.response, url } }] : [];
}

/** No target has a space in it. */
function variantPrefix(key: string): string {
  return `${key} `;
}

function variantKey(key: string, selecting: StoredResponse['selecting']): string {
  const values = Object.keys(selecting)
    .sort()
    .map((name) => [name, selecting[name] ?? null]);
  return variantPrefix(key) + createHash('sha256').update(JSON.stringify(values)).digest('base64url').slice(0, 32);
}

/** What a request would select by some fields: what a response that varies by them would be stored with. */
function selectingOf(request: CacheRequest, names: readonly string[]): StoredResponse['selecting'] {
  return toStored(request, { status: 200, fields: [['Vary', names.join(', ')]], requestTimeMs: 0, responseTimeMs: 0 }).selecting;
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, index) => name === other[index]);
}
