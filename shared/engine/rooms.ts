/** What the engine works with: one cache's module and configuration, and the rooms that do the work. */
import type { Module } from '../../caches/module';
import type { CacheConfig, Config } from '../config/config';
import type { DocumentPool } from '../documents/types';
import type { Digested } from '../integrity/digest';
import type { Log } from '../log/types';
import type { Store } from '../store/types';
import type { Upstream } from '../upstream/types';
import type { EarlyTiming } from './documents/early';
import type { Spools } from './bodies/spooling';

export interface EngineRooms {
  readonly config: Config;
  readonly cache: CacheConfig;
  readonly module: Module;
  readonly store: Store;
  readonly upstream: Upstream;
  readonly pool: DocumentPool;
  readonly spools: Spools;
  readonly log: Log;
  /** When answers begin before their documents are there; the usual timing unless given. */
  readonly early?: EarlyTiming;
  /** ms since the epoch. */
  readonly now: () => number;
}

/** The SRI under which the store keeps bytes: SHA-512 where it was computed, else SHA-256. */
export function contentAddress(digested: Digested): string {
  const address = digested.digests.sha512 ?? digested.digests.sha256;
  if (address === undefined) throw new TypeError('a body was digested without SHA-256 or SHA-512');
  return address;
}

/** A strong ETag of at most 40 characters from an SRI (RFC 9110 §8.8.3); `tag` tells encodings of one body apart. */
export function strongEtag(integrity: string, tag = ''): string {
  const base64 = integrity.slice(integrity.indexOf('-') + 1);
  return `"${base64.slice(0, 27).replace(/\+/g, '-').replace(/\//g, '_')}${tag}"`;
}
