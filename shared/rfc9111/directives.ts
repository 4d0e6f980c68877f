/** Cache directives of one message, RFC 9111 §5.2, RFC 5861, RFC 8246: from Cache-Control, or from a targeted field (RFC 9213). */
import { isToken, linesOf, membersOf, unquoted, valueOf } from './field-lines';
import type { Fields, Rules } from './message';
import { dictionary, type BareItem } from './structured-fields';

/** What the directives say; numbers are seconds. Of several of one name the most restrictive counts (RFC 9111 §4.2.1). */
export interface Directives {
  readonly noStore: boolean;
  /** Unqualified. */
  readonly noCache: boolean;
  /** Names that `no-cache="…"` lists, lower case. */
  readonly noCacheFields: readonly string[];
  /** Unqualified. */
  readonly isPrivate: boolean;
  /** Names that `private="…"` lists, lower case. */
  readonly privateFields: readonly string[];
  readonly isPublic: boolean;
  readonly mustRevalidate: boolean;
  readonly proxyRevalidate: boolean;
  readonly mustUnderstand: boolean;
  readonly onlyIfCached: boolean;
  readonly immutable: boolean;
  /** 0 where the argument is invalid: encouraged to be stale (RFC 9111 §4.2.1). */
  readonly maxAge?: number | undefined;
  readonly sMaxage?: number | undefined;
  /** Infinity without an argument (RFC 9111 §5.2.1.2). */
  readonly maxStale?: number | undefined;
  readonly minFresh?: number | undefined;
  readonly staleWhileRevalidate?: number | undefined;
  readonly staleIfError?: number | undefined;
}

type Draft = { -readonly [Key in keyof Directives]: Directives[Key] extends readonly string[] ? string[] : Directives[Key] };
/** Argument of a directive: none, text (of a token or quoted string), or something that is neither. */
type Argument = { readonly text?: string | undefined; readonly isBroken: boolean };

/** The number that stands for all greater ones (RFC 9111 §1.2.2). */
export const LONGEST_SECONDS = 2 ** 31;
const NO_ARGUMENT: Argument = { isBroken: false };
/** Fields that the policy itself reads: where one of them is to be left out, all of the response is meant. */
const POLICY_FIELDS = new Set([
  'cache-control',
  'vary',
  'date',
  'expires',
  'age',
  'content-encoding',
  'content-range',
  'transfer-encoding',
]);

/** @param lines of Cache-Control; each is read for itself, so that a broken one cannot swallow the next */
export function cacheControl(lines: readonly string[]): Directives {
  const draft = nothingSaid();
  for (const member of lines.flatMap((line) => membersOf(line))) {
    const equals = member.indexOf('=');
    const said = (equals === -1 ? member : member.slice(0, equals)).toLowerCase();
    // `no-store; x` and `no-store =x` are no directives, but what it is meant to forbid is clear: only what allows needs to be well written.
    const name = /^[!#$%&'*+\-.^_`|~\w]+/.exec(said)?.[0] ?? '';
    const argument = equals === -1 ? NO_ARGUMENT : argumentOf(member.slice(equals + 1));
    add(draft, name, name === said ? argument : { isBroken: true });
  }
  return draft;
}

/** Directives of a request (RFC 9111 §5.2.1); Pragma: no-cache where there is no Cache-Control (§5.4). */
export function requestDirectives(fields: Fields): Directives {
  const lines = linesOf(fields, 'cache-control');
  if (lines.length > 0) return cacheControl(lines);
  const pragma = membersOf(valueOf(fields, 'pragma') ?? '').some((member) => member.toLowerCase() === 'no-cache');
  return pragma ? { ...nothingSaid(), noCache: true } : nothingSaid();
}

/** Directives that hold for a response: of the first valid targeted field, else of Cache-Control (RFC 9213 §2.2). */
export function responseDirectives(fields: Fields, rules: Rules): { readonly directives: Directives; readonly isTargeted: boolean } {
  for (const target of rules.targets) {
    const directives = targeted(valueOf(fields, target));
    if (directives) return { directives, isTargeted: true };
  }
  return { directives: cacheControl(linesOf(fields, 'cache-control')), isTargeted: false };
}

function targeted(value: string | undefined): Directives | undefined {
  const members = value === undefined ? undefined : dictionary(value);
  if (members === undefined || members.size === 0) return undefined;
  const draft = nothingSaid();
  for (const [name, item] of members) {
    if (item.type === 'boolean' && !item.value) continue;
    add(draft, name, structuredArgument(name, item));
  }
  return draft;
}

/** Values of another type than the directive has are not to be consumed (RFC 9213 §2.1). */
function structuredArgument(name: string, item: BareItem): Argument {
  if (item.type === 'boolean') return NO_ARGUMENT;
  if (item.type === 'integer') return { text: String(item.value), isBroken: false };
  if ((item.type === 'string' || item.type === 'token') && (name === 'no-cache' || name === 'private')) {
    return { text: item.value, isBroken: false };
  }
  return { isBroken: true };
}

function nothingSaid(): Draft {
  return {
    noStore: false,
    noCache: false,
    noCacheFields: [],
    isPrivate: false,
    privateFields: [],
    isPublic: false,
    mustRevalidate: false,
    proxyRevalidate: false,
    mustUnderstand: false,
    onlyIfCached: false,
    immutable: false,
  };
}

function argumentOf(raw: string): Argument {
  if (isToken(raw)) return { text: raw, isBroken: false };
  const text = unquoted(raw);
  return text === undefined ? { isBroken: true } : { text, isBroken: false };
}

function add(draft: Draft, name: string, argument: Argument): void {
  const isBare = !argument.isBroken && argument.text === undefined;
  if (name === 'no-store') draft.noStore = true;
  else if (name === 'must-revalidate') draft.mustRevalidate = true;
  else if (name === 'proxy-revalidate') draft.proxyRevalidate = true;
  else if (name === 'only-if-cached') draft.onlyIfCached = true;
  else if (name === 'public') draft.isPublic ||= isBare;
  else if (name === 'immutable') draft.immutable ||= isBare;
  else if (name === 'must-understand') draft.mustUnderstand ||= isBare;
  else if (name === 'no-cache' && !addNames(draft.noCacheFields, argument)) draft.noCache = true;
  else if (name === 'private' && !addNames(draft.privateFields, argument)) draft.isPrivate = true;
  else if (name === 'max-age') draft.maxAge = least(draft.maxAge, seconds(argument) ?? 0);
  else if (name === 's-maxage') draft.sMaxage = least(draft.sMaxage, seconds(argument) ?? 0);
  else if (name === 'max-stale') draft.maxStale = least(draft.maxStale, isBare ? Infinity : (seconds(argument) ?? 0));
  else if (name === 'min-fresh') draft.minFresh = Math.max(draft.minFresh ?? 0, seconds(argument) ?? 0);
  else if (name === 'stale-while-revalidate') draft.staleWhileRevalidate = least(draft.staleWhileRevalidate, seconds(argument) ?? 0);
  else if (name === 'stale-if-error') draft.staleIfError = least(draft.staleIfError, seconds(argument) ?? 0);
}

/** @returns false: no names that can be left out, so that the directive is unqualified */
function addNames(names: string[], { text }: Argument): boolean {
  const listed = membersOf(text ?? '').map((name) => name.toLowerCase());
  if (listed.length === 0 || !listed.every((name) => isToken(name) && !POLICY_FIELDS.has(name))) return false;
  names.push(...listed);
  return true;
}

/** delta-seconds, RFC 9111 §1.2.2; undefined: it is none */
export function deltaSeconds(text: string): number | undefined {
  return /^\d+$/.test(text) ? Math.min(Number(text), LONGEST_SECONDS) : undefined;
}

function seconds({ text }: Argument): number | undefined {
  return text === undefined ? undefined : deltaSeconds(text);
}

function least(one: number | undefined, other: number): number {
  return one === undefined ? other : Math.min(one, other);
}
