/** Where the promise comes from that judges a file: the URL itself, or the document that pins it, fetched beside it. */
import type { Elsewhere, ImmutableRoute, Pin } from '../../../caches/module';
import { isLarderError, type LarderError } from '../../errors';
import { strongestAlgorithm, type Algorithm } from '../../integrity/sri';
import type { DocumentDesk } from '../documents/document-desk';
import { planPinningDocument, planTarget, type Plan } from '../plan';
import type { EngineRooms } from '../rooms';

/** A file is asked for without its pin rather than later than this, however busy the store is; its tail still waits for the pin. */
const KNOWN_MS = 500;

/** Addresses of a file, absolute. */
export interface Besides {
  readonly first: readonly string[];
  readonly last: readonly string[];
}

export interface PinSource {
  /** The pin, if it was known before anything was asked. */
  known(): Pin | undefined;
  /** What to compute while the body streams. */
  algorithms(): readonly Algorithm[];
  /** Whether a pin is to be expected. */
  readonly willJudge: boolean;
  /** The pin; the document is fetched for it. undefined: no document can be had, or it does not name the file. Never rejects. */
  pin(): Promise<Pin | undefined>;
  /** The pin by what was learnt until now; nobody is asked. Never rejects. */
  learnt(): Promise<Pin | undefined>;
  /** The pin by a document that was just confirmed by the upstream. Never rejects. */
  refreshed(): Promise<Pin | undefined>;
  /** Addresses besides the one that the pin names, by documents that are held; nobody is asked. Never rejects. */
  besides(): Promise<Besides>;
  /** Why the document could not be had when it was asked last; undefined if it could, or if the upstream has none. */
  trouble(): LarderError | undefined;
}

/** @param plan the plan of an immutable route */
export async function pinSource(rooms: EngineRooms, desk: DocumentDesk, plan: Plan): Promise<PinSource> {
  const route = plan.route as ImmutableRoute;
  const integrity = route.integrity?.(plan.params);
  const document = planPinningDocument(rooms.module, rooms.cache, plan);
  const own: Pin | undefined = integrity === undefined ? undefined : { target: plan.path, integrity };
  const known = own ?? (document ? await pinWaited(desk.pin(document, plan.path), KNOWN_MS) : undefined);
  let asked: Promise<Pin | undefined> | undefined;
  let trouble: LarderError | undefined;
  const confirmed = async (): Promise<Pin | undefined> => {
    if (!document) return own;
    const failure = await failureOf(desk.confirmed(document));
    trouble = troubleOf(failure);
    return (await desk.recalled(document, plan.path)) ?? (failure === undefined ? undefined : known);
  };
  const documentAt = (place: Elsewhere): Plan => planTarget(rooms.module, rooms.cache, plan.origin, 'GET', place.document);
  /** What the held document of a place promises, as a promise about the file. */
  const said = async (place: Elsewhere): Promise<Pin | undefined> => {
    const found = await desk.recalled(documentAt(place), place.target ?? plan.path);
    if (!found || !place.source) return found;
    return found.source === undefined ? undefined : { target: plan.path, source: place.source(found.source) };
  };
  /** In the places that the route names, each held or fetched. */
  const elsewhere = async (): Promise<Pin | undefined> => {
    for (const place of route.elsewhere?.(plan.params) ?? []) {
      const other = documentAt(place);
      const failure = (await rooms.store.find(other.key)) ? undefined : await failureOf(desk.confirmed(other));
      trouble ??= troubleOf(failure);
      const found = await said(place);
      if (found) return found;
    }
    return undefined;
  };
  const besides = async (): Promise<Besides> => {
    const found: Record<keyof Besides, string[]> = { first: [], last: [] };
    for (const place of route.alsoAt?.(plan.params) ?? []) {
      const source = (await said(place))?.source;
      if (source !== undefined) found[place.isPreferred ? 'first' : 'last'].push(source);
    }
    return found;
  };
  // What is held judges even if the catalogue lost what it promises; what it does not name may be in a newer one.
  const ask = async (): Promise<Pin | undefined> =>
    (document && (await desk.recalled(document, plan.path))) ?? (await confirmed()) ?? elsewhere();
  return {
    known: () => known,
    algorithms: () => digestsFor(known?.integrity, route.digest),
    willJudge: known?.integrity !== undefined || document !== undefined,
    pin: () => (known ? Promise.resolve(known) : (asked ??= ask())),
    learnt: async () => own ?? (document && (await desk.pin(document, plan.path))),
    besides,
    refreshed: () => (own ? Promise.resolve(own) : confirmed()),
    trouble: () => trouble,
  };
}

/** What a promise is rejected with; undefined if it is kept. */
function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error ?? 'unknown',
  );
}

/** A failure that does not say that there is no such document. */
function troubleOf(failure: unknown): LarderError | undefined {
  return isLarderError(failure) && /^(?:upstream-(?!not-found|gone|denied)|document-)/.test(failure.code) ? failure : undefined;
}

/** The pin if it comes within a time; undefined otherwise. */
export function pinWaited(pin: Promise<Pin | undefined>, waitMs: number): Promise<Pin | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), waitMs);
    void pin.then((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}

/** One digest a pass: the pin's own, where it can be the content address too; a weak pin costs a second one. */
function digestsFor(pin: string | undefined, usual: 'sha256' | 'sha512'): readonly Algorithm[] {
  const strongest = pin === undefined ? undefined : strongestAlgorithm(pin);
  if (strongest === undefined) return [usual];
  return strongest === 'sha256' || strongest === 'sha512' ? [strongest] : [usual, strongest];
}
