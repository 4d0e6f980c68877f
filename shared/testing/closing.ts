/** What a test opens is closed after it. */

/** Has something closed after the test. @returns it */
export type Later = <T>(opened: T, close: (opened: T) => unknown) => T;

/** Call it once, at the top level of a test file: what was opened last is closed first, since homes go with those that made them. */
export function closing(): Later {
  const closes: Array<() => unknown> = [];
  afterEach(async () => {
    for (const close of closes.splice(0).reverse()) await close();
  });
  return (opened, close) => {
    closes.push(() => close(opened));
    return opened;
  };
}
