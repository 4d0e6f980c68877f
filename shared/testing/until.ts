/** Waiting for something that happens in its own time. */

/** How patient the waiting is. */
export interface Patience {
  /** Longest wait, ms; 20 s unless given. */
  readonly mostMs?: number;
  /** Time between two looks, ms; 5 unless given. */
  readonly lookMs?: number;
}

/**
 * Looks again and again until the condition holds: a value that is not undefined or false.
 * @returns that value
 * @throws Error naming `what`, if it does not hold in time
 */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  { mostMs = 20_000, lookMs = 5 }: Patience = {},
): Promise<Exclude<T, undefined | false>> {
  const end = Date.now() + mostMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
    if (Date.now() > end) throw new Error(`it did not come about: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}
