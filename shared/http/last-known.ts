/** Figures for the status, which is told at once whatever state the store is in. */

/** Newest answer of something that may be slow or fail. */
export interface Known<T> {
  readonly value: T;
  /** Why the last question was not answered; absent if it was, or still may be. */
  readonly failure?: unknown;
}

/**
 * Asks, and remembers the newest answer. The returned function never rejects and takes `waitMs` at most.
 * @param first the value until there is an answer
 */
export function lastKnown<T>(ask: () => Promise<T>, first: T, waitMs: number): () => Promise<Known<T>> {
  let known: Known<T> = { value: first };
  let asking: Promise<void> | undefined;
  return async () => {
    // One question at a time: who does not answer is not asked by everybody again.
    asking ??= ask()
      .then(
        (value) => void (known = { value }),
        (failure: unknown) => void (known = { value: known.value, failure }),
      )
      .finally(() => (asking = undefined));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((done) => (timer = setTimeout(done, waitMs)));
    await Promise.race([asking, late]);
    clearTimeout(timer);
    return known;
  };
}
