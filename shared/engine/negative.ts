/** Short memory of what the upstream said does not exist: 404 and 410, nothing else (RFC 9111 §3 allows; §4.2.2 for the lifetime). */
import { isLarderError, LarderError, type ErrorCode, type Facts } from '../errors';

const MOST_KEYS = 10_000;
/** Longer keys are nobody's real ones, but would fill the memory. */
const LONGEST_KEY = 1024;

export class NegativeCache {
  /** Not the errors themselves: by its stack an error keeps alive whatever the download was made of. */
  private readonly known = new Map<string, { readonly code: ErrorCode; readonly facts: Facts; readonly learntAt: number }>();

  constructor(
    private readonly ttlSeconds: number,
    private readonly now: () => number,
  ) {}

  /** @throws LarderError as it was learnt, while it is remembered */
  check(key: string): void {
    const found = this.known.get(key);
    if (!found) return;
    // A clock that went backwards makes nothing last longer.
    const age = this.now() - found.learntAt;
    if (age >= 0 && age < this.ttlSeconds * 1000) throw new LarderError(found.code, found.facts);
    this.known.delete(key);
  }

  /** Remembers an error if it is a 404 or 410 of the upstream. */
  learn(key: string, error: unknown): void {
    if (!isLarderError(error) || (error.code !== 'upstream-not-found' && error.code !== 'upstream-gone')) return;
    if (key.length > LONGEST_KEY) return;
    this.known.delete(key);
    if (this.known.size >= MOST_KEYS) this.known.delete(this.known.keys().next().value as string);
    this.known.set(key, { code: error.code, facts: error.facts, learntAt: this.now() });
  }

  forget(keys: Iterable<string>): void {
    for (const key of keys) this.known.delete(key);
  }

  /** Forgets every key that begins with a prefix. */
  forgetPrefix(prefix: string): void {
    for (const key of this.known.keys()) if (key.startsWith(prefix)) this.known.delete(key);
  }
}
