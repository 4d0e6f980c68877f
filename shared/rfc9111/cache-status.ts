/** Cache-Status, RFC 9211: what a cache did, for people who debug. */
import type { Fields } from './message';
import { writtenString } from './structured-fields';

/** One member; `hit` or `fwd`, never both (RFC 9211 §2.2). */
export interface CacheStatus {
  /** Name of this cache, a token (RFC 9211 §2). */
  readonly cache: string;
  /** Satisfied from the store, nobody was asked. */
  readonly hit?: boolean | undefined;
  /** Why the request went forward. */
  readonly fwd?: 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'miss' | 'request' | 'stale' | 'partial' | undefined;
  /** What the next server answered, where that is not what is sent. */
  readonly fwdStatus?: number | undefined;
  /** Remaining freshness lifetime, ms; negative: stale. */
  readonly ttlMs?: number | undefined;
  readonly stored?: boolean | undefined;
  readonly collapsed?: boolean | undefined;
  readonly key?: string | undefined;
  readonly detail?: string | undefined;
}

/** The member as it is written. `stored`, `collapsed` and `fwd-status` mean something only where it went forward (RFC 9211 §2.3 to §2.6). */
export function cacheStatus(status: CacheStatus): string {
  const words = [status.cache];
  if (status.fwd === undefined) {
    if (status.hit === true) words.push('hit');
  } else {
    words.push(`fwd=${status.fwd}`);
    if (status.fwdStatus !== undefined) words.push(`fwd-status=${status.fwdStatus}`);
    if (status.stored === true) words.push('stored');
    if (status.collapsed === true) words.push('collapsed');
  }
  if (status.ttlMs !== undefined && Number.isFinite(status.ttlMs)) words.push(`ttl=${Math.floor(status.ttlMs / 1000)}`);
  if (status.key !== undefined) words.push(`key=${writtenString(status.key)}`);
  if (status.detail !== undefined) words.push(`detail=${writtenString(status.detail)}`);
  return words.join('; ');
}

/** Behind those that came: the last member is the cache next to the client (RFC 9211 §2). */
export function withCacheStatus(fields: Fields, status: CacheStatus): Fields {
  return [...fields, ['Cache-Status', cacheStatus(status)]];
}
