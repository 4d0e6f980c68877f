/** The header fields that decide something, read once from the raw list: building Node's header object costs more than the rest of a hit. */
import { cleanTarget } from '../log/redact';

export interface RequestFacts {
  host: string | undefined;
  accept: string | undefined;
  acceptEncoding: string | undefined;
  range: string | undefined;
  ifRange: string | undefined;
  ifNoneMatch: string | undefined;
  ifModifiedSince: string | undefined;
  ifMatch: string | undefined;
  ifUnmodifiedSince: string | undefined;
  authorization: string | undefined;
  via: string | undefined;
  cacheControl: string | undefined;
  pragma: string | undefined;
  forwardedHost: string | undefined;
  forwardedProto: string | undefined;
  forwardedPrefix: string | undefined;
  /** Further fields that are logged: `name=value …`; undefined if none of them came. */
  said: string | undefined;
  /** More than one Host field: ambiguous, refused (RFC 9112 §3.2). */
  hostTwice: boolean;
}

type TextFact = Exclude<keyof RequestFacts, 'hostTwice' | 'said'>;

const FIELDS: Readonly<Record<string, TextFact>> = {
  host: 'host',
  accept: 'accept',
  'accept-encoding': 'acceptEncoding',
  range: 'range',
  'if-range': 'ifRange',
  'if-none-match': 'ifNoneMatch',
  'if-modified-since': 'ifModifiedSince',
  'if-match': 'ifMatch',
  'if-unmodified-since': 'ifUnmodifiedSince',
  authorization: 'authorization',
  via: 'via',
  'cache-control': 'cacheControl',
  pragma: 'pragma',
  'x-forwarded-host': 'forwardedHost',
  'x-forwarded-proto': 'forwardedProto',
  'x-forwarded-prefix': 'forwardedPrefix',
};
const FIELD = new Map(Object.entries(FIELDS));
/** Spellings seen so far, so that lower-casing happens once per spelling. Bounded: clients choose them. */
const spellings = new Map<string, TextFact | undefined>();
const MOST_SPELLINGS = 500;

/** What one field may take of a line of the log. */
const MOST_SAID_CHARS = 300;

/**
 * @param rawHeaders name, value, name, value … as Node has them. Repeated list fields are joined (RFC 9110 §5.3).
 * @param logged names (lower case) of further fields that are logged
 */
export function readFacts(rawHeaders: readonly string[], logged?: ReadonlySet<string>): RequestFacts {
  const facts: RequestFacts = {
    host: undefined,
    accept: undefined,
    acceptEncoding: undefined,
    range: undefined,
    ifRange: undefined,
    ifNoneMatch: undefined,
    ifModifiedSince: undefined,
    ifMatch: undefined,
    ifUnmodifiedSince: undefined,
    authorization: undefined,
    via: undefined,
    cacheControl: undefined,
    pragma: undefined,
    forwardedHost: undefined,
    forwardedProto: undefined,
    forwardedPrefix: undefined,
    said: undefined,
    hostTwice: false,
  };
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = factOf(rawHeaders[i] as string);
    if (name === undefined) {
      if (logged) say(facts, logged, rawHeaders[i] as string, rawHeaders[i + 1] as string);
      continue;
    }
    const before = facts[name];
    if (before === undefined) facts[name] = rawHeaders[i + 1];
    else if (name === 'host') facts.hostTwice = true;
    else facts[name] = `${before}, ${rawHeaders[i + 1]}`;
  }
  return facts;
}

function say(facts: RequestFacts, logged: ReadonlySet<string>, spelling: string, value: string): void {
  const name = spelling.toLowerCase();
  if (!logged.has(name)) return;
  const text = `${name}=${cleanTarget(value.slice(0, MOST_SAID_CHARS))}`;
  facts.said = facts.said === undefined ? text : `${facts.said} ${text}`;
}

function factOf(spelling: string): TextFact | undefined {
  const known = spellings.get(spelling);
  if (known !== undefined || spellings.has(spelling)) return known;
  const fact = FIELD.get(spelling.toLowerCase());
  if (spellings.size < MOST_SPELLINGS) spellings.set(spelling, fact);
  return fact;
}

/** Whether it wants something else than what is fresh, whole. */
export function hasWishes({ cacheControl, pragma, ifNoneMatch, ifModifiedSince }: RequestFacts): boolean {
  return cacheControl !== undefined || pragma !== undefined || ifNoneMatch !== undefined || ifModifiedSince !== undefined;
}

/** Whether a client takes gzip (RFC 9110 §12.5.3): named, or `*`, with a weight above 0. */
export function acceptsGzip(acceptEncoding: string | undefined): boolean {
  return accepts(gzipAnswers, acceptEncoding, (codings) => codings.get('gzip') ?? codings.get('x-gzip') ?? codings.get('*') ?? false);
}

/** Whether a client takes zstd: named, with a weight above 0. `*` is said by many who cannot read it. */
export function acceptsZstd(acceptEncoding: string | undefined): boolean {
  return accepts(zstdAnswers, acceptEncoding, (codings) => codings.get('zstd') ?? false);
}

const gzipAnswers = new Map<string, boolean>();
const zstdAnswers = new Map<string, boolean>();

function accepts(
  answers: Map<string, boolean>,
  acceptEncoding: string | undefined,
  decide: (codings: ReadonlyMap<string, boolean>) => boolean,
): boolean {
  if (acceptEncoding === undefined) return false;
  const known = answers.get(acceptEncoding);
  if (known !== undefined) return known;
  const codings = new Map<string, boolean>();
  for (const part of acceptEncoding.toLowerCase().split(',')) {
    const [coding = '', ...parameters] = part.split(';').map((word) => word.trim());
    codings.set(coding, !parameters.some((parameter) => /^q=0(?:\.0{0,3})?$/.test(parameter)));
  }
  const answer = decide(codings);
  if (answers.size < MOST_SPELLINGS) answers.set(acceptEncoding, answer);
  return answer;
}
