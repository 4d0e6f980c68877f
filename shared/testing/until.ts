/** Waiting for something that happens in its own time. */

const MOST_MS = 20_000;
const LOOK_MS = 5;

/**
 * Looks again and again until the condition holds: a value that is not undefined or false.
 * @returns that value
 * @throws Error naming `what`, if it does not hold within 20 s
 */
export async function until<T>(what: string, condition: () => T | Promise<T>): Promise<Exclude<T, undefined | false>> {
  const end = Date.now() + MOST_MS;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
    if (Date.now() > end) throw new Error(`it did not come about: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
