/**
 * The hit path: a bounded map from (base, raw target, rendering, encoding) to a response that only needs its Age. No promise, no
 * stat, no header object. Everything clever about speed is in this file; what it declines goes the ordinary way.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { TABLE_MARK } from '../engine/rosters/pin-tables';
import type { Answer } from '../engine/answer';
import type { ReadyMessage } from '../engine/mirror/types';
import type { Log } from '../log/types';
import type { Store } from '../store/types';
import type { Bases } from './bases';
import type { Counters } from './counters';
import { CACHE_STATUS, hitFor, Prepared } from './prepared';
import { hasWishes, readFacts, type RequestFacts } from './request-facts';
import { headersOf } from './response-headers';
import { ACCEPTS_BYTES, emptySlot, mannerOf, type Ready, type Slot } from './manners';

const SLASH = 0x2f;
/** Memory of a slot beyond its body (heads, keys, objects), roughly. */
const OVERHEAD_BYTES = 2200;
/** How long clients are told that an idle connection is kept, unless the process exits earlier. */
export const KEEP_ALIVE_SECONDS = 65;
/** Largest bodies kept: files are small ones only, documents may be large. */
const READY_BYTES = 8 * 1024 * 1024;

export class Hot {
  private readonly slots = new Map<string, Slot>();
  /** Which slots show an entry, so that a change drops exactly these. */
  private readonly owners = new Map<string, Set<string>>();
  private bytes = 0;
  private checkedThisTurn = false;
  /** Moves whenever something was dropped: an answer that was looked up before must not be kept after. */
  version = 0;
  private readonly endTurn = (): void => {
    this.checkedThisTurn = false;
  };

  constructor(
    private readonly moduleName: string,
    private readonly store: Store,
    private readonly bases: Bases,
    private readonly counters: Counters,
    private readonly log: Log,
    private readonly budgetBytes: number,
    private readonly trustsProxies: boolean,
    /** ms since the epoch. */
    private readonly now: () => number = Date.now,
    /** Targets in absolute form are answered too: for modules whose clients name the archive. */
    private readonly servesProxied = false,
    /** Names (lower case) of further request fields that are logged. */
    private readonly logged?: ReadonlySet<string>,
    /** What clients say of caching and conditions counts to the letter (RFC 9111 §5.2.1): elsewhere. */
    private readonly isToTheLetter = false,
    /** How long clients are told that an idle connection is kept. */
    private readonly keepAliveSeconds = KEEP_ALIVE_SECONDS,
  ) {
    store.onChange((change) => {
      if (change.module !== moduleName) return;
      // A table of pins speaks of files that it does not name: what they are is to be decided anew.
      if (change.keys === undefined || change.keys.some((key) => key.includes(TABLE_MARK))) this.clear();
      else for (const key of change.keys) this.drop(key);
    });
  }

  /** Answers if it can at once. @returns false if the request must go the ordinary way */
  serve(req: IncomingMessage, res: ServerResponse): boolean {
    if (req.method !== 'GET' && req.method !== 'HEAD') return false;
    const facts = this.read(req.rawHeaders);
    const now = this.now();
    const ready = this.isPlain(facts) ? this.find(facts, req.url ?? '', now) : undefined;
    if (!ready) return false;
    this.send(req, res, facts, ready, now);
    return true;
  }

  /** What a request's fields say. */
  read(rawHeaders: readonly string[]): RequestFacts {
    return readFacts(rawHeaders, this.logged);
  }

  /** The answer to a plain GET as bytes for the wire. @param facts of a request that `isPlain` @returns undefined if there is none ready */
  bytesFor(facts: RequestFacts, target: string, address: string): readonly Buffer[] | undefined {
    const now = this.now();
    const ready = this.find(facts, target, now);
    if (!ready) return undefined;
    const unchanged = isUnchanged(facts, ready);
    const bytes = unchanged ? 0 : ready.prepared.body.length;
    this.note(address, 'GET', target, unchanged ? 304 : 200, bytes, facts.said);
    return unchanged ? ready.prepared.unchanged(now) : ready.prepared.ok(now);
  }

  private find(facts: RequestFacts, target: string, now: number): Ready | undefined {
    const slotKey = this.slotKeyOf(facts, target);
    if (slotKey === undefined) return undefined;
    this.lookAround();
    const slot = this.slots.get(slotKey);
    const ready = slot && (slot.byManner.get('') ?? slot.byManner.get(mannerOf(slot, facts)));
    if (!ready || now >= ready.freshUntil || now < ready.notBefore) return undefined;
    // Another date than the one that we sent needs a calendar.
    if (facts.ifModifiedSince !== undefined && facts.ifNoneMatch === undefined && facts.ifModifiedSince !== ready.lastModified)
      return undefined;
    ready.asked = true;
    this.store.used(ready.usedKey);
    return ready;
  }

  /**
   * In absolute form the target alone says everything, the base included: Host means nothing there (RFC 9112 §3.2.2).
   * @returns undefined if nothing is kept for such a request
   */
  private slotKeyOf(facts: RequestFacts, target: string): string | undefined {
    if (target.charCodeAt(0) !== SLASH) return this.servesProxied ? `\n${target}` : undefined;
    const base = this.bases.recall(facts.host);
    return base === undefined ? undefined : `${base}\n${target}`;
  }

  /** Keeps an answer for the next who asks the same way. `version`: this.version before it was looked up. */
  keep(req: IncomingMessage, facts: RequestFacts, base: string, answer: Answer, version: number): void {
    if (version !== this.version) return;
    const { ready, etag } = answer;
    if (!ready || etag === undefined) return;
    const plain = headersOf({ ...answer, outcome: 'hit' }, ready.bytes.length);
    const confirmedAt = answer.confirmedAt ?? this.now();
    this.put(req, facts, base, answer, {
      prepared: new Prepared(plain, ready.bytes, confirmedAt, this.keepAliveSeconds),
      headers: [...plain, 'Age', '0'],
      isMessage: false,
      etag,
      lastModified: answer.lastModified,
      confirmedAt,
      notBefore: ready.freshUntil === Infinity ? -Infinity : confirmedAt,
      freshUntil: ready.freshUntil,
      usedKey: ready.usedKey,
    });
  }

  /** As `keep`, of an origin's message that is sent as it is to every plain request until it is stale. */
  keepMessage(req: IncomingMessage, facts: RequestFacts, base: string, message: ReadyMessage, version: number): void {
    if (version !== this.version || !this.isPlain(facts)) return;
    const { headers: plain, body, bornAt: confirmedAt, freshUntil, date, key: usedKey } = message;
    this.put(
      req,
      facts,
      base,
      { vary: '' },
      {
        prepared: new Prepared(plain, body, confirmedAt, this.keepAliveSeconds, { date, freshUntil }),
        headers: [...plain, 'Date', date, CACHE_STATUS, '', 'Age', '0'],
        isMessage: true,
        etag: '',
        lastModified: undefined,
        confirmedAt,
        notBefore: this.now(),
        freshUntil,
        usedKey,
      },
    );
  }

  private put(
    req: IncomingMessage,
    facts: RequestFacts,
    base: string,
    answer: Pick<Answer, 'vary' | 'variantOf' | 'hasForms'>,
    made: Omit<Ready, 'cost' | 'asked'>,
  ): void {
    const { length } = made.prepared.body;
    if (length > READY_BYTES || length > this.budgetBytes / 4) return;
    const { usedKey } = made;
    const target = req.url ?? '';
    if (target.startsWith('/') ? this.bases.recall(facts.host) !== base : this.isForwarded(facts)) return;
    const slotKey = this.slotKeyOf(facts, target);
    if (slotKey === undefined) return;
    let slot = this.slots.get(slotKey);
    if (!slot) this.slots.set(slotKey, (slot = emptySlot(answer)));
    const manner = answer.vary === '' ? '' : mannerOf(slot, facts);
    this.bytes -= slot.byManner.get(manner)?.cost ?? 0;
    // Clients choose the target, so its length counts too: two bytes a character at most.
    const chosen = 2 * (slotKey.length + manner.length + usedKey.length) + (slot.variantOf ? ACCEPTS_BYTES : 0);
    const cost = length + OVERHEAD_BYTES + chosen;
    slot.byManner.set(manner, { ...made, cost, asked: false });
    this.bytes += cost;
    const owned = this.owners.get(usedKey);
    if (owned) owned.add(slotKey);
    else this.owners.set(usedKey, new Set([slotKey]));
    if (this.bytes > this.budgetBytes) this.sweep();
  }

  clear(): void {
    this.version++;
    this.slots.clear();
    this.owners.clear();
    this.bytes = 0;
  }

  private send(req: IncomingMessage, res: ServerResponse, facts: RequestFacts, ready: Ready, now: number): void {
    const { headers } = ready;
    if (ready.isMessage) headers[headers.length - 3] = hitFor(ready.freshUntil - now).trimEnd();
    headers[headers.length - 1] = String(Math.max(0, Math.floor((now - ready.confirmedAt) / 1000)));
    let bytes = 0;
    let status = 200;
    if (isUnchanged(facts, ready)) {
      status = 304;
      res.writeHead(304, headers.slice(2));
      res.end();
    } else {
      res.writeHead(200, headers);
      if (req.method === 'GET') {
        bytes = ready.prepared.body.length;
        res.end(ready.prepared.body);
      } else res.end();
    }
    this.note(req.socket.remoteAddress ?? '-', req.method ?? '-', req.url ?? '-', status, bytes, facts.said);
  }

  private note(address: string, method: string, target: string, status: number, bytes: number, said: string | undefined): void {
    this.counters.count('hit', undefined, bytes);
    this.counters.timed(target, 0);
    this.log.access({ address, method, target, status, bytes, outcome: 'hit', ms: 0, said });
  }

  /** Whether nothing about the request needs a decision that is made elsewhere. */
  isPlain(facts: RequestFacts): boolean {
    return (
      facts.range === undefined &&
      facts.authorization === undefined &&
      facts.ifMatch === undefined &&
      facts.ifUnmodifiedSince === undefined &&
      facts.via === undefined &&
      !facts.hostTwice &&
      !this.isForwarded(facts) &&
      !(this.isToTheLetter && hasWishes(facts)) &&
      (facts.ifNoneMatch === undefined || /^"[^"]*"$/.test(facts.ifNoneMatch))
    );
  }

  /** Whether a proxy may have said how the client sees us. */
  private isForwarded({ forwardedHost, forwardedProto, forwardedPrefix }: RequestFacts): boolean {
    return this.trustsProxies && (forwardedHost !== undefined || forwardedProto !== undefined || forwardedPrefix !== undefined);
  }

  /** Other processes change the store too: their mark is read at most once a turn of the event loop. */
  private lookAround(): void {
    if (this.checkedThisTurn) return;
    this.checkedThisTurn = true;
    setImmediate(this.endTurn);
    if (this.store.changed(this.moduleName)) this.clear();
  }

  /** Forgets what shows an entry. */
  drop(key: string): void {
    this.version++;
    for (const slotKey of this.owners.get(key) ?? []) this.forget(slotKey);
    this.owners.delete(key);
  }

  private forget(slotKey: string): void {
    const slot = this.slots.get(slotKey);
    if (!slot) return;
    for (const ready of slot.byManner.values()) this.bytes -= ready.cost;
    this.slots.delete(slotKey);
  }

  /** Clock sweep: oldest first, but what was asked since the last sweep gets another round. */
  private sweep(): void {
    const goal = this.budgetBytes * 0.9;
    for (const [slotKey, slot] of this.slots) {
      if (this.bytes <= goal) return;
      let asked = false;
      for (const ready of slot.byManner.values()) {
        asked ||= ready.asked;
        ready.asked = false;
      }
      this.slots.delete(slotKey);
      if (asked) {
        this.slots.set(slotKey, slot);
        continue;
      }
      for (const ready of slot.byManner.values()) {
        this.bytes -= ready.cost;
        const owned = this.owners.get(ready.usedKey);
        owned?.delete(slotKey);
        if (owned?.size === 0) this.owners.delete(ready.usedKey);
      }
    }
  }
}

/** Of requests that `find` did not decline: a date is the one that was sent (RFC 9110 §13.2.2). */
function isUnchanged({ ifNoneMatch, ifModifiedSince }: RequestFacts, { etag }: Ready): boolean {
  return ifNoneMatch === undefined ? ifModifiedSince !== undefined : ifNoneMatch === etag;
}
