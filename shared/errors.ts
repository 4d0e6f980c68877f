/**
 * The closed catalogue of everything that can go wrong towards a client or an operator. Rooms throw `LarderError`; only
 * http/ turns one into a response.
 */
import { types } from 'node:util';

interface ErrorKind {
  /** HTTP status of the response. */
  readonly status: number;
  readonly level: 'error' | 'warn' | 'info';
  /** One sentence; `{fact}` is replaced by the error's facts. */
  readonly text: string;
  /** What to do about it; '' where there is nothing to do. */
  readonly remedy: string;
}

export const ERRORS = {
  'bad-target': { status: 400, level: 'info', text: 'the request target is not acceptable: {reason}', remedy: '' },
  'target-climbs': { status: 404, level: 'info', text: 'this cache has nothing behind a target that climbs', remedy: '' },
  'not-found': { status: 404, level: 'info', text: 'this cache has nothing at {target}', remedy: '' },
  'upstream-not-found': { status: 404, level: 'info', text: '{target} does not exist upstream', remedy: '' },
  'upstream-gone': { status: 410, level: 'info', text: '{target} is gone upstream', remedy: '' },
  'part-not-found': { status: 404, level: 'info', text: 'the document has no {part}', remedy: '' },
  'method-not-allowed': { status: 405, level: 'info', text: '{method} is not possible here', remedy: 'use {allowed}' },
  'method-kept-back': { status: 405, level: 'info', text: '{method} is not sent on', remedy: 'use {allowed}, or set METHODS_{place}=all' },
  'coding-unknown': {
    status: 501,
    level: 'info',
    text: 'the body comes in the transfer coding {coding}',
    remedy: 'send it with its length, or chunked and nothing else',
  },
  'connect-refused': { status: 405, level: 'info', text: 'CONNECT is not possible here', remedy: '{remedy}' },
  misdirected: {
    status: 421,
    level: 'info',
    text: 'the Host {host} is not one of this cache',
    remedy: 'add it to ALLOW_HOSTS, or set PUBLIC_URL_{cache}',
  },
  'client-refused': {
    status: 403,
    level: 'warn',
    text: 'the address {address} may not use this cache',
    remedy: 'add its network to CLIENT_NETS',
  },
  'target-refused': {
    status: 403,
    level: 'info',
    text: '{host} may not be reached through this cache: {reason}',
    remedy: '{remedy}',
  },
  'credentials-stripped': {
    status: 403,
    level: 'info',
    text: 'this cache never passes credentials on, so {what} is not possible through it',
    remedy: 'talk to the registry itself for this, or set CLIENT_AUTH_{cache}=forward with an UPSTREAM_{cache} of your own',
  },
  'upstream-denied': { status: 403, level: 'info', text: 'the upstream answered {status} for {target}', remedy: '' },
  'upstream-unauthorized': { status: 401, level: 'info', text: 'the upstream wants (other) credentials for {target}', remedy: '' },
  loop: {
    status: 508,
    level: 'error',
    text: 'the upstream of this cache leads back to the cache itself',
    remedy: 'look at UPSTREAM_{cache} and UPSTREAM_PROXY',
  },
  'address-refused': {
    status: 502,
    level: 'warn',
    text: 'the upstream led to {host}, which may not be reached: {reason}',
    remedy: 'if that is intended, add the network to ALLOW_NETS',
  },
  'host-refused': {
    status: 403,
    level: 'warn',
    text: 'the upstream led to {host}, which is not one of the hosts that may be reached',
    remedy: 'if that is intended, add it to FILE_HOSTS_{cache}',
  },
  'upstream-unreachable': { status: 502, level: 'warn', text: 'the upstream {host} cannot be reached: {reason}', remedy: '' },
  'upstream-timeout': { status: 504, level: 'warn', text: 'the upstream {host} did not answer in time ({reason})', remedy: '' },
  'upstream-failed': { status: 502, level: 'warn', text: 'the upstream {host} failed: {reason}', remedy: '' },
  'upstream-busy': { status: 503, level: 'warn', text: 'the upstream {host} asks to come back later (status {status})', remedy: '' },
  integrity: {
    status: 502,
    level: 'error',
    text: 'the bytes of {target} do not match what the index promises (expected {expected}, got {got})',
    remedy: '',
  },
  'held-unreadable': {
    status: 502,
    level: 'error',
    text: 'the bytes held of {target} cannot be read: {reason}',
    remedy: 'look at the disk and the permissions of CACHE_DIR',
  },
  'digest-changed': {
    status: 502,
    level: 'error',
    text: '{target} was released with other bytes before ({held}); the index now promises {promised}',
    remedy: 'if the change is legitimate: make purge c={cache} p=<package>, or CHANGED_{cache}=follow',
  },
  'document-invalid': { status: 502, level: 'warn', text: 'the document at {target} is not usable: {reason}', remedy: '' },
  'document-too-large': {
    status: 502,
    level: 'warn',
    text: 'the document at {target} is larger than {limit} bytes',
    remedy: 'raise MAX_DOCUMENT',
  },
  offline: { status: 504, level: 'info', text: '{target} is not held, and OFFLINE=yes', remedy: '' },
  'offline-pass': { status: 504, level: 'info', text: 'only the upstream can answer {target}, and OFFLINE=yes', remedy: '' },
  'only-if-cached': {
    status: 504,
    level: 'info',
    text: 'the request asks for {target} only if it is held (Cache-Control: only-if-cached), and it is not',
    remedy: '',
  },
  unconfirmed: {
    status: 504,
    level: 'info',
    text: '{target} is held, but must not be used before the upstream has confirmed it, and that failed: {reason}',
    remedy: '',
  },
  'not-configured': { status: 503, level: 'info', text: 'this cache has no upstream', remedy: 'set {setting}' },
  overloaded: { status: 503, level: 'warn', text: '{what}', remedy: '' },
  precondition: { status: 412, level: 'info', text: 'a precondition of the request does not hold', remedy: '' },
  config: { status: 500, level: 'error', text: '{name}={value} is not possible: {allowed}', remedy: '' },
  start: { status: 500, level: 'error', text: '{what}', remedy: '{remedy}' },
  internal: { status: 500, level: 'error', text: 'an error of the cache itself: {reason}', remedy: '' },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;
export type Facts = Readonly<Record<string, string | number>>;

/** An error with a code of the catalogue and the facts that its text names. `cause` is what led to it. */
export class LarderError extends Error {
  constructor(
    readonly code: ErrorCode,
    readonly facts: Facts = {},
    cause?: unknown,
  ) {
    super(fill(ERRORS[code].text, facts), cause === undefined ? undefined : { cause });
    this.name = 'LarderError';
  }
  get status(): number {
    return ERRORS[this.code].status;
  }
  get remedy(): string {
    return fill(ERRORS[this.code].remedy, this.facts);
  }
}

/** Whether a thrown value is a LarderError, also across realms. */
export function isLarderError(value: unknown): value is LarderError {
  return types.isNativeError(value) && value.name === 'LarderError';
}

/** The `code` of a system or library error, or undefined. */
export function errorCode(value: unknown): string | undefined {
  const code = types.isNativeError(value) ? (value as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** What an unknown thrown value says, for a log line or a fact. */
export function errorText(value: unknown): string {
  return types.isNativeError(value) ? value.message : String(value);
}

/** The same with what to do about it behind a semicolon, where that is known: for people. */
export function errorAdvice(value: unknown): string {
  const remedy = isLarderError(value) ? value.remedy : '';
  return remedy === '' ? errorText(value) : `${errorText(value)}; ${remedy}`;
}

function fill(text: string, facts: Facts): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(facts[name] ?? whole));
}
