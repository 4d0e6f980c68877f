/**
 * The hit path: a bounded map from (base, raw target, rendering, encoding) to a response that only needs its Age. No promise, no
 * stat, no header object. Everything clever about speed is in this file; what it declines goes the ordinary way.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { TABLE_MARK } from '../engine/rosters/pin-tables';
import type { Answer } from '../engine/answer';
import type { Log } from '../log/types';
import type { Store } from '../store/types';
import type { Bases } from './bases';
import type { Counters } from './counters';
import { Prepared } from './prepared';
import { acceptsGzip, acceptsZstd, readFacts, type RequestFacts } from './request-facts';
import { headersOf } from './response-headers';

interface Ready {
  readonly prepared: Prepared;
  /** name, value, …; the last value is Age. */
  readonly headers: string[];
  readonly etag: string;
  readonly lastModified: string | undefined;
  readonly confirmedAt: number;
  /** May be sent from then (a clock that went backwards makes ages unknown) … */
  readonly notBefore: number;
  /** … until then, ms since the epoch. */
  readonly freshUntil: number;
  readonly usedKey: string;
  /** What it takes of the budget. */
  readonly cost: number;
  /** Asked since the sweep last came by (second chance). */
  asked: boolean;
}

/** All ready responses of one base and target, or of one target in absolute form. */
interface Slot {
  /** By rendering and encoding, not by what clients send: one rendering is kept once, however many ways there are to ask for it. */
  readonly byManner: Map<string, Ready>;
  readonly variantOf: ((accept: string | undefined) => string) | undefined;
  /** They are several files, of which one is for clients that accept zstd. */
  readonly hasForms: boolean;
  /** Which renderings some values of Accept mean. */
  readonly variants: Map<string, string>;
}

const SLASH = 0x2f;
/** Memory of a slot beyond its body (heads, keys, objects), roughly. */
const OVERHEAD_BYTES = 2200;
/** Values of Accept that a slot remembers; longer ones are read each time. */
const MOST_ACCEPTS = 4;
const MOST_ACCEPT_CHARS = 256;
/** What remembering them may take. */
const ACCEPTS_BYTES = MOST_ACCEPTS * (MOST_ACCEPT_CHARS + 100);
/** How long clients are told that an idle connection is kept. */
export const KEEP_ALIVE_SECONDS = 65;
/** Largest bodies kept: files are small ones only, documents may be large. */
export const READY_BYTES = 8 * 1024 * 1024;

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
    if (!ready || etag === undefined || ready.bytes.length > READY_BYTES || ready.bytes.length > this.budgetBytes / 4) return;
    const target = req.url ?? '';
    if (target.startsWith('/') ? this.bases.recall(facts.host) !== base : this.isForwarded(facts)) return;
    const slotKey = this.slotKeyOf(facts, target);
    if (slotKey === undefined) return;
    let slot = this.slots.get(slotKey);
    if (!slot) this.slots.set(slotKey, (slot = emptySlot(answer)));
    const manner = answer.vary === '' ? '' : mannerOf(slot, facts);
    this.bytes -= slot.byManner.get(manner)?.cost ?? 0;
    const plain = headersOf({ ...answer, outcome: 'hit' }, ready.bytes.length);
    const confirmedAt = answer.confirmedAt ?? this.now();
    const prepared = new Prepared(plain, ready.bytes, confirmedAt, KEEP_ALIVE_SECONDS);
    const headers = [...plain, 'Age', '0'];
    const { freshUntil, usedKey } = ready;
    const notBefore = freshUntil === Infinity ? -Infinity : confirmedAt;
    // Clients choose the target, so its length counts too: two bytes a character at most.
    const chosen = 2 * (slotKey.length + manner.length + usedKey.length) + (slot.variantOf ? ACCEPTS_BYTES : 0);
    const cost = prepared.body.length + OVERHEAD_BYTES + chosen;
    const { lastModified } = answer;
    slot.byManner.set(manner, { prepared, headers, etag, lastModified, confirmedAt, notBefore, freshUntil, usedKey, cost, asked: false });
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

  private drop(key: string): void {
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

function emptySlot({ variantOf, hasForms }: Answer): Slot {
  return { byManner: new Map(), variantOf, hasForms: hasForms === true, variants: new Map() };
}

/** Which of a slot's responses a client gets: the rendering that its Accept means, and whether it takes gzip. Never ''. */
function mannerOf(slot: Slot, facts: RequestFacts): string {
  if (slot.hasForms) return acceptsZstd(facts.acceptEncoding) ? 'zstd\n' : '\n';
  return (acceptsGzip(facts.acceptEncoding) ? 'gzip\n' : '\n') + variantOf(slot, facts.accept);
}

function variantOf({ variantOf: choose, variants }: Slot, accept: string | undefined): string {
  if (!choose) return '';
  // No field is not the same as an empty one; no value has a line break.
  const said = accept ?? '\n';
  const known = variants.get(said);
  if (known !== undefined) return known;
  const variant = choose(accept);
  if (said.length > MOST_ACCEPT_CHARS) return variant;
  if (variants.size === MOST_ACCEPTS) variants.clear();
  // A copy: what was cut out of a larger text would keep all of it.
  variants.set(Buffer.from(said, 'latin1').toString('latin1'), variant);
  return variant;
}
