/** Ready responses, and which of a URL's a client means: by rendering and encoding, not by what clients send. */
import type { Answer } from '../engine/answer';
import type { Prepared } from './prepared';
import { acceptsGzip, acceptsZstd, type RequestFacts } from './request-facts';

/** A response that needs nothing but its Age. */
export interface Ready {
  readonly prepared: Prepared;
  /** name, value, …; the last value is Age, of an origin's message the one before Cache-Status. */
  readonly headers: string[];
  readonly isMessage: boolean;
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
export interface Slot {
  /** By rendering and encoding, not by what clients send: one rendering is kept once, however many ways there are to ask for it. */
  readonly byManner: Map<string, Ready>;
  readonly variantOf: ((accept: string | undefined) => string) | undefined;
  /** They are several files, of which one is for clients that accept zstd. */
  readonly hasForms: boolean;
  /** Which renderings some values of Accept mean. */
  readonly variants: Map<string, string>;
}

/** Values of Accept that a slot remembers; longer ones are read each time. */
const MOST_ACCEPTS = 4;
const MOST_ACCEPT_CHARS = 256;
/** What remembering them may take. */
export const ACCEPTS_BYTES = MOST_ACCEPTS * (MOST_ACCEPT_CHARS + 100);

/** A URL's slot, without responses. */
export function emptySlot({ variantOf, hasForms }: Pick<Answer, 'variantOf' | 'hasForms'>): Slot {
  return { byManner: new Map(), variantOf, hasForms: hasForms === true, variants: new Map() };
}

/** Which of a slot's responses a client gets: the rendering that its Accept means, and whether it takes gzip. Never ''. */
export function mannerOf(slot: Slot, facts: RequestFacts): string {
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
