/** Short memory of what the upstream said does not exist: 404 and 410, nothing else (RFC 9111 §3 allows; §4.2.2 for the lifetime). */
import { isLarderError, type LarderError } from '../errors';

const MOST_KEYS = 10_000;

export class NegativeCache {
  private readonly known = new Map<string, { readonly error: LarderError; readonly learntAt: number }>();

  constructor(
    private readonly ttlSeconds: number,
    private readonly now: () => number,
  ) {}

  /** @throws the remembered error, while it is remembered */
  check(key: string): void {
    const found = this.known.get(key);
    if (!found) return;
    // A clock that went backwards makes nothing last longer.
    const age = this.now() - found.learntAt;
    if (age >= 0 && age < this.ttlSeconds * 1000) throw found.error;
    this.known.delete(key);
  }

  /** Remembers an error if it is a 404 or 410 of the upstream. */
  learn(key: string, error: unknown): void {
    if (!isLarderError(error) || (error.code !== 'upstream-not-found' && error.code !== 'upstream-gone')) return;
    if (this.known.size >= MOST_KEYS) this.known.delete(this.known.keys().next().value as string);
    this.known.set(key, { error, learntAt: this.now() });
  }

  forget(keys: Iterable<string>): void {
    for (const key of keys) this.known.delete(key);
  }

  /** Forgets every key that begins with a prefix. */
  forgetPrefix(prefix: string): void {
    for (const key of this.known.keys()) if (key.startsWith(prefix)) this.known.delete(key);
  }
}
